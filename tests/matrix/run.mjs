/**
 * Runs the tests on every version of Node and PostgreSQL that piipe promises, and through a connection pooler, and prints
 * a table. The versions come as npm packages with a lockfile of their own (package.json beside this file); the pooler is
 * the machine's. Build first.
 * Arguments choose entries: `npm run test:matrix -- node22 postgres10`.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));
const versions = `${here}node_modules`;

/**
 * @typedef {object} Entry
 * @property {string} name
 * @property {string} node the executable
 * @property {string | null} postgres the folder of the PostgreSQL to test with; null: the newest
 * @property {readonly string[]} tests paths; none: all
 * @property {"pgbouncer"} [pooler] between the tests and PostgreSQL
 */

const VITEST = [
  "node_modules/vitest/vitest.mjs",
  "run",
  "--reporter=default",
  "--reporter=./tools/skipped-reporter.mjs",
];

/** What talks to PostgreSQL; the rest does not depend on its version. */
const WITH_POSTGRES = ["tests/integration", "tests/faults", "tests/cli", "src/postgres", "src/storage", "src/write"];

/** @type {readonly Entry[]} */
const ENTRIES = [
  { name: "node20", node: `${versions}/node20/bin/node`, postgres: null, tests: [] },
  { name: "node22", node: `${versions}/node22/bin/node`, postgres: null, tests: [] },
  { name: "node24", node: `${versions}/node24/bin/node`, postgres: null, tests: [] },
  { name: "postgres10", node: process.execPath, postgres: `${versions}/postgres10/native`, tests: WITH_POSTGRES },
  { name: "postgres15", node: process.execPath, postgres: `${versions}/postgres15/native`, tests: WITH_POSTGRES },
  { name: "pgbouncer", node: process.execPath, postgres: null, tests: WITH_POSTGRES, pooler: "pgbouncer" },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => ENTRIES.every((entry) => entry.name !== name));
if (unknown.length > 0) fail(`unknown: ${unknown.join(", ")}; there are ${ENTRIES.map(({ name }) => name).join(", ")}`);
const chosen = ENTRIES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
if (chosen.some(({ node, postgres }) => node !== process.execPath || postgres !== null)) installVersions();

const results = chosen.map((entry) => {
  const nodeVersion = spawnSync(entry.node, ["--version"], { encoding: "utf8" }).stdout.trim();
  console.log(`\n== ${entry.name} (Node ${nodeVersion})`);
  const startedMs = performance.now();
  const { status } = spawnSync(entry.node, [...VITEST, ...entry.tests], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      ...(entry.postgres === null ? {} : { PIIPE_TEST_POSTGRES_NATIVE: entry.postgres }),
      ...(entry.pooler === undefined ? {} : { PIIPE_TEST_POOLER: entry.pooler }),
    },
  });
  return { name: entry.name, nodeVersion, passed: status === 0, seconds: (performance.now() - startedMs) / 1000 };
});

console.log("");
for (const { name, nodeVersion, passed, seconds } of results) {
  console.log(`${passed ? "passed" : "FAILED"}  ${name.padEnd(10)}  Node ${nodeVersion}  ${seconds.toFixed(0)} s`);
}
const failed = results.filter(({ passed }) => !passed).length;
console.log(`matrix: ${results.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function installVersions() {
  if (process.platform !== "linux" || process.arch !== "x64")
    fail("the packages of other versions are for Linux on x64");
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status } = spawnSync("npm", args, { cwd: here, stdio: "inherit" });
  if (status !== 0) fail("the other versions cannot be installed");
}

/**
 * @param {string} reason
 * @returns {never}
 */
function fail(reason) {
  console.error(`matrix: ${reason}`);
  process.exit(1);
}
