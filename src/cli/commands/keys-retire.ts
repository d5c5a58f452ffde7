import { retireVersion } from "../../keys/edit-keyring.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { openKeyringFile, replaceKeyring } from "../open-keyring-file.ts";
import type { Terminal } from "../terminal.ts";

export interface KeysRetireOptions {
  readonly version: number;
  readonly file: string;
}

export async function keysRetireCommand({ version, file }: KeysRetireOptions, terminal: Terminal): Promise<ExitCode> {
  const keyringFile = await openKeyringFile(file, terminal);
  await replaceKeyring(keyringFile, retireVersion(keyringFile.keyring, version), terminal);
  terminal.writeError(
    `${file}: key version ${version} is lookup\n` +
      "  1. Bring the file to every worker, or its text where they have it in PIIPE_KEYS, and restart them: new events then\n" +
      `     write no links to tokens of version ${version}. Links that are there keep working.\n` +
      `  2. \`piipe lookup\`, \`piipe erase\` and \`piipe reveal\` still find its rows, until \`piipe keys destroy ${version}\`.\n`,
  );
  return EXIT_CODES.done;
}
