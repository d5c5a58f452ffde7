import type { Verdict } from "./judge-exit.ts";

/** Longer than any start takes: a worker that lived so long did not end for the reason that the one before it did. */
const HEALTHY_AFTER_MS = 60_000;
const FAILURES_MAX = 5;
const FIRST_DELAY_MS = 1_000;

/** How often one worker is started again, and after what pause: 1, 2, 4 and 8 s, then no more. */
export class RestartLimit {
  readonly #healthyAfterMs: number;
  #failures = 0;

  /** @param isFinite true for a run that ends by itself: not even long lives may then follow each other for ever */
  constructor(isFinite: boolean) {
    this.#healthyAfterMs = isFinite ? Number.POSITIVE_INFINITY : HEALTHY_AFTER_MS;
  }

  /** Failures without a healthy minute between them. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Counts the end of a life of so long.
   * @returns the pause before the next one; null: no more
   */
  nextDelayMs(verdict: Exclude<Verdict, "done">, livedMs: number): number | null {
    if (livedMs >= this.#healthyAfterMs) this.#failures = 0;
    if (verdict === "stopped") return FIRST_DELAY_MS;
    this.#failures += 1;
    return verdict === "final" || this.#failures === FAILURES_MAX ? null : FIRST_DELAY_MS * 2 ** (this.#failures - 1);
  }
}
