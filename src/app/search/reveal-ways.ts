import type { Config } from "../../config/config.ts";
import { PiipeError } from "../../errors.ts";
import type { Keyring } from "../../keys/keyring.ts";
import type { PrivateKey } from "../../keys/private-key.ts";
import { openSealed } from "../../keys/seal.ts";
import { keyNameOf, type MaskOptions, type MaskedColumn, placeOf } from "../../mask/column-tokens.ts";
import { revealToken, vaultContext } from "../../mask/reveal-token.ts";
import { linkRuleOf, showsVersion, valueTokensOf, versionOfToken } from "../../mask/value-tokens.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { AUDIT_RIGHT, type AuditEntry } from "../../storage/audit.ts";
import { compareKeys } from "../../storage/rotation/key-checks.ts";
import { type NeededRight, ownTable, requireRights } from "../../storage/schema/require-rights.ts";
import { readStoredTable } from "../../storage/search/stored-columns.ts";
import { type VaultEntry, findOriginals, findRevealable, isStored } from "../../storage/vault/find-originals.ts";
import { columnKeysOf } from "../open-mask.ts";
import { type PlacedColumn, placeIn } from "../placed-columns.ts";
import { decodeValue } from "./searched-columns.ts";

export interface Original {
  readonly text: string;
  /** False when the token cannot be made of it anew, as its key version is destroyed, or opens with any key. */
  readonly isVerified: boolean;
}

/**
 * Opens the first entry that holds the original of a token. Whoever can write to the vault can put another column's or
 * another value's sealed bytes there: the token is made of the original anew and compared.
 *
 * @param entries of the token itself and of tokens linked with it
 * @throws {PiipeError} `keys.invalid` when none can be opened, or what is in them does not give the token
 */
