import { PiipeError } from "../errors.ts";
import type { Emit } from "../telemetry/events.ts";
import { GiveUpTimer } from "./backoff.ts";
import type { Clock, Source } from "./contracts.ts";

export interface EmptyWatchOptions {
  /** Times in a row that the queue must be found empty: SQS counts approximately. */
  readonly confirmations: number;
  /** Throw when the queue could not be asked for so long; null: never. */
  readonly giveUpAfterMs: number | null;
  readonly emit: Emit;
}

/** Decides whether a queue is worked off, for a run that ends by itself. */
export class EmptyWatch {
  readonly #source: Source;
  readonly #clock: Clock;
  readonly #options: EmptyWatchOptions;
  #times = 0;
  readonly #patience: GiveUpTimer;
  /** Told once for each wait, which may last as long as the visibility timeout. */
  #isWaiting = false;

  constructor(source: Source, clock: Clock, options: EmptyWatchOptions) {
    this.#source = source;
    this.#clock = clock;
    this.#options = options;
    this.#patience = new GiveUpTimer(options.giveUpAfterMs);
  }

  /** Something was received: begin again. */
  reset(): void {
    this.#times = 0;
    this.#isWaiting = false;
  }

  /**
   * Asks the queue. Call when nothing was received and nothing is in flight.
   * @param left messages that the run left there on purpose
   */
  async isEmpty(left: number, stop: AbortSignal): Promise<boolean> {
    try {
      const depth = await this.#source.depth(stop);
      this.#patience.reset();
      this.#times = depth <= left ? this.#times + 1 : 0;
      if (depth > left && !this.#isWaiting) {
        this.#isWaiting = true;
        this.#options.emit({ type: "queue.awaited", count: depth - left });
      }
    } catch (error) {
      if (stop.aborted) return false;
      if (!(error instanceof PiipeError) || !error.retryable) throw error;
      // The next receive, which waits, comes before the next question: that is the pause between the tries.
      this.#times = 0;
      if (this.#patience.isOver(this.#clock.nowMs())) throw error;
    }
    return this.#times >= this.#options.confirmations;
  }
}
