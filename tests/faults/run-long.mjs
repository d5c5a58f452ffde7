/**
 * `npm run test:faults`: the fault tests with their long figures, about an hour. Prints progress, and writes what came of
 * it into docs/guarantees.md. Interrupted, it goes on where it stopped when it is called again with the same build.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFigures } from "./write-figures.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STATE = join(ROOT, ".faults");
const PROGRESS_MS = 5_000;
const EXIT_INTERRUPTED = 130;

const SEED = 20_261_122;
const LEGS = 20;
const SIMULATION_SEEDS = 10_000;
const ORDERS = 200_000;
const LOADED_LINES = 1_000_000;

/** Of one leg: twenty of them have a million messages, 240 kills, 540 cuts (180 around COMMIT). */
const LEG = {
  messages: 50_000,
  workers: 3,
  killsAtEach: 2,
  cutsAtEachOfCommit: 3,
  cutsAtEachBefore: 6,
  restartsOfEach: 1,
  readOnlyFlips: 1,
  backendKills: 1,
};

/**
 * @typedef {object} Step
 * @property {string} name also of its file in the state folder
 * @property {readonly string[]} tests
 * @property {readonly string[]} folders whose files the step depends on, besides the build
 * @property {Readonly<Record<string, string>>} environment
 */

/** @returns {Step[]} */
function steps() {
  const legs = Array.from({ length: LEGS }, (_, index) => {
    const name = `leg-${String(index + 1).padStart(2, "0")}`;
    return {
      name,
      tests: ["tests/faults/soak/soak.slow.test.ts"],
      folders: ["tests/faults/soak"],
      environment: {
        PIIPE_SOAK_FIGURES: JSON.stringify({ ...LEG, seed: SEED + index }),
        PIIPE_SOAK_REPORT: join(STATE, `${name}.report.json`),
        PIIPE_SOAK_PROGRESS: join(STATE, `${name}.progress`),
      },
    };
  });
  const simulation = {
    name: "simulation",
    tests: ["tests/simulation/simulation.test.ts"],
    folders: ["tests/simulation"],
    environment: { PIIPE_SIMULATION_SEEDS: String(SIMULATION_SEEDS), PIIPE_SIMULATION_SEED: String(SEED) },
  };
  const orders = {
    name: "orders",
    tests: ["tests/faults/orders.slow.test.ts"],
    folders: [],
    environment: { PIIPE_ORDERS: String(ORDERS) },
  };
  const load = {
    name: "load",
    tests: ["tests/faults/load.slow.test.ts"],
    folders: [],
    environment: { PIIPE_LOAD_LINES: String(LOADED_LINES) },
  };
  const others = {
    name: "others",
    tests: ["tests/faults", "--exclude", "tests/faults/soak/**"],
    folders: ["tests/faults"],
    environment: {},
  };
  return [...legs, simulation, orders, load, others];
}

/** Of what a step runs, and how much of it: figures of two builds do not add up. @param {Step} step */
function digestOf({ folders, environment }) {
  const hash = createHash("sha256").update(JSON.stringify(environment));
  for (const folder of ["dist", "sql", "tests/support", ...folders]) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).toSorted()) {
      if (/\.(?:[mc]?js|ts|sql)$/.test(name)) hash.update(name).update(readFileSync(join(ROOT, folder, name)));
    }
  }
  return hash.digest("hex");
}

/** @param {Step} step */
function hasPassed(step) {
  const file = join(STATE, `${step.name}.json`);
  return existsSync(file) && read(`${step.name}.json`).digest === digestOf(step);
}

/**
 * @param {Step} step
 * @returns {Promise<boolean>} whether its tests passed
 */
async function run(step) {
  const { name, tests, environment } = step;
  const resultFile = join(STATE, `${name}.json.part`);
  rmSync(resultFile, { force: true });
  const digest = digestOf(step);
  const vitest = spawn(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", "--reporter=json", `--outputFile=${resultFile}`, ...tests],
    // A process group of its own: Vitest's workers do not end with it.
    {
      cwd: ROOT,
      env: { ...process.env, PIIPE_TEST_LANE: "all", ...environment },
      stdio: ["ignore", "ignore", "inherit"],
      detached: true,
    },
  );
  // A step that is left behind would write into the files of the next run.
  const end = () => {
    if (vitest.pid !== undefined) process.kill(-vitest.pid, "SIGTERM");
    process.exit(EXIT_INTERRUPTED);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, end);
  const startedMs = performance.now();
  const progress = setInterval(() => {
    const seconds = Math.round((performance.now() - startedMs) / 1_000);
    console.log(`${name}: ${seconds} s${lastLine(environment["PIIPE_SOAK_PROGRESS"])}`);
  }, PROGRESS_MS);
  /** @type {number | null} */
  const status = await new Promise((resolve) => {
    vitest.once("close", resolve);
  });
  clearInterval(progress);
  for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, end);
  if (!existsSync(resultFile)) return false;
  const result = JSON.parse(readFileSync(resultFile, "utf8"));
  /** @type {{ status: string, fullName: string, failureMessages: string[] }[]} */
  const cases = result.testResults.flatMap((/** @type {any} */ file) => file.assertionResults);
  for (const { status: outcome, fullName, failureMessages } of cases) {
    if (outcome === "failed") console.log(`FAILED ${fullName}\n${failureMessages.join("\n")}`);
  }
  if (status !== 0) return false;
  if (digest !== digestOf(step)) {
    console.log(`${name}: its files were changed while it ran`);
    return false;
  }
  const passed = cases.filter(({ status: outcome }) => outcome === "passed").length;
  const skipped = cases.length - passed;
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  // Only what has passed is not run again.
  writeFileSync(join(STATE, `${name}.json`), JSON.stringify({ passed, skipped, seconds, digest }));
  return true;
}

/** @param {string | undefined} file */
function lastLine(file) {
  if (file === undefined || !existsSync(file)) return "";
  const line = readFileSync(file, "utf8").trimEnd().split("\n").at(-1);
  return line === undefined ? "" : `, ${line}`;
}

/** @param {string} name */
const read = (name) => JSON.parse(readFileSync(join(STATE, name), "utf8"));

mkdirSync(STATE, { recursive: true });
// A run that is complete is not gone on with.
if (steps().every(hasPassed)) for (const { name } of steps()) rmSync(join(STATE, `${name}.json`));
const failed = [];
for (const step of steps()) {
  if (hasPassed(step)) {
    console.log(`${step.name}: passed before`);
    continue;
  }
  const isGood = await run(step);
  console.log(`${step.name}: ${isGood ? "passed" : "FAILED"}`);
  if (isGood) report();
  else failed.push(step.name);
}
if (failed.length > 0) {
  console.log(`test:faults: failed: ${failed.join(", ")}; called again, it runs only these`);
  process.exitCode = 1;
} else {
  console.log("test:faults: all passed; docs/guarantees.md has the figures");
}

/** After every step: an interrupted run has its figures too. */
function report() {
  const passed = steps().filter(hasPassed);
  const isLeg = (/** @type {Step} */ { name }) => name.startsWith("leg-");
  const has = (/** @type {string} */ wanted) => passed.some(({ name }) => name === wanted);
  writeFigures({
    seed: SEED,
    legsInAll: LEGS,
    legs: passed.filter(isLeg).map(({ name }) => read(`${name}.report.json`)),
    simulation: has("simulation") ? { seeds: SIMULATION_SEEDS, ...read("simulation.json") } : null,
    others: has("others") ? read("others.json") : null,
  });
}
