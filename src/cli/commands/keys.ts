import { resolve } from "node:path";
import { awaitFleet, describeHolder } from "../../app/await-fleet.ts";
import { type Promotion, promotedColumnProblem } from "../../app/pending-versions.ts";
import { systemClock } from "../../clock.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { addVersion, destroyVersion, promoteVersion, retireVersion } from "../../keys/edit-keyring.ts";
import { KeyringFile } from "../../keys/keyring-file.ts";
import { Keyring } from "../../keys/keyring.ts";
import { writeNewKeys } from "../../keys/new-keyring.ts";
import { sealingKeyId } from "../../keys/seal.ts";
import { firstUsedVersion } from "../../mask/column-tokens.ts";
import { confirm, declined } from "../confirm.ts";
import { CONFIG_FILE } from "../define-command.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { hasKeysInEnvironment, noKeyring, openKeyringFile, replaceKeyring } from "../open-keyring-file.ts";
import { counted, textTable } from "../output.ts";
import type { Terminal } from "../terminal.ts";

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
      "     will start once the version is primary. Then bring the file to every worker: those that read it from a file\n" +
      "     take it within seconds. Restart those that have its text in PIIPE_KEYS or in a secret.\n" +
      `  2. Only when ALL workers have it: \`piipe keys promote ${version}\`, and bring them the file again. Where ${CONFIG_FILE} is at\n` +
      "     hand, the command waits for its workers; those of other pipelines are for you to see.\n" +
      (base === null
        ? ""
        : `  3. When all have that too: \`piipe keys rewrap\` makes the stored tokens of version ${base} and older ones anew.\n`),
  );
  return EXIT_CODES.done;
}

export interface KeysPromoteOptions {
  readonly version: number;
  readonly file: string;
  readonly waitSeconds: number;
}

export async function keysPromoteCommand(options: KeysPromoteOptions, terminal: Terminal): Promise<ExitCode> {
  const { version, file } = options;
  const keyringFile = await openKeyringFile(file, terminal);
  const old = keyringFile.keyring.primary;
  const keyring = promoteVersion(keyringFile.keyring, version);
  const config = await pipelineOf(file, terminal);
  if (config === null) {
    terminal.writeError(
      `There is no ${CONFIG_FILE} of this keyring here: no worker was asked whether it has the key.\n`,
    );
  } else {
    refuseUnready(config, { version, promoted: keyring });
    await waitForWorkers(config, keyringFile.keyring, options, terminal);
  }
  await replaceKeyring(keyringFile, keyring, terminal);
  terminal.writeError(
    old === null
      ? `${file}: key version ${version} is primary\n  ${BRING}\n`
      : keyring.find(old.version)?.state === "lookup"
        ? afterLeak(file, version, old.version, firstUsedVersion(keyring))
        : rotation(file, version, old.version, firstUsedVersion(keyring)),
  );
  return EXIT_CODES.done;
}

/**
 * The pipeline of a keyring where its configuration is at hand: keys are often kept where no pipeline runs.
 * @throws {PiipeError} `config.invalid`: whom to ask is not known, which is no reason to ask nobody
 */
async function pipelineOf(file: string, { folder, environment }: Terminal): Promise<Config | null> {
  try {
    const config = await loadConfig(resolve(folder, CONFIG_FILE), environment);
    const isOther = config.keys.file !== null && config.keys.file !== resolve(folder, file);
    return isOther ? null : config;
  } catch (error) {
    if (error instanceof PiipeError && error.code === "config.not-found") return null;
    throw error;
  }
}

async function waitForWorkers(
  config: Config,
  keyring: Keyring,
  { version, waitSeconds }: KeysPromoteOptions,
  { writeError }: Terminal,
): Promise<void> {
  const { running, silent } = await awaitFleet(config, keyring, version, {
    clock: systemClock,
    waitMs: waitSeconds * 1_000,
    onWaiting: ({ lacking }) =>
      writeError(
        `waiting up to ${waitSeconds} s for key version ${version} to reach\n` +
          lacking.map((worker) => `  ${describeHolder(worker)}\n`).join(""),
      ),
  });
  writeError(`${counted(running.length, "running worker")} of ${config.name}: each has key version ${version}\n`);
  if (silent.length > 0) {
    writeError(
      "Not heard of for a while, and not asked: they were killed, or are cut off from the database. Make sure that they are gone:\n" +
        silent.map((worker) => `  ${describeHolder(worker)}\n`).join(""),
    );
  }
}

/** A promotion after which no worker starts is none. */
function refuseUnready(config: Config, promotion: Promotion): void {
  const problem = promotedColumnProblem(config, promotion);
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

const BRING =
  "Bring the file to every worker: those that read it from a file take it within seconds. Restart those that have\n" +
  "     its text in PIIPE_KEYS or in a secret.";

const steps = (first: number): string =>
  `  1. ${BRING} Columns of\n` +
  "     ipcrypt-deterministic, ipcrypt-pfx and fpe-ff1 must name the version that made their stored tokens, or no worker\n" +
  `     starts: \`keyVersion: ${first}\`, the oldest one, unless the column came later. \`piipe check\` names them.\n`;

export interface KeysRetireOptions {
  readonly version: number;
  readonly file: string;
}

export async function keysRetireCommand({ version, file }: KeysRetireOptions, terminal: Terminal): Promise<ExitCode> {
  const keyringFile = await openKeyringFile(file, terminal);
  await replaceKeyring(keyringFile, retireVersion(keyringFile.keyring, version), terminal);
  terminal.writeError(
    `${file}: key version ${version} is lookup\n` +
      `  1. ${BRING} New events then\n` +
      `     write no links to tokens of version ${version}. Links that are there keep working.\n` +
      `  2. \`piipe lookup\`, \`piipe erase\` and \`piipe reveal\` still find its rows, until \`piipe keys destroy ${version}\`.\n`,
  );
  return EXIT_CODES.done;
}

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
      `  1. ${BRING}\n` +
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
