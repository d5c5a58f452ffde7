import { destroyVersion } from "../../keys/edit-keyring.ts";
import { confirm, declined } from "../confirm.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { openKeyringFile, replaceKeyring } from "../open-keyring-file.ts";
import type { Terminal } from "../terminal.ts";

export interface KeysDestroyOptions {
  readonly version: number;
  readonly file: string;
  readonly yes: boolean;
}

export async function keysDestroyCommand(
  { version, file, yes }: KeysDestroyOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const keyringFile = await openKeyringFile(file, terminal);
  const isPending = keyringFile.keyring.find(version)?.state === "pending";
  const keyring = destroyVersion(keyringFile.keyring, version);
  terminal.writeError(isPending ? pendingLoss(version) : loss(version));
  if (!(await confirm(`Destroy key version ${version} in ${file} for ever?`, yes, terminal))) {
    return declined("Nothing was destroyed.", false, terminal);
  }
  await replaceKeyring(keyringFile, keyring, terminal);
  terminal.writeError(
    `${file}: key version ${version} is destroyed; its number stays taken\n` +
      "  1. Bring the file to every worker, or its text where they have it in PIIPE_KEYS, and restart them.\n" +
      "  2. Older copies and backups of the file still hold the key: it is gone when they are.\n",
  );
  return EXIT_CODES.done;
}

const loss = (version: number): string =>
  `Without key version ${version}, and with no way back:\n` +
  "  - values of reversible masks that are stored under it (aes-siv, ipcrypt-deterministic, ipcrypt-pfx, fpe-ff1) can no\n" +
  "    longer be revealed;\n" +
  "  - its rows can no longer be looked up or erased by value;\n" +
  "  - a rotation or a rewrap of its tokens that is not complete can never be completed;\n" +
  "  - events whose business id (dedupeBy) was noted only under it are stored again when they are sent again: none is left\n" +
  "    16 days after every worker has had the next version;\n" +
  `  - a pipeline with a column that has \`keyVersion: ${version}\` does not start.\n`;

const pendingLoss = (version: number): string =>
  `Key version ${version} is pending in this file. If another copy of it was promoted, what was stored under that version\n` +
  "can no longer be looked up, erased by value or revealed, and there is no way back.\n";