function openOriginal(
  column: MaskedColumn,
  token: string,
  entries: readonly VaultEntry[],
  { privateKey, masking }: { readonly privateKey: PrivateKey; readonly masking: MaskOptions },
): Original {
  const tokensOf = canMakeTokens(masking) ? valueTokensOf(column, masking) : () => null;
  const isDestroyed = (of: string): boolean => mayBeDestroyed(versionOfToken(column, of), masking.keyring);
  let failure: unknown = null;
  for (const entry of entries) {
    try {
      const text = openSealed(privateKey, entry.sealed, vaultContext(keyNameOf(column)), null);
      const made = tokensOf(text) ?? [];
      if (made.includes(token)) return { text, isVerified: true };
      // Then the link is all that speaks for it, and the entry must at least be what it says.
      if (isDestroyed(token) && (isDestroyed(entry.token) || made.includes(entry.token))) {
        return { text, isVerified: false };
      }
      throw exchanged(column);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** Whether a token that shows a version may be of a destroyed one: a rewrap makes it show its own. */
function mayBeDestroyed(shown: number | null, keyring: Keyring | null): boolean {
  const version = shown === null ? null : keyring?.find(shown);
  if (!version) return false;
  if (version.over === null) return version.state === "destroyed";
  return keyring?.versions.some((known) => known.version <= version.version && known.state === "destroyed") === true;
}

const canMakeTokens = ({ keyring }: MaskOptions): boolean =>
  keyring === null || keyring.versions.some(({ state }) => state !== "destroyed");

const exchanged = ({ name }: MaskedColumn): PiipeError =>
  new PiipeError(
    "keys.invalid",
    `the original in the vault of column ${name} does not give the token it is stored for`,
    {
      hint: "Somebody exchanged the entry, or the keyring or keys.domain is another one than at the time. Nothing was revealed.",
    },
  );

/**
 * Finds what a token can be revealed by, and notes in the audit that it will be. What it gives opens the original: before
 * that was committed, nothing has been opened.
 */
export type RevealWay = (
  pool: PostgresPool,
  token: string,
  audit: Pick<AuditEntry, "operator" | "reason">,
) => Promise<() => Original>;

const LINKS_AND_AUDIT: readonly NeededRight[] = [{ table: ownTable("key_links"), right: "SELECT" }, AUDIT_RIGHT];

/** For a one-way mask with `reveal: true`. */
export function vaultWay(column: MaskedColumn, masking: MaskOptions, privateKey: PrivateKey): RevealWay {
  return async (pool, token, audit) => {
    await requireRights(pool, [{ table: ownTable("vault"), right: "SELECT" }, ...LINKS_AND_AUDIT]);
    const links = linkRuleOf(column, masking.keyring, false);
    const entries = await findOriginals(pool, { place: placeOf(column), token, links, audit });
    if (entries.length === 0) {
      throw new PiipeError("usage.invalid", `the vault has no original for this token in column ${column.name}`, {
        hint: "Give the whole token as the table has it. Originals are kept of events that came since `reveal: true`, until they are erased.",
      });
    }
    return () => openOriginal(column, token, entries, { privateKey, masking });
  };
}

/**
 * For a mask that the keyring alone reverses.
 * @param places of one key: a token of either is a token of all
 */
export function keyringWay(
  places: readonly [PlacedColumn<MaskedColumn>, ...PlacedColumn<MaskedColumn>[]],
  masking: MaskOptions,
  config: Config,
): RevealWay {
  const [{ column }] = places;
  return async (pool, token, audit) => {
    await requireRights(pool, [{ table: ownTable("key_checks"), right: "SELECT" }, ...LINKS_AND_AUDIT]);
    // Another key opens an address to another address.
    await compareKeys(pool, columnKeysOf(config, masking.keyring));
    if (showsVersion(column)) {
      if (versionOfToken(column, token) === null) throw noToken(column);
    } else {
      // Any address looks like a token, and a raw one given by mistake must not get into the audit.
      if (!decodeValue(column, token).ok) throw noToken(column);
      await requireStored(pool, places, token);
    }
    const links = linkRuleOf(column, masking.keyring, false);
    const [, ...linked] = await findRevealable(pool, { place: placeOf(column), token, links, audit });
    return () => openReversible(column, token, linked, masking);
  };
}

async function requireStored(
  pool: PostgresPool,
  places: Parameters<typeof keyringWay>[0],
  token: string,
): Promise<void> {
  const looked: string[] = [];
  for (const placed of places) {
    const place = placeIn(placed);
    const table = await readStoredTable(pool, placed.table.name, [place.column]);
    await requireRights(pool, [{ table: table.name, right: "SELECT" }]);
    if (await isStored(pool, table, { place, token })) return;
    looked.push(showTable(table.name));
  }
  throw noToken(places[0].column, `no row of ${looked.join(", ")} has it`);
}

function openReversible(
  column: MaskedColumn,
  token: string,
  linked: readonly string[],
  masking: MaskOptions,
): Original {
  const text = revealToken(column, token, masking);
  // A token that shows no version has no room for a proof either: another key gives another text, which looks as good.
  if (text !== null) return { text, isVerified: showsVersion(column) };
  const version = versionOfToken(column, token);
  const state = version === null ? undefined : masking.keyring?.find(version)?.state;
  if (version === null || (state !== undefined && state !== "destroyed")) throw noToken(column);
  for (const other of linked) {
    const original = revealToken(column, other, masking);
    if (original !== null) return { text: original, isVerified: false };
  }
  throw new PiipeError(
    "keys.missing",
    `the token was made with key version ${version}, which is ${state ?? "not in the keyring"}, and no link leads to a newer token`,
    { hint: "Without that key nobody can reveal it: restore the keyring from a backup that has the version." },
  );
}

const noToken = ({ name }: MaskedColumn, why = "its key did not make it"): PiipeError =>
  new PiipeError("usage.invalid", `this is no token of column ${name}: ${why}`, {
    hint: "Give the whole token as the table has it. If it is there, the keyring or keys.domain is another one than at the time.",
  });
