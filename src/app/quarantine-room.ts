import { PiipeError } from "../errors.ts";
import type { Clock } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { pendingBytes } from "../storage/quarantine/quarantine.ts";

/**
 * What the events of one queue that wait in the quarantine may take, sealed: over a million login events, or a thousand of
 * the largest messages. Whoever may send must not be able to fill the database's disk.
 */
const QUARANTINE_BYTES_MAX = 1024 * 1024 * 1024;
/** Workers do not know of each other's: together they may exceed the bound by what they refuse in this time. */
const READ_EVERY_MS = 10_000;
/** Of a sealed event beside its body and attributes: keys, nonces, names and the row. */
const SEALED_EXTRA_BYTES = 1_024;

/** Knows whether the quarantine has room for more of a queue's events, without a query for each. */
export class QuarantineRoom {
  readonly #pool: PostgresPool;
  readonly #sourceId: string;
  readonly #bytesMax: number;
  /** As read, with what was refused since. */
  #bytes = 0;
  #hasChanged = false;

  constructor(pool: PostgresPool, sourceId: string, bytesMax = QUARANTINE_BYTES_MAX) {
    this.#pool = pool;
    this.#sourceId = sourceId;
    this.#bytesMax = bytesMax;
  }

  /** Takes room for a refused event; false: there is none. */
  readonly take = (deliveryBytes: number): boolean => {
    this.#hasChanged = true;
    const bytes = this.#bytes + deliveryBytes + SEALED_EXTRA_BYTES;
    if (bytes > this.#bytesMax) return false;
    this.#bytes = bytes;
    return true;
  };

  /** @throws {PiipeError} as the database fails */
  async read(abort: AbortSignal): Promise<void> {
    this.#hasChanged = false;
    this.#bytes = await pendingBytes(this.#pool, this.#sourceId, abort);
  }

  /** Reads again from time to time while events are refused, until `stop` fires: what was discarded makes room. */
  async keep(clock: Clock, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await clock.sleep(READ_EVERY_MS, stop);
      if (!stop.aborted) await this.refresh(stop);
    }
  }

  /** Reads again if an event was refused since. A failure is none: until the next time what is known is good enough. */
  async refresh(abort: AbortSignal): Promise<void> {
    if (!this.#hasChanged) return;
    try {
      await this.read(abort);
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      this.#hasChanged = true;
    }
  }
}
