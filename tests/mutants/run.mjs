/**
 * `npm run test:mutants`: checks the tests. Puts one defect at a time into a copy of the sources and runs the tests that
 * must notice it; prints a table, and fails when one does not. Arguments choose mutants by a part of their names:
 * `npm run test:mutants -- "commit"`. The tests run from the sources, so nothing is built.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MUTANTS } from "./mutants.mjs";

/** @typedef {import("./mutants.mjs").Mutant} Mutant */
/** @typedef {import("./mutants.mjs").Witness} Witness */
/** @typedef {{ fullName: string, status: string, failureMessages: string[] }} TestResult */
/** @typedef {{ verdict: "killed" | "SURVIVED" | "BROKEN", detail: string }} Outcome */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NOT_COPIED = new Set([".git", "coverage", "dist", "node_modules"]);
const BASELINE_TIMEOUT_MS = 600_000;
const MUTANT_TIMEOUT_MS = 180_000;
/** Of the simulation, from the first on: each is the same every time. */
const SIMULATION_SEEDS = 60;
/** Below the limit of a whole run. A mutant is to be noticed by what a test asserts, not by its patience. */
const TEST_TIMEOUT_MS = 90_000;
/** Such a failure says that the mutant is no program, or hangs; not that a test has noticed what it does. */
const NO_ASSERTION =
  /^(?:SyntaxError|ReferenceError|TypeError|Error: (?:Test|Hook) timed out|Error: (?:Cannot find|Failed to))/;

const words = process.argv.slice(2);
const chosen = MUTANTS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  console.error(`mutants: none is called so; there are\n${MUTANTS.map(({ name }) => `  ${name}`).join("\n")}`);
  process.exit(1);
}

