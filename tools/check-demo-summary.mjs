/** Checks what `piipe demo --json` printed. Argument: the file that holds its stdout. */
import { readFileSync } from "node:fs";

const EXPECTED = { sent: 100, received: 100, stored: 99, duplicate: 0, quarantined: 1, deleted: 100 };

const text = readFileSync(process.argv[2] ?? "", "utf8");
const lines = text.trim().split("\n");
const problems = [];
/** @type {Record<string, unknown>} */
let summary = {};
try {
  summary = JSON.parse(text);
} catch {
  problems.push(`stdout must be exactly one JSON object; it has ${lines.length} lines and ${text.length} characters`);
}
for (const [name, value] of Object.entries(EXPECTED)) {
  if (summary[name] !== value) problems.push(`${name}: expected ${value}, got ${summary[name]}`);
}
const { elapsedMs } = summary;
if (typeof elapsedMs !== "number" || elapsedMs <= 0) problems.push(`elapsedMs: not a positive number: ${elapsedMs}`);

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? "demo summary: as expected" : "demo summary: WRONG");
process.exitCode = problems.length === 0 ? 0 : 1;
