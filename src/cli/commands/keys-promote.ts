import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { promoteVersion } from "../../keys/edit-keyring.ts";
import { firstUsedVersion } from "../../mask/column-tokens.ts";
import { CONFIG_FILE } from "../define-command.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { openKeyringFile, replaceKeyring } from "../open-keyring-file.ts";
import { type Promotion, promotedColumnProblem } from "../pending-versions.ts";
import type { Terminal } from "../terminal.ts";

export interface KeysPromoteOptions {
  readonly version: number;
  readonly file: string;
}

export async function keysPromoteCommand({ version, file }: KeysPromoteOptions, terminal: Terminal): Promise<ExitCode> {
  const keyringFile = await openKeyringFile(file, terminal);
  const old = keyringFile.keyring.primary;
  const keyring = promoteVersion(keyringFile.keyring, version);
  await refuseUnready({ version, promoted: keyring }, file, terminal);
  await replaceKeyring(keyringFile, keyring, terminal);
  terminal.writeError(
    old === null
      ? `${file}: key version ${version} is primary\n  Bring the file to every worker and restart them.\n`
      : keyring.find(old.version)?.state === "lookup"
        ? afterLeak(file, version, old.version, firstUsedVersion(keyring))
        : rotation(file, version, old.version, firstUsedVersion(keyring)),
  );
  return EXIT_CODES.done;
}

/** Where the pipeline's configuration is at hand: a promotion after which no worker starts is none. */
async function refuseUnready(promotion: Promotion, file: string, { folder, environment }: Terminal): Promise<void> {
  let config: Config;
  try {
    config = await loadConfig(resolve(folder, CONFIG_FILE), environment);
  } catch (error) {
    // Keys are often kept where no pipeline runs.
    if (error instanceof PiipeError) return;
    throw error;
  }
  const isOther = config.keys.file !== null && config.keys.file !== resolve(folder, file);
  const problem = isOther ? null : promotedColumnProblem(config, promotion);
  if (problem === null) return;
  throw new PiipeError("keys.conflict", `by ${CONFIG_FILE}, ${problem.text}`, {
    hint: `${problem.remedy} Nothing was changed.`,
  });
}

const rotation = (file: string, version: number, old: number, first: number): string =>
  `${file}: key version ${version} is primary; version ${old} is linking\n` +
  steps(first) +
  "  2. Until all have it, both versions make tokens; the links that restarted workers write keep duplicates together.\n" +
  `  3. Much later, when no value stored under version ${old} has to be recognised any more if it comes again:\n` +
  `     \`piipe keys retire ${old}\`.\n`;

const afterLeak = (file: string, version: number, old: number, first: number): string =>
  `${file}: key version ${version} is primary, over version ${old}, which is now lookup\n` +
  steps(first) +
  `  2. When ALL have it: \`piipe keys rewrap\` makes the stored tokens of version ${old} and older ones anew. Until it is\n` +
  "     done, duplicates that span the change are not seen.\n" +
  `  3. Keep version ${old}: the new tokens are made over its own.\n`;

const steps = (first: number): string =>
  "  1. Bring the file to every worker, or its text where they have it in PIIPE_KEYS, and restart them. Columns of\n" +
  "     ipcrypt-deterministic, ipcrypt-pfx and fpe-ff1 must name the version that made their stored tokens, or no worker\n" +
  `     starts: \`keyVersion: ${first}\`, the oldest one, unless the column came later. \`piipe check\` names them.\n`;
