import { PiipeError } from "../errors.ts";
import { backoffMs } from "../pipeline/backoff.ts";
import type { Clock } from "../pipeline/contracts.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";

export interface RetryOptions {
  readonly clock: Clock;
  /** Ends the waiting: the error is thrown then. */
  readonly stop: AbortSignal;
}

const TRIES_AT_ONCE_MAX = 5;

/** A transaction that gave way to another was rolled back: it is tried again at once, as waiting was its failure. */
export async function retryAtOnce<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES_AT_ONCE_MAX || !(error instanceof DatabaseFailure) || error.fate !== "retry") throw error;
    }
  }
}

const ATTEMPTS_MAX = 10;
const RETRY_BASE_MS = 100;
const RETRY_CAP_MS = 5_000;

/**
 * Runs work that may be done twice, again after every failure that may pass: a lock or a connection that was lost, a
 * deadlock. Gives up after ten attempts, some twenty seconds.
 * @throws {PiipeError} the last error
 */
export async function retryDatabase<T>(work: () => Promise<T>, { clock, stop }: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PiipeError) || !error.retryable || attempt === ATTEMPTS_MAX || stop.aborted) throw error;
      await clock.sleep(backoffMs(attempt, RETRY_BASE_MS, RETRY_CAP_MS, clock.random()), stop);
    }
  }
}
