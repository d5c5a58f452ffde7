import { resolve } from "node:path";
import { writeNewKeys } from "../../keys/new-keyring.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

export interface KeysNewOptions {
  readonly file: string;
  readonly privateFile: string;
}

export async function keysNewCommand(
  { file, privateFile }: KeysNewOptions,
  { folder, writeError }: Terminal,
): Promise<ExitCode> {
  await writeNewKeys({
    keyringFile: resolve(folder, file),
    privateFile: resolve(folder, privateFile),
  });
  writeError(
    `${file}\n` +
      "  The keyring: every worker needs it. Back it up: without it, new tokens no longer match the stored ones.\n" +
      `${privateFile}\n` +
      "  Opens what the pipeline seals, such as quarantined events. Move it to where only its keepers can read it.\n" +
      "Neither belongs in version control. A worker can get the keyring from PIIPE_KEYS instead of a file.\n",
  );
  return EXIT_CODES.done;
}
