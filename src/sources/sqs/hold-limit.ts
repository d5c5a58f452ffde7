/** One reply's worth: with less, a worker would stand still. */
const HELD_MIN = 10;
/** Beyond what any worker holds. */
const UNLIMITED = 100_000;

/** What one look of the heartbeat came to. */
export interface Look {
  /** Messages that this worker holds. */
  readonly held: number;
  /** Those that should have been kept hidden for longer, and were not. */
  readonly failed: number;
  /** So much after its time. */
  readonly lateMs: number;
  /** How far apart looks are. */
  readonly everyMs: number;
}

/**
 * How many messages a worker may hold, by how well it keeps hidden what it holds. A starved event loop or a slow network
 * makes looks late and extensions fail, and what it then receives more of would become visible again, and be delivered
 * twice. Halved by each bad look, doubled by each good one: it settles where all can be kept.
 */
export class HoldLimit {
  #max = UNLIMITED;
  /** At the last look, when it was more than allowed; else infinite. */
  #heldBeyond = Number.POSITIVE_INFINITY;

  /** Infinite as long as all goes well. */
  get max(): number {
    return this.#max >= UNLIMITED ? Number.POSITIVE_INFINITY : this.#max;
  }

  /** @returns whether the look was bad: the limit is lower now */
  note({ held, failed, lateMs, everyMs }: Look): boolean {
    // A message is extended with half of its time left, which is four looks.
    const isBad = failed > 0 || (held > 0 && lateMs > everyMs);
    if (isBad) this.#max = Math.max(HELD_MIN, Math.floor(Math.min(held, this.#max) / 2));
    else this.#max = Math.min(UNLIMITED, this.#max * 2);
    // What is held on purpose, as a redrive does, gets no less by waiting for it: then a little more with every other look.
    if (held > this.#max && held >= this.#heldBeyond) this.#max = held + HELD_MIN;
    this.#heldBeyond = held > this.#max ? held : Number.POSITIVE_INFINITY;
    return isBad;
  }
}
