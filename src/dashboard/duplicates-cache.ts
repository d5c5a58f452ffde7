import type { Clock } from "../pipeline/contracts.ts";
import type { DuplicatesPage } from "./api.ts";

const KEPT_MS = 30_000;

interface Answer {
  readonly page: Promise<DuplicatesPage>;
  /** Infinite while it is looked for. */
  untilMs: number;
}

/** Looking for duplicates reads the whole table: one column at a time, however many ask, and not again at once. */
export class DuplicatesCache {
  readonly #find: (column: string) => Promise<DuplicatesPage>;
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(find: (column: string) => Promise<DuplicatesPage>, clock: Clock) {
    this.#find = find;
    this.#clock = clock;
  }

  get(column: string): Promise<DuplicatesPage> {
    const known = this.#answers.get(column);
    if (known !== undefined && this.#clock.elapsedMs() < known.untilMs) return known.page;
    const page = this.#last.then(() => this.#find(column));
    const answer: Answer = { page, untilMs: Number.POSITIVE_INFINITY };
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
