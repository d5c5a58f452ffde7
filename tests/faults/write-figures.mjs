/** Writes the figures of `npm run test:faults` into docs/guarantees.md. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FILE = fileURLToPath(new URL("../../docs/guarantees.md", import.meta.url));
const BEGIN = "<!-- begin: figures of npm run test:faults -->";
const END = "<!-- end: figures of npm run test:faults -->";

/**
 * @typedef {import("./soak/soak-report.ts").SoakReport} SoakReport
 * @param {{
 *   seed: number,
 *   legs: readonly SoakReport[],
 *   legsInAll: number,
 *   simulation: { seeds: number, seconds: number } | null,
 *   others: { passed: number, skipped: number, seconds: number } | null,
 * }} figures
 */
export function writeFigures(figures) {
  const text = readFileSync(FILE, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${FILE} has no place for the figures`);
  writeFileSync(FILE, `${text.slice(0, begin + BEGIN.length)}\n\n${render(figures)}\n\n${text.slice(end)}`);
  execFileSync("npx", ["oxfmt", FILE], { cwd: ROOT, stdio: "ignore" });
}

/** @param {Parameters<typeof writeFigures>[0]} figures */
function render({ seed, simulation, others, legs, legsInAll }) {
  /** @param {(leg: SoakReport) => number} of */
  const sum = (of) => legs.reduce((total, leg) => total + of(leg), 0);
  const faults = sumByName(legs.map((leg) => leg.faults));
  const queueFaults = sumByName(legs.map((leg) => leg.queueFaults));
  /** @param {string} prefix */
  const startingWith = (prefix) =>
    [...faults].reduce((total, [name, count]) => total + (name.startsWith(prefix) ? count : 0), 0);
  const inCommit = [...faults].reduce((total, [name, count]) => total + (/^cut .*COMMIT/.test(name) ? count : 0), 0);
  const minutes = Math.round(((simulation?.seconds ?? 0) + (others?.seconds ?? 0) + sum((leg) => leg.seconds)) / 60);
  return [
    `On ${new Date().toISOString().slice(0, 10)}, commit ${commit()}, seeds ${seed} to ${seed + legsInAll - 1}, in ${minutes} minutes, on ${machine()}:`,
    "",
    table(`the long soak (${legs.length} of ${legsInAll} legs): every fault at once on real servers`, "count", [
      ["messages sent", sum((leg) => leg.sent)],
      ["rows stored", sum((leg) => leg.stored)],
      ["quarantined, as they should be", sum((leg) => leg.quarantined)],
      ["still in the queue", sum((leg) => leg.stillQueued)],
      ["**lost**", sum((leg) => leg.lost)],
      ["**duplicate rows**", sum((leg) => leg.duplicateRows)],
      ["**unexpected rows or values**", sum((leg) => leg.unexpected)],
      [
        `**deletes before the commit**, of ${number(sum((leg) => leg.deletesSeen))} looked at`,
        sum((leg) => leg.deletesBeforeCommit),
      ],
      ["**raw values found** in output, log and data folder", sum((leg) => leg.rawBytes.length)],
      ["workers that ended unasked, but for starts without a database", sum((leg) => leg.unexpectedEnds.length)],
      ["deliveries that the ledger had already", sum((leg) => leg.redelivered)],
    ]),
    "",
    table("fault", "times", [
      [`SIGKILL (${list(faults, "kill ")})`, startingWith("kill ")],
      [`connections cut (${list(faults, "cut ")})`, startingWith("cut ")],
      ["of these around COMMIT", inCommit],
      ...[...faults].filter(([name]) => !/^(?:kill|cut) /.test(name)),
      ...[...queueFaults].map(([name, count]) => /** @type {[string, number]} */ ([`queue: ${name}`, count])),
    ]),
    "",
    simulation === null
      ? "The simulation was not run."
      : `The simulation: ${number(simulation.seeds)} seeds from ${seed} on without a failure.`,
    others === null
      ? "The other fault tests were not run."
      : `The other fault tests: ${others.passed} passed, ${others.skipped} skipped.`,
  ].join("\n");
}

/** @param {readonly Readonly<Record<string, number>>[]} counts */
function sumByName(counts) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) {
    sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return new Map([...sums].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** @param {ReadonlyMap<string, number>} counts @param {string} prefix */
function list(counts, prefix) {
  return [...counts]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, count]) => `${name.slice(prefix.length)} ${count}`)
    .join(", ");
}

/** @param {string} head @param {string} countHead @param {readonly (readonly [string, number])[]} rows */
function table(head, countHead, rows) {
  const lines = rows.map(([name, count]) => `| ${name} | ${number(count)} |`);
  return [`| ${head} | ${countHead} |`, "| --- | ---: |", ...lines].join("\n");
}

/** @param {number} count */
function number(count) {
  return count.toLocaleString("en-US");
}

function commit() {
  const git = (/** @type {string[]} */ ...args) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8" }).trim();
  // This page itself is changed by each report.
  const changes = git("status", "--porcelain", "--", "src", "sql", "tests", "package-lock.json");
  return git("rev-parse", "--short", "HEAD") + (changes === "" ? "" : " with changes");
}

function machine() {
  const gib = Math.round(totalmem() / 2 ** 30);
  const model = cpus()[0]?.model.trim() ?? "an unknown processor";
  return `${cpus().length} cores (${model}), ${gib} GiB, ${type()} ${release()}, Node ${process.versions.node}`;
}
