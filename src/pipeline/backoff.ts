/**
 * Exponential backoff with full jitter: a random delay between zero and a ceiling that doubles with each attempt.
 * Full jitter spreads workers that failed together better than a fixed or partly fixed delay.
 */
export function backoffMs(attempt: number, baseMs: number, capMs: number, random: number): number {
  return Math.round(random * Math.min(capMs, baseMs * 2 ** (attempt - 1)));
}

/** Says when trying has failed for so long, without a success between, that it makes no sense any more. */
export class GiveUpTimer {
  readonly #giveUpAfterMs: number | null;
  /** Of the first failure, not of the first try: a dead network takes longer to be noticed than a run gives up after. */
  #failingSinceMs: number | null = null;

  /** @param giveUpAfterMs null: never */
  constructor(giveUpAfterMs: number | null) {
    this.#giveUpAfterMs = giveUpAfterMs;
  }

  /** Notes a failure. @returns whether it is time to give up */
  isOver(nowMs: number): boolean {
    this.#failingSinceMs ??= nowMs;
    return this.#giveUpAfterMs !== null && nowMs - this.#failingSinceMs >= this.#giveUpAfterMs;
  }

  /** Notes a success. */
  reset(): void {
    this.#failingSinceMs = null;
  }
}
