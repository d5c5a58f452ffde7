import type { SimClock } from "./sim-clock.ts";

interface Entry {
  readonly atMs: number;
  readonly who: string;
  readonly what: string | object;
}

/** What happened in a simulation, and the first promise that was broken in it. */
export class Chronicle {
  /** How often each fault fired and each rare thing happened. */
  readonly counts = new Map<string, number>();
  readonly #clock: SimClock;
  readonly #entries: Entry[] = [];
  #broken: string | null = null;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  get broken(): string | null {
    return this.#broken;
  }

  note(who: string, what: string | object): void {
    this.#entries.push({ atMs: this.#clock.nowMs() - this.#clock.startMs, who, what });
  }

  /** For what happens too often to be noted. */
  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Notes and counts. */
  happened(who: string, what: string): void {
    this.note(who, what);
    this.count(what);
  }

  /**
   * A promise was broken. Not thrown: it would surface in the middle of the pipeline, which takes exceptions for what
   * its own parts threw.
   */
  break(promise: string): void {
    this.note("BROKEN", promise);
    this.#broken ??= promise;
  }

  /** @param most the last ones only */
  lines(most?: number): string[] {
    return (most === undefined ? this.#entries : this.#entries.slice(-most)).map(({ atMs, who, what }) => {
      const text = typeof what === "string" ? what : JSON.stringify(what);
      return `${(atMs / 1_000).toFixed(3)} s  ${who}: ${text}`;
    });
  }
}
