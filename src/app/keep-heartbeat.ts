import { PiipeError } from "../errors.ts";
import type { Clock } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { forgetWorkers, type LiveWorker, reportWorker } from "../storage/workers.ts";
import type { Emit } from "../telemetry/events.ts";

export const HEARTBEAT_EVERY_MS = 5_000;
/** Whoever is silent for so long is taken for dead. */
export const SILENT_AFTER_MS = 3 * HEARTBEAT_EVERY_MS;
/** The last report must not hold up the end of a run whose database is gone. */
const LAST_REPORT_TIMEOUT_MS = 1_000;

/**
 * Reports the worker to `piipe.workers` at once and then every five seconds, until `stop` fires; then once more, as
 * stopped. Never throws: deliveries do not depend on it, and what failed is reported and tried again.
 * @param abort cuts what is under way, the last report included
 */
export async function keepHeartbeat(
  pool: PostgresPool,
  worker: () => LiveWorker,
  { clock, emit, stop, abort }: { clock: Clock; emit: Emit; stop: AbortSignal; abort: AbortSignal },
): Promise<void> {
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      if (error.code !== "interrupted") emit({ type: "heartbeat.failed", code: error.code, sqlState: error.sqlState });
    }
  };
  const ending = AbortSignal.any([stop, abort]);
  await attempt(() => forgetWorkers(pool, ending));
  while (!ending.aborted) {
    await attempt(() => reportWorker(pool, worker(), { isStopped: false, abort: ending }));
    await clock.sleep(HEARTBEAT_EVERY_MS, ending);
  }
  if (abort.aborted) return;
  const reported = new AbortController();
  const late = new AbortController();
  const limit = AbortSignal.any([abort, late.signal]);
  void clock.sleep(LAST_REPORT_TIMEOUT_MS, reported.signal).then(() => late.abort());
  await attempt(() => reportWorker(pool, worker(), { isStopped: true, abort: limit }));
  reported.abort();
}
