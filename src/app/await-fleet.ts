import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import { keyMarksOf } from "../keys/key-marks.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Clock } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";
import { listWorkers, type ReportedWorker } from "../storage/workers.ts";
import { firstTable } from "./configured-tables.ts";
import { SILENT_AFTER_MS } from "./keep-heartbeat.ts";
import { openDatabase, withConnections } from "./open-database.ts";

/** As many as are ever read. */
const WORKERS_MAX = 1_000;
const LOOK_EVERY_MS = 1_000;
const REPLY_TIMEOUT_MS = 20_000;

/** The workers of a pipeline, as they reported themselves. */
export interface Fleet {
  /** Heard of lately. */
  readonly running: readonly ReportedWorker[];
  /** Of them: without the key. */
  readonly lacking: readonly ReportedWorker[];
  /** Neither heard of lately nor stopped: killed, or cut off from the database. */
  readonly silent: readonly ReportedWorker[];
}

export interface AwaitFleetOptions {
  readonly clock: Clock;
  readonly waitMs: number;
  /** Called when others are waited for than before. */
  readonly onWaiting: (fleet: Fleet) => void;
}

/**
 * Resolves when each running worker of the pipeline has a version of this keyring, as its reports to `piipe.workers` say.
 * @throws {PiipeError} `keys.conflict` when after `waitMs` one has not; or as the database fails
 */
export async function awaitFleet(
  config: Config,
  keyring: Keyring,
  version: number,
  { clock, waitMs, onWaiting }: AwaitFleetOptions,
): Promise<Fleet> {
  const mark = keyMarksOf(keyring, config.keys.domain)[version];
  const pool = openDatabase(withConnections(config, 1), { replyTimeoutMs: REPLY_TIMEOUT_MS });
  const startedMs = clock.elapsedMs();
  let told = "";
  try {
    for (;;) {
      const fleet = judged(await reportsOf(config, pool), String(version), mark);
      if (fleet.lacking.length === 0) return fleet;
      if (clock.elapsedMs() - startedMs >= waitMs) throw lacking(fleet, version);
      const names = fleet.lacking.map(({ id }) => id).join();
      if (names !== told) onWaiting(fleet);
      told = names;
      await clock.sleep(LOOK_EVERY_MS, NEVER);
    }
  } finally {
    await pool.close();
  }
}

const NEVER = new AbortController().signal;

function judged(reports: readonly ReportedWorker[], version: string, mark: string | undefined): Fleet {
  const unstopped = reports.filter(({ stoppedAt }) => stoppedAt === null);
  const running = unstopped.filter(({ silentMs }) => silentMs <= SILENT_AFTER_MS);
  return {
    running,
    lacking: running.filter(({ keys }) => keys === null || keys[version] === undefined || keys[version] !== mark),
    silent: unstopped.filter(({ silentMs }) => silentMs > SILENT_AFTER_MS),
  };
}

/** A database without the table has seen no worker. */
async function reportsOf(config: Config, pool: PostgresPool): Promise<readonly ReportedWorker[]> {
  try {
    return await listWorkers(pool, firstTable(config).name, WORKERS_MAX);
  } catch (error) {
    if (error instanceof DatabaseFailure && (error.sqlState === "42P01" || error.sqlState === "3F000")) return [];
    throw error;
  }
}

/** As `piipe status` names it, with the key versions that it has. */
export function describeHolder({ host, pid, number, keys }: ReportedWorker): string {
  const process = pid === null ? "" : `, process ${pid}${number === null ? "" : ` (worker ${number})`}`;
  const versions = keys === null ? "does not tell" : Object.keys(keys).join(", ") || "none";
  return `${host}${process}: key versions ${versions}`;
}

const lacking = (fleet: Fleet, version: number): PiipeError =>
  new PiipeError(
    "keys.conflict",
    `${fleet.lacking.length} of ${fleet.running.length} running workers do not have this key version ${version}: ` +
      fleet.lacking.map(describeHolder).join("; "),
    {
      hint:
        "Bring them the file, and restart those that do not read it from a file, or stop them; then run the command again. " +
        "Nothing was changed. A version that is promoted before all have it makes duplicates that are not seen.",
    },
  );
