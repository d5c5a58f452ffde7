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

const SEED = 20_261_122;
const LEGS = 20;
const SIMULATION_SEEDS = 10_000;

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
 * @property {Readonly<Record<string, string>>} environment
 */

/** @returns {Step[]} */
function steps() {
  const legs = Array.from({ length: LEGS }, (_, index) => {
    const name = `leg-${String(index + 1).padStart(2, "0")}`;
    return {
      name,
      tests: ["tests/faults/soak/soak.test.ts"],
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
    environment: { PIIPE_SIMULATION_SEEDS: String(SIMULATION_SEEDS), PIIPE_SIMULATION_SEED: String(SEED) },
  };
  const others = { name: "others", tests: ["tests/faults", "--exclude", "tests/faults/soak/**"], environment: {} };
  return [simulation, others, ...legs];
}

/** Of everything that the tests run: figures of two builds do not add up. */
function buildDigest() {
  const hash = createHash("sha256");
  for (const folder of ["dist", "sql", "tests/faults", "tests/support", "tests/simulation"]) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" }).toSorted()) {
      if (/\.(?:[mc]?js|ts|sql)$/.test(name)) hash.update(name).update(readFileSync(join(ROOT, folder, name)));
    }
  }
  return hash.digest("hex");
}

/** Forgets the state of another build, or of a run that is complete. */
function prepareState() {
  const file = join(STATE, "build");
  const digest = buildDigest();
  const isSame = existsSync(file) && readFileSync(file, "utf8") === digest;
  const isComplete = steps().every(({ name }) => existsSync(join(STATE, `${name}.json`)));
  if (!isSame || isComplete) rmSync(STATE, { recursive: true, force: true });
  mkdirSync(STATE, { recursive: true });
  writeFileSync(file, digest);
}

/**
 * @param {Step} step
 * @returns {Promise<boolean>} whether its tests passed
 */
async function run({ name, tests, environment }) {
  const resultFile = join(STATE, `${name}.json.part`);
  const vitest = spawn(
    process.execPath,
    ["node_modules/vitest/vitest.mjs", "run", "--reporter=json", `--outputFile=${resultFile}`, ...tests],
    { cwd: ROOT, env: { ...process.env, ...environment }, stdio: ["ignore", "ignore", "inherit"] },
  );
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
  if (!existsSync(resultFile)) return false;
  const result = JSON.parse(readFileSync(resultFile, "utf8"));
  /** @type {{ status: string, fullName: string, failureMessages: string[] }[]} */
  const cases = result.testResults.flatMap((/** @type {any} */ file) => file.assertionResults);
  for (const { status: outcome, fullName, failureMessages } of cases) {
    if (outcome === "failed") console.log(`FAILED ${fullName}\n${failureMessages.join("\n")}`);
  }
  if (status !== 0) return false;
  const passed = cases.filter(({ status: outcome }) => outcome === "passed").length;
  const skipped = cases.length - passed;
  const seconds = Math.round((performance.now() - startedMs) / 1_000);
  // Only what has passed is not run again.
  writeFileSync(join(STATE, `${name}.json`), JSON.stringify({ passed, skipped, seconds }));
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

prepareState();
const failed = [];
for (const step of steps()) {
  if (existsSync(join(STATE, `${step.name}.json`))) {
    console.log(`${step.name}: passed before`);
    continue;
  }
  const hasPassed = await run(step);
  console.log(`${step.name}: ${hasPassed ? "passed" : "FAILED"}`);
  if (!hasPassed) failed.push(step.name);
}
if (failed.length > 0) {
  console.log(`test:faults: failed: ${failed.join(", ")}; called again, it runs only these`);
  process.exitCode = 1;
} else {
  const legs = steps().filter(({ name }) => name.startsWith("leg-"));
  writeFigures({
    seed: SEED,
    simulation: { seeds: SIMULATION_SEEDS, ...read("simulation.json") },
    others: read("others.json"),
    legs: legs.map(({ name }) => read(`${name}.report.json`)),
  });
  console.log("test:faults: all passed; docs/guarantees.md has the figures");
}
