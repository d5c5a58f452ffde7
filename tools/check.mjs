/**
 * `npm run check`: the one check. Runs every step, also after one that failed, and ends with a table of them.
 * `--without-tests` leaves out the tests, for a caller who has just run them.
 */
import { spawnSync } from "node:child_process";

const STEPS = [
  { name: "format", script: "format:check" },
  { name: "build", script: "build" },
  { name: "lint and layering", script: "lint" },
  { name: "types", script: "types" },
  { name: "unused code", script: "unused" },
  { name: "generated files", script: "generate:check" },
  { name: "hygiene", script: "hygiene" },
  { name: "tests", script: "test" },
  { name: "package", script: "test:package" },
];

const steps = process.argv.includes("--without-tests") ? STEPS.filter(({ script }) => script !== "test") : STEPS;
const results = steps.map(({ name, script }) => {
  console.log(`\n== ${name}`);
  const startedMs = performance.now();
  const { status } = spawnSync("npm", ["run", "--silent", script], { stdio: "inherit" });
  return { name, passed: status === 0, seconds: (performance.now() - startedMs) / 1000 };
});

console.log("");
for (const { name, passed, seconds } of results) {
  console.log(`${passed ? "passed" : "FAILED"}  ${name} (${seconds.toFixed(1)} s)`);
}
const failed = results.filter(({ passed }) => !passed).length;
console.log(`check: ${results.length - failed} steps passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
