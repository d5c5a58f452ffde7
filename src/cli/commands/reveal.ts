import { resolve } from "node:path";
import { withDatabase } from "../../app/open-database.ts";
import { openKeyring } from "../../app/open-keyring.ts";
import { columnsNamed, type PlacedColumn, placedColumns } from "../../app/placed-columns.ts";
import { type RevealWay, keyringWay, vaultWay } from "../../app/search/reveal-ways.ts";
import type { Config } from "../../config/config.ts";
import { didYouMean } from "../../config/did-you-mean.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { loadPrivateKey } from "../../keys/keyring-file.ts";
import { type MaskedColumn, isMasked, keyNameOf, maskedOf } from "../../mask/column-tokens.ts";
import { isReversible } from "../../mask/reveal-token.ts";
import { showsVersion, whyUnsearchable } from "../../mask/value-tokens.ts";
import type { Column } from "../../pipeline/contracts.ts";
import { SEARCH_REPLY_TIMEOUT_MS } from "../../storage/search/stored-columns.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { operatorName } from "../operator-name.ts";
import { reasonOf } from "../output.ts";
import { readValue } from "../read-value.ts";
import { type Terminal, showControls } from "../terminal.ts";

export interface RevealOptions {
  readonly config: string;
  readonly column: string;
  /** undefined: asked for. */
  readonly token: string | undefined;
  readonly reason: string;
  readonly privateFile: string;
  readonly json: boolean;
}

/** Prints the original of a token, once the audit says for good that it was revealed. */
export async function revealCommand(options: RevealOptions, terminal: Terminal): Promise<ExitCode> {
  const reason = reasonOf(options.reason);
  if (reason === null) {
    throw new PiipeError("usage.invalid", "the reason is empty", { hint: "Say in --reason why this is revealed." });
  }
  const config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
  const places = revealable(options.column, config);
  const [{ column, shown }, ...others] = places;
  const name = others.length === 0 ? shown : options.column;
  const way = await wayOf(places, config, options, terminal);
  const token = (await readValue(options.token, `the token of ${name}`, terminal)).trim();
  const audit = { operator: operatorName(), reason };
  const open = await withDatabase(config, (pool) => way(pool, token, audit), {
    replyTimeoutMs: SEARCH_REPLY_TIMEOUT_MS,
  });
  const { text, isVerified } = open();
  if (!isVerified) terminal.writeError(isReversible(column) && !showsVersion(column) ? UNPROVABLE : UNVERIFIED);
  const report = { column: name, token, value: text, verified: isVerified };
  terminal.writeOut(
    options.json ? `${JSON.stringify(report)}\n` : `${terminal.outIsTerminal ? showControls(text) : text}\n`,
  );
  return EXIT_CODES.done;
}

const UNVERIFIED =
  "warning: the key that made the token is gone: that this is its original could not be verified by making it anew\n";

const UNPROVABLE =
  "warning: tokens of this mask hold no proof of their key: with another keyring, keys.domain or keyVersion than at the time, this is the value of somebody else\n";

/** Of one key, so that a token means the same in all of them. */
type RevealedPlaces = readonly [PlacedColumn<MaskedColumn>, ...PlacedColumn<MaskedColumn>[]];

async function wayOf(
  places: RevealedPlaces,
  config: Config,
  options: RevealOptions,
  { environment, folder }: Terminal,
): Promise<RevealWay> {
  const keyring = await openKeyring(config, environment["PIIPE_KEYS"]);
  const masking = { keyring, domain: config.keys.domain };
  const [{ column }] = places;
  if (isReversible(column)) return keyringWay(places, masking, config);
  return vaultWay(column, masking, await loadPrivateKey(resolve(folder, options.privateFile)));
}

/** Does not quote what was given: it may be a raw value in the wrong place. */
function revealable(given: string, config: Config): RevealedPlaces {
  const fit = placedColumns(config, maskedOf).filter(({ column }) => column.reveal || isReversible(column));
  const names = fit.map(({ shown }) => shown);
  const hint = names.length === 0 ? "" : ` Columns that can be revealed: ${names.join(", ")}.`;
  const named = columnsNamed(
    placedColumns(config, (own) => [...own, ...maskedOf(own.filter((column) => !isMasked(column)))]),
    given,
  );
  const [first] = named;
  if (first === undefined) {
    const near = didYouMean(given, names);
    throw new PiipeError("usage.invalid", "the configuration has no column of the given name", {
      hint: `${near === null ? "Name a column of the table." : `Did you mean ${near}?`}${hint}`,
    });
  }
  const [chosen, ...others] = fit.filter(({ column }) => named.some((candidate) => candidate.column === column));
  if (chosen === undefined) {
    throw new PiipeError("usage.invalid", `column ${first.shown} cannot be revealed: ${whyNot(first.column)}`, {
      hint: `With \`reveal: true\` a one-way mask keeps the originals of new events, sealed.${hint}`,
    });
  }
  if (others.every(({ column }) => keyNameOf(column) === keyNameOf(chosen.column))) return [chosen, ...others];
  const shown = [chosen, ...others].map((placed) => placed.shown).join(", ");
  throw new PiipeError("usage.invalid", "columns of the given name in several tables have keys of their own", {
    hint: `Name one: ${shown}.`,
  });
}

function whyNot(column: Column): string {
  if (!isMasked(column)) return "it is stored as it is";
  return whyUnsearchable(column) ?? `${column.mask} is one-way, and without \`reveal: true\` no original is kept`;
}
