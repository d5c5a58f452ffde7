/**
 * `piipe load` beside `COPY` of the same rows, masked beforehand, by psql: rows a second and CPU a row, in one run, one after the
 * other. What COPY does not do is the difference: it decodes, masks and checks nothing, and stores a file twice when it is given
 * twice. Needs psql. Reads the build: `npm run bench:load` makes it first.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { query } from "./support/databases.mjs";
import { makeEvents } from "./support/events.mjs";
import { LOGINS } from "./support/pipelines.mjs";
import { openStand } from "./support/stand.mjs";

const { values: flags } = parseArgs({
  options: { lines: { type: "string", default: "200000" }, rounds: { type: "string", default: "3" } },
});
const LINES = Number(flags.lines);
const CLI = new URL("../dist/cli/main.js", import.meta.url).pathname;
const COLUMNS = "user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date";
const US_PER_TICK = 10_000;

/** CPU of the server's processes that have ended, each connection's is one: places 16 and 17 of proc_pid_stat(5). @param {number} pid */
function endedCpuUs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[13]) + Number(fields[14])) * US_PER_TICK;
}

/**
 * @param {readonly string[]} command
 * @param {Readonly<Record<string, string>>} environment
 * @returns {Promise<{ ms: number, cpuUs: number }>} of the program alone
 */
async function timed(command, environment) {
  const startedMs = performance.now();
  const child = spawn("bash", ["-c", 'TIMEFORMAT="cpu %3U %3S"; time "$@"', "-", ...command], {
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (/** @type {string} */ chunk) => (said += chunk));
  const [code] = await once(child, "close");
  const ms = performance.now() - startedMs;
  const cpu = /^cpu (\S+) (\S+)$/m.exec(said);
  if (code !== 0 || cpu === null) throw new Error(`${command.join(" ")} ended with ${code}:\n${said}`);
  return { ms, cpuUs: (Number(cpu[1]) + Number(cpu[2])) * 1e6 };
}

const folder = await mkdtemp(join(tmpdir(), "piipe-bench-load-"));
const stand = await openStand();
try {
  const environment = stand.environmentFor(stand.canned.endpoint);
  const file = join(folder, "events.ndjson");
  await writeFile(file, `${makeEvents(LINES, { seed: 1 }).join("\n")}\n`);
  const masked = join(folder, "masked.copy");
  /** @type {Record<"load" | "copy", { ms: number, cpuUs: number, serverCpuUs: number }[]>} */
  const results = { load: [], copy: [] };
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    for (const way of /** @type {const} */ (["load", "copy"])) {
      const url = await stand.databases.create(LOGINS, environment);
      const before = endedCpuUs(stand.postgresPid);
      const command =
        way === "load"
          ? [process.execPath, CLI, "load", "--json", "--config", LOGINS.config, file]
          : ["psql", url, "-q", "-v", "ON_ERROR_STOP=1", "-c", `\\copy user_logins (${COLUMNS}) FROM '${masked}'`];
      const result = await timed(command, { ...environment, DATABASE_URL: url });
      results[way].push({ ...result, serverCpuUs: endedCpuUs(stand.postgresPid) - before });
      const [row] = await query(url, "SELECT count(*)::integer AS rows FROM user_logins");
      if (row?.rows !== LINES) throw new Error(`${way} stored ${row?.rows} rows of ${LINES}`);
      if (round === 0 && way === "load") {
        await timed(["psql", url, "-q", "-c", `\\copy user_logins (${COLUMNS}) TO '${masked}'`], {});
      }
      await stand.databases.drop(url);
    }
  }
  const figures = Object.entries(results).map(([way, of]) => {
    const median = (/** @type {(result: typeof of[number]) => number} */ value) =>
      of.map(value).toSorted((a, b) => a - b)[of.length >> 1] ?? 0;
    return {
      way,
      rowsPerSecond: Math.round(LINES / (median(({ ms }) => ms) / 1_000)),
      cpuUsPerRow: Number((median(({ cpuUs }) => cpuUs) / LINES).toFixed(2)),
      serverCpuUsPerRow: Number((median(({ serverCpuUs }) => serverCpuUs) / LINES).toFixed(2)),
    };
  });
  const [load, copy] = figures;
  console.log(
    JSON.stringify(
      {
        lines: LINES,
        figures,
        rateToCopy: Number(((load?.rowsPerSecond ?? 0) / (copy?.rowsPerSecond ?? 1)).toFixed(3)),
      },
      null,
      2,
    ),
  );
} finally {
  await stand.close();
  await rm(folder, { recursive: true, force: true });
}
