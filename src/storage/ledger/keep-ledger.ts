import { PiipeError } from "../../errors.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import type { Emit } from "../../telemetry/events.ts";
import { maintainLedger } from "./ledger-maintenance.ts";

const HOUR_MS = 3_600_000;
/** Between two turns of pruning a backlog: 100,000 rows a second at most, and room for the writers. */
const BACKLOG_PAUSE_MS = 5_000;

/**
 * Maintains the ledger at once and then every hour, sooner while rows to prune are left, until `stop` fires. Never
 * throws: the pipeline's writes do not depend on it, and what failed is reported and tried again.
 */
export async function keepLedger(pool: PostgresPool, clock: Clock, emit: Emit, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    let pauseMs = HOUR_MS;
    try {
      const { created, dropped, pruned, hasMore, failure } = await maintainLedger(pool, clock.nowMs(), stop);
      // What waited for a lock in vain held up the writers meanwhile: once an hour is enough.
      if (hasMore && failure?.code !== "database.busy") pauseMs = BACKLOG_PAUSE_MS;
      if (created + dropped + pruned > 0) emit({ type: "ledger.maintained", created, dropped, pruned });
      if (failure) throw failure;
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      if (error.code !== "interrupted") {
        emit({ type: "ledger.maintenance-failed", code: error.code, sqlState: error.sqlState });
      }
    }
    await clock.sleep(pauseMs, stop);
  }
}
