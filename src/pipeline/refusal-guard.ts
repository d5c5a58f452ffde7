/** Recent events that the share is taken over. */
const WINDOW_EVENTS = 1_000;
/** Fewer events than this say nothing about the queue: three bad messages of five are three bad messages. */
export const JUDGED_FROM_EVENTS = 100;
/** At the end nothing more will tell. */
const JUDGED_AT_END_FROM_EVENTS = 10;

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
    this.#note(isRefused);
    return this.#isBeyondLimit();
  }

  /**
   * Counts events that were judged together. Returns as `count` does. The refused ones are spread among the others: where
   * in a batch they were says nothing, and a batch may be larger than the window.
   */
  countBatch(refused: number, events: number): boolean {
    for (let index = 0; index < events; index += 1) {
      this.#note(Math.floor(((index + 1) * refused) / events) > Math.floor((index * refused) / events));
    }
    return this.#isBeyondLimit();
  }

  /** Too many were refused so far, and too few were seen to halt for it. */
  get isInDoubt(): boolean {
    return this.#seen < JUDGED_FROM_EVENTS && this.#isTooMany();
  }

  /** As `count` says, when nothing follows any more. */
  get isBeyondLimitAtEnd(): boolean {
    return this.#seen >= JUDGED_AT_END_FROM_EVENTS && this.#isTooMany();
  }

  /** Refused events among the recent ones, for the message of the halt. */
  get recent(): { readonly refused: number; readonly events: number } {
    return { refused: this.#refusedInWindow, events: Math.min(this.#seen, WINDOW_EVENTS) };
  }

  #note(isRefused: boolean): void {
    const slot = this.#seen % WINDOW_EVENTS;
    this.#refusedInWindow += Number(isRefused) - (this.#refusedFlags[slot] ?? 0);
    this.#refusedFlags[slot] = Number(isRefused);
    this.#seen += 1;
  }

  #isBeyondLimit(): boolean {
    return this.#seen >= JUDGED_FROM_EVENTS && this.#isTooMany();
  }

  #isTooMany(): boolean {
    const { refused, events } = this.recent;
    return refused > events * this.#haltAboveShare;
  }
}
