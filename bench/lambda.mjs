/**
 * What a function of AWS Lambda takes, from the load of its module to the answer to its first batch, and for each batch from then
 * on: piipe beside @aws-lambda-powertools/batch with pg. Both are bundled by esbuild, and run in turns in processes of their own,
 * without Lambda: what that adds is the same for both. `npm run bench:lambda`.
 */
import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { unzipSync } from "fflate";
import { countRows } from "./support/databases.mjs";
import { describeMachine, machineText } from "./support/machine.mjs";
import { installPeers } from "./support/peer-packages.mjs";
import { LOGINS } from "./support/pipelines.mjs";
import { openStand } from "./support/stand.mjs";
import { spreadOf } from "./support/statistics.mjs";

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "5" } },
});
const QUEUE = "login-queue";
const PLAN = [
  { size: 10, warmUp: 5, times: 20 },
  { size: 100, warmUp: 3, times: 10 },
  { size: 1_000, warmUp: 2, times: 5 },
];
const ROWS = 10 + PLAN.reduce((sum, { size, warmUp, times }) => sum + size * (warmUp + times), 0);

/** @typedef {{ ms: number, cpuMs: number }} Taken */

const say = (/** @type {string} */ text) => console.error(text);
installPeers(say);
const folder = mkdtempSync(join(tmpdir(), "piipe-bench-lambda-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const contenders = { piipe: await bundlePiipe(), "powertools + pg": await bundlePowertools() };
const stand = await openStand();
/** @type {Record<string, { cold: Taken, warm: Record<string, Taken[]> }[]>} */
const runs = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
try {
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const [name, moduleFile] of Object.entries(contenders)) {
      say(`round ${round + 1}: ${name}`);
      runs[name]?.push(await run(moduleFile));
    }
  }
} finally {
  await stand.close();
}
const machine = describeMachine(stand.postgresVersion);
const figures = Object.fromEntries(Object.entries(runs).map(([name, of]) => [name, figuresOf(of)]));
if (values.json) console.log(JSON.stringify({ machine, figures }));
else print();

/** @param {string} moduleFile */
async function run(moduleFile) {
  const environment = stand.environmentFor("http://127.0.0.1:9");
  const url = await stand.databases.create(LOGINS, environment);
  const keys = { PIIPE_KEYS: await readFile(String(environment["PIIPE_KEYS_FILE"]), "utf8") };
  const runtime = fileURLToPath(new URL("support/function-runtime.mjs", import.meta.url));
  const child = fork(runtime, [moduleFile, QUEUE, JSON.stringify(PLAN)], {
    env: { ...environment, ...keys, DATABASE_URL: url },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [told] = await Promise.race([
    once(child, "message"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`the function ended with ${code}`))),
  ]);
  if (child.exitCode === null) await once(child, "exit");
  const rows = await countRows(url, LOGINS.table);
  if (rows !== ROWS) throw new Error(`${rows} rows instead of ${ROWS}`);
  await stand.databases.drop(url);
  return told;
}

function bundlePiipe() {
  const zip = join(folder, "piipe.zip");
  const tool = fileURLToPath(new URL("../tools/package-lambda.mjs", import.meta.url));
  const { status } = spawnSync(process.execPath, [tool, "--out", zip, LOGINS.config], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error("piipe could not be bundled");
  return unzipped(zip);
}

/** @param {string} zip */
async function unzipped(zip) {
  for (const [name, bytes] of Object.entries(unzipSync(await readFile(zip)))) writeFileSync(join(folder, name), bytes);
  return join(folder, "index.mjs");
}

async function bundlePowertools() {
  const outfile = join(folder, "powertools.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("contenders/powertools.mjs", import.meta.url))],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    mainFields: ["module", "main"],
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: 'import{createRequire as __r}from"node:module";const require=__r(import.meta.url);' },
    external: ["pg-native"],
    logLevel: "warning",
  });
  return outfile;
}

/** @param {{ cold: Taken, warm: Record<string, Taken[]> }[]} of */
function figuresOf(of) {
  const spreads = (/** @type {Taken[]} */ taken) => ({
    ms: spreadOf(taken.map(({ ms }) => ms)),
    cpuMs: spreadOf(taken.map(({ cpuMs }) => cpuMs)),
  });
  const batches = PLAN.map(({ size }) => [size, spreads(of.flatMap(({ warm }) => warm[size] ?? []))]);
  return { cold: spreads(of.map(({ cold }) => cold)), batches: Object.fromEntries(batches) };
}

function print() {
  console.log(machineText(machine));
  console.log("milliseconds, and of CPU: the median, in brackets the least\n");
  const cell = (/** @type {ReturnType<typeof spreadOf>} */ spread) =>
    spread === null ? "" : `${spread.median.toFixed(1)} (${spread.min.toFixed(1)})`;
  const lines = ["cold start", ...PLAN.map(({ size }) => `a batch of ${size}`)];
  for (const [name, { cold, batches }] of Object.entries(figures)) {
    console.log(name);
    const taken = [cold, ...PLAN.map(({ size }) => batches[size])];
    for (const [index, line] of lines.entries()) {
      console.log(
        `  ${line.padEnd(18)} ${cell(taken[index].ms).padStart(18)} ${cell(taken[index].cpuMs).padStart(18)}`,
      );
    }
  }
}
