import { resolve } from "node:path";
import { KeyringFile } from "../../keys/keyring-file.ts";
import { Keyring } from "../../keys/keyring.ts";
import { sealingKeyId } from "../../keys/seal.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { hasKeysInEnvironment, noKeyring } from "../open-keyring-file.ts";
import type { Terminal } from "../terminal.ts";
import { textTable } from "../text-table.ts";

export interface KeysListOptions {
  readonly file: string;
  readonly json: boolean;
}

export async function keysListCommand({ file, json }: KeysListOptions, terminal: Terminal): Promise<ExitCode> {
  const { place, keyring } = await readKeyring(file, terminal);
  const versions = keyring.versions
    .toSorted((a, b) => a.version - b.version)
    .map(({ version, state, created, over }) => ({ version, state, created, over }));
  const keyId = keyring.sealingPublicKey === null ? null : sealingKeyId(keyring.sealingPublicKey).toString("hex");
  if (json) {
    const sealing = keyId === null ? null : { keyId };
    terminal.writeOut(`${JSON.stringify({ keyring: place, versions, sealing })}\n`);
    return EXIT_CODES.done;
  }
  const rows = versions.map(({ version, state, created, over }) => ({
    version: String(version),
    state,
    created,
    over: over === null ? "" : String(over),
  }));
  terminal.writeOut(
    `${place}\n${textTable(rows)}\n\n` +
      (keyId === null
        ? "  sealing key: no; refused messages stay in the queue, and no column can have `reveal`\n"
        : `  sealing key: yes, ${keyId}\n`),
  );
  return EXIT_CODES.done;
}

/** As a worker would that is configured with this file, but for its refusal when file and environment differ. */
async function readKeyring(
  file: string,
  { environment, folder }: Terminal,
): Promise<{ readonly place: string; readonly keyring: Keyring }> {
  const path = resolve(folder, file);
  const found = await KeyringFile.open(path);
  if (found !== null) return { place: file, keyring: found.keyring };
  if (!hasKeysInEnvironment(environment)) throw noKeyring(path);
  return { place: "PIIPE_KEYS", keyring: Keyring.parse(environment["PIIPE_KEYS"] ?? "", "PIIPE_KEYS") };
}
