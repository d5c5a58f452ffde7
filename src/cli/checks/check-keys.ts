import { access } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { openMask } from "../../app/open-mask.ts";
import { pendingColumnProblem } from "../../app/pending-versions.ts";
import { placedColumns } from "../../app/placed-columns.ts";
import type { Config } from "../../config/config.ts";
import type { Keyring } from "../../keys/keyring.ts";
import { maskedOf } from "../../mask/column-tokens.ts";
import { OPERATORS } from "../../mask/operators/operators.ts";
import type { Terminal } from "../terminal.ts";
import { type Findings, warning } from "./findings.ts";

/** As `piipe keys new` names it. */
const PRIVATE_FILE = "piipe.private.json";

/** @returns null when the keys cannot be used; without a keyring where none is needed */
export async function checkKeys(
  config: Config,
  findings: Findings,
  { environment, folder }: Pick<Terminal, "environment" | "folder">,
): Promise<{ readonly keyring: Keyring | null } | null> {
  const keys = await findings.look("keys", async () => {
    const { keyring } = await openMask(config, environment["PIIPE_KEYS"]);
    return { text: describeKeys(config, keyring), value: { keyring } };
  });
  if (keys && !keys.keyring?.sealingPublicKey) {
    findings.add(
      warning(
        "keys",
        "no sealing key: refused messages stay in the queue until its dead-letter queue takes them",
        "`piipe keys new` makes one; or make sure that the queue has a dead-letter queue.",
      ),
    );
  }
  const pending = keys?.keyring ? pendingColumnProblem(config, keys.keyring) : null;
  if (pending) findings.add(warning("keys", pending.text, pending.remedy));
  const privateFile = config.keys.file === null ? null : await privateFileBeside(config.keys.file);
  if (privateFile !== null) {
    findings.add(
      warning(
        "keys",
        `${relative(folder, privateFile)} lies beside the keyring: on a machine that runs piipe, whoever takes it over can open what is sealed`,
        "No worker needs it: keep it where only those are who open the quarantine or reveal values.",
      ),
    );
  }
  return keys;
}

async function privateFileBeside(keyringFile: string): Promise<string | null> {
  const file = join(dirname(keyringFile), PRIVATE_FILE);
  return access(file).then(
    () => file,
    () => null,
  );
}

function describeKeys(config: Config, keyring: Keyring | null): string {
  const keyed = placedColumns(config, maskedOf)
    .filter(({ column }) => OPERATORS[column.mask].needsKey)
    .map(({ column: { keyVersion }, shown }) => (keyVersion === null ? shown : `${shown} (version ${keyVersion})`));
  const version = keyring?.primary?.version;
  const shown = version === undefined ? "no keyring" : `key version ${version}`;
  const ids = config.dedupeBy === null ? "" : `; business ids by ${config.dedupeBy.from}`;
  return `${shown}; columns masked with a key: ${keyed.join(", ") || "none"}${ids}`;
}