const folder = await realpath(await mkdtemp(join(tmpdir(), "piipe-mutants-")));
const stop = new AbortController();
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.once(signal, () => stop.abort());
try {
  process.exitCode = await checkAll();
} catch (error) {
  if (!stop.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

async function checkAll() {
  await cp(ROOT, folder, { recursive: true, filter: (source) => !NOT_COPIED.has(basename(source)) });
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"), "dir");
  console.log(`== without a mutant: ${testFilesOf(chosen).length} test files`);
  const problems = await checkBaseline();
  if (problems.length > 0) {
    console.error(`mutants: the tests fail without a mutant, or are not there:\n${problems.join("\n")}`);
    return 1;
  }
  const rows = [];
  for (const mutant of chosen) {
    const startedMs = performance.now();
    const outcome = await check(mutant);
    const seconds = (performance.now() - startedMs) / 1_000;
    console.log(`${outcome.verdict}  ${mutant.name} (${seconds.toFixed(1)} s)\n  ${outcome.detail}`);
    rows.push({ ...outcome, mutant });
  }
  console.log("");
  const nameChars = Math.max(...rows.map(({ mutant }) => mutant.name.length));
  for (const { verdict, mutant } of rows) {
    console.log(`${verdict.padEnd(8)}  ${mutant.area.padEnd(15)}  ${mutant.name.padEnd(nameChars)}  ${mutant.file}`);
  }
  const killed = rows.filter(({ verdict }) => verdict === "killed").length;
  console.log(`mutants: ${killed} of ${rows.length} killed`);
  return killed === rows.length ? 0 : 1;
}

/** The same tests as all mutants together need must be green, or a red one would mean nothing. */
async function checkBaseline() {
  const { results, message } = await runTests(chosen, BASELINE_TIMEOUT_MS);
  if (results === null) return [message];
  const witnesses = chosen.flatMap((mutant) => mutant.witnesses);
  return witnesses.flatMap((witness) => {
    const tests = results.filter((result) => isOf(witness, result));
    const green = tests.filter(({ test }) => test.status === "passed");
    if (tests.length > 0 && green.length === tests.length) return [];
    const reasons = tests.flatMap(({ test }) => test.failureMessages.map(firstLine));
    return [`${describe(witness)}: ${green.length} of ${tests.length} passed`, ...reasons].join("\n  ");
  });
}

/**
 * @param {Mutant} mutant
 * @returns {Promise<Outcome>}
 */
async function check(mutant) {
  const file = join(folder, mutant.file);
  const source = await readFile(file, "utf8");
  if (source.split(mutant.search).length !== 2) {
    return { verdict: "BROKEN", detail: `its text does not occur once in ${mutant.file}: the code has changed` };
  }
  await writeFile(
    file,
    source.replace(mutant.search, () => mutant.replacement),
  );
  try {
    const { results, output, message } = await runTests([mutant], MUTANT_TIMEOUT_MS);
    if (results === null) return { verdict: "BROKEN", detail: message };
    const details = [];
    for (const witness of mutant.witnesses) {
      const tests = results.filter((result) => isOf(witness, result));
      // A file that cannot be loaded has no tests.
      if (tests.length === 0) return { verdict: "BROKEN", detail: `${describe(witness)} did not run: ${message}` };
      const red = tests.find(({ test }) => test.status === "failed");
      if (red === undefined) return { verdict: "SURVIVED", detail: `${describe(witness)} stays green` };
      const reason = red.test.failureMessages.join("\n");
      if (NO_ASSERTION.test(reason)) return { verdict: "BROKEN", detail: `${describe(witness)}: ${firstLine(reason)}` };
      details.push(`${describe(witness)}: ${firstLine(reason)}`);
    }
    const seeds = [...new Set(output.match(/\bseed \d+/g))].join(", ");
    return { verdict: "killed", detail: [...details, ...(seeds === "" ? [] : [seeds])].join("\n  ") };
  } finally {
    await writeFile(file, source);
  }
}

/**
 * Runs the tests of mutants. `results` is null when the run itself failed; `message` says how, or why there are no tests.
 * @param {readonly Mutant[]} mutants
 * @param {number} timeoutMs
 * @returns {Promise<{ results: Array<{ file: string, test: TestResult }> | null, output: string, message: string }>}
 */
async function runTests(mutants, timeoutMs) {
  const report = join(folder, "mutants-report.json");
  await rm(report, { force: true });
  const titles = mutants.flatMap(({ witnesses }) => witnesses.map(({ title }) => escapeForRegExp(title)));
  const child = spawn(
    process.execPath,
    [
      "node_modules/vitest/vitest.mjs",
      "run",
      ...testFilesOf(mutants),
      `--testNamePattern=${[...new Set(titles)].join("|")}`,
      `--testTimeout=${TEST_TIMEOUT_MS}`,
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
    ],
    {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1", PIIPE_SIMULATION_SEEDS: String(SIMULATION_SEEDS) },
      stdio: ["ignore", "pipe", "pipe"],
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(timeoutMs)]),
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  try {
    await once(child, "close");
  } catch (error) {
    if (stop.signal.aborted) throw error;
    return { results: null, output, message: `the run did not end within ${timeoutMs / 1_000} s` };
  }
  const text = await readFile(report, "utf8").catch(() => null);
  if (text === null) return { results: null, output, message: output.slice(-2_000) };
  const { testResults } =
    /** @type {{ testResults: Array<{ name: string, message: string, assertionResults: TestResult[] }> }} */ (
      JSON.parse(text)
    );
  const results = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === "passed" || status === "failed")
      .map((test) => ({ file: name.slice(folder.length + 1), test })),
  );
  const messages = testResults.map(({ message }) => message).filter((message) => message !== "");
  return { results, output, message: messages.join("\n") };
}

/** @param {readonly Mutant[]} mutants */
function testFilesOf(mutants) {
  return [...new Set(mutants.flatMap(({ witnesses }) => witnesses.map(({ testFile }) => testFile)))];
}

/**
 * @param {Witness} witness
 * @param {{ file: string, test: TestResult }} result
 */
function isOf({ testFile, title }, { file, test }) {
  return file === testFile && test.fullName.includes(title);
}

/** @param {Witness} witness */
function describe({ testFile, title }) {
  return `${testFile}, “${title}”`;
}

/** @param {string} text */
function escapeForRegExp(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** @param {string} text */
function firstLine(text) {
  return text.split("\n", 1)[0]?.slice(0, 300) ?? "";
}
