import { addVersion } from "../../keys/edit-keyring.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { openKeyringFile, replaceKeyring } from "../open-keyring-file.ts";
import type { Terminal } from "../terminal.ts";

export interface KeysAddOptions {
  readonly file: string;
  readonly over: boolean;
}

export async function keysAddCommand({ file, over }: KeysAddOptions, terminal: Terminal): Promise<ExitCode> {
  const keyringFile = await openKeyringFile(file, terminal);
  const { keyring, added } = addVersion(keyringFile.keyring, { isOver: over, now: new Date() });
  await replaceKeyring(keyringFile, keyring, terminal);
  const { version, over: base } = added;
  terminal.writeError(
    `${file}: added key version ${version}${base === null ? "" : ` over version ${base}`}; it is pending and makes no tokens yet\n` +
      "  1. Back the file up. Where the table has token checks: `piipe migrate --token-checks`, with this file, or no worker\n" +
      "     will start once the version is primary. Then bring the file to every worker, or its text where they have it in\n" +
      "     PIIPE_KEYS, and restart them.\n" +
      `  2. Only when ALL workers have it: \`piipe keys promote ${version}\`, and bring them the file again. No command can\n` +
      "     know which workers have it: that is for you to see.\n" +
      (base === null
        ? ""
        : `  3. When all have that too: \`piipe keys rewrap\` makes the stored tokens of version ${base} and older ones anew.\n`),
  );
  return EXIT_CODES.done;
}
