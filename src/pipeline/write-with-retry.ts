import { PiipeError } from "../errors.ts";
import type { Emit } from "../telemetry/events.ts";
import { GiveUpTimer, backoffMs } from "./backoff.ts";
import type { Batch, BatchOutcome, Clock, Sink } from "./contracts.ts";

const RETRY_BASE_MS = 100;
const RETRY_CAP_MS = 10_000;
/** How long a write may go on failing once the pipeline drains: well below the usual grace of 30 s. */
const DRAIN_RETRY_MS = 5_000;

export interface WriteRetryOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly abort: AbortSignal;
  /** Fires when the pipeline is told to end: then what cannot be written soon is better given back to the queue. */
  readonly stop: AbortSignal;
  /** Fires when waiting for better times makes no sense any more: the pipeline has failed elsewhere. */
  readonly failed: AbortSignal;
  /** Give up when the write has failed for so long; null: never. */
  readonly giveUpAfterMs: number | null;
  /** As in `Sink`. Default: false. */
  readonly earlierTell?: boolean;
}

/**
 * Runs the same batch again until its outcome is known. That is safe even when the reply to a COMMIT was lost: the
 * ledger tells what the earlier try had committed.
 * @throws {PiipeError} the last error, when it is not worth a retry
 */
export async function writeWithRetry(sink: Sink, batch: Batch, options: WriteRetryOptions): Promise<BatchOutcome> {
  const { clock, emit, stop, abort, failed, giveUpAfterMs, earlierTell = false } = options;
  const patience = new GiveUpTimer(giveUpAfterMs);
  let drainedSinceMs: number | null = null;
  /** Made once: Node keeps a trace of each for as long as those live that it is made of, and an outage may last. */
  let wakes: { readonly running: AbortSignal; readonly draining: AbortSignal } | null = null;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sink.write(batch, abort, { earlierTell });
    } catch (error) {
      if (!(error instanceof PiipeError) || !error.retryable || abort.aborted || failed.aborted) throw error;
      const nowMs = clock.nowMs();
      if (patience.isOver(nowMs)) throw error;
      if (stop.aborted) drainedSinceMs ??= nowMs;
      if (drainedSinceMs !== null && nowMs - drainedSinceMs >= DRAIN_RETRY_MS) throw error;
      const delayMs = backoffMs(attempt, RETRY_BASE_MS, RETRY_CAP_MS, clock.random());
      emit({ type: "batch.retried", code: error.code, sqlState: error.sqlState, attempt, delayMs });
      wakes ??= { running: AbortSignal.any([abort, failed, stop]), draining: AbortSignal.any([abort, failed]) };
      await clock.sleep(delayMs, stop.aborted ? wakes.draining : wakes.running);
    }
  }
}
