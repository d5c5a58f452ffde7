/** Recent events that the share is taken over. */
const WINDOW_EVENTS = 1_000;
/** Fewer events than this say nothing about the queue: three bad messages of five are three bad messages. */
const JUDGED_FROM_EVENTS = 100;

/**
 * Watches the share of refused events. A schema change at the producer or a wrong column in the configuration
 * refuses nearly everything: then the pipeline must halt, not carry the whole queue into the quarantine.
 */
export class RefusalGuard {
  readonly #haltAboveShare: number;
  readonly #refusedFlags = new Uint8Array(WINDOW_EVENTS);
  #seen = 0;
  #refusedInWindow = 0;

  /** @param haltAboveShare share of refused events in (0, 1]; 1 never halts */
  constructor(haltAboveShare: number) {
    this.#haltAboveShare = haltAboveShare;
  }

  /** Counts one event. Returns true when too many of the recent events were refused. */
  count(isRefused: boolean): boolean {
    const slot = this.#seen % WINDOW_EVENTS;
    this.#refusedInWindow += Number(isRefused) - (this.#refusedFlags[slot] ?? 0);
    this.#refusedFlags[slot] = Number(isRefused);
    this.#seen += 1;
    return this.#isBeyondLimit();
  }

  /** Takes back an event that was counted as good: PostgreSQL refused its row. Returns as `count` does. */
  countTurnedBad(): boolean {
    const judged = Math.min(this.#seen, WINDOW_EVENTS);
    for (let back = 1; back <= judged; back += 1) {
      const slot = (this.#seen - back) % WINDOW_EVENTS;
      if (this.#refusedFlags[slot] === 1) continue;
      this.#refusedFlags[slot] = 1;
      this.#refusedInWindow += 1;
      break;
    }
    return this.#isBeyondLimit();
  }

  #isBeyondLimit(): boolean {
    const judged = Math.min(this.#seen, WINDOW_EVENTS);
    return judged >= JUDGED_FROM_EVENTS && this.#refusedInWindow > judged * this.#haltAboveShare;
  }

  /** Refused events among the recent ones, for the message of the halt. */
  get recent(): { readonly refused: number; readonly events: number } {
    return { refused: this.#refusedInWindow, events: Math.min(this.#seen, WINDOW_EVENTS) };
  }
}
