import type { Clock } from "../pipeline/contracts.ts";
import type { DuplicatesPage } from "./api.ts";

/** However slow a service is: reading it takes at most a tenth of the time. */
const PAUSE_PER_READ = 10;

/** The latest answer of a service that is asked again and again while somebody watches. */
export class PeriodicRead<T> {
  readonly #read: (abort: AbortSignal) => Promise<T>;
  readonly #everyMs: number;
  readonly #clock: Clock;
  readonly #reportBug: (error: unknown) => void;
  #value: T | null = null;
  #nextMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> = Promise.resolve();

  /** @param reportBug `read` gives failures of the world as values */
  constructor(
    read: (abort: AbortSignal) => Promise<T>,
    { everyMs, clock, reportBug }: { everyMs: number; clock: Clock; reportBug: (error: unknown) => void },
  ) {
    this.#read = read;
    this.#everyMs = everyMs;
    this.#clock = clock;
    this.#reportBug = reportBug;
  }

  /** null: nothing is known that is fresh enough to show. */
  get value(): T | null {
    return this.#value;
  }

  /** Reads until `unwatched` fires; one watch after the other, and not more often for that. */
  keep(unwatched: AbortSignal): Promise<void> {
    this.#reading = this.#reading.then(() => this.#readUntil(unwatched));
    return this.#reading;
  }

  async #readUntil(unwatched: AbortSignal): Promise<void> {
    const clock = this.#clock;
    // Of a watch that ended long ago.
    if (clock.elapsedMs() > this.#nextMs) this.#value = null;
    while (!unwatched.aborted) {
      const waitMs = this.#nextMs - clock.elapsedMs();
      if (waitMs > 0) {
        await clock.sleep(waitMs, unwatched);
        continue;
      }
      const startedMs = clock.elapsedMs();
      try {
        const value = await this.#read(unwatched);
        // What was cut short tells nothing of the service.
        if (!unwatched.aborted) this.#value = value;
      } catch (error) {
        this.#reportBug(error);
      }
      const tookMs = clock.elapsedMs() - startedMs;
      this.#nextMs = startedMs + Math.max(this.#everyMs, PAUSE_PER_READ * tookMs);
    }
  }
}

const KEPT_MS = 30_000;

interface CachedPage {
  readonly page: Promise<DuplicatesPage>;
  /** Infinite while it is looked for. */
  untilMs: number;
}

/** Looking for duplicates reads the whole table: one column at a time, however many ask, and not again at once. */
export class DuplicatesCache {
  readonly #find: (column: string) => Promise<DuplicatesPage>;
  readonly #clock: Clock;
  readonly #answers = new Map<string, CachedPage>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(find: (column: string) => Promise<DuplicatesPage>, clock: Clock) {
    this.#find = find;
    this.#clock = clock;
  }

  get(column: string): Promise<DuplicatesPage> {
    const known = this.#answers.get(column);
    if (known !== undefined && this.#clock.elapsedMs() < known.untilMs) return known.page;
    const page = this.#last.then(() => this.#find(column));
    const answer: CachedPage = { page, untilMs: Number.POSITIVE_INFINITY };
    this.#answers.set(column, answer);
    this.#last = page.then(
      () => {
        answer.untilMs = this.#clock.elapsedMs() + KEPT_MS;
      },
      () => {
        // A failure is told to those who wait for it, and not kept.
        answer.untilMs = Number.NEGATIVE_INFINITY;
      },
    );
    return page;
  }
}
