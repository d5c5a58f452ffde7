/**
 * Ten messages each in the 15 ms that SQS takes are 32,000 a second, as many as one core can process. Measured with that
 * latency, on two cores with the server on one of them: 24 bring 13,000 a second, and 64 no more than 48.
 */
const POLLS_MAX = 48;

/**
 * Decides by how full the replies are how many polls are wanted, and when the next may begin. Does no I/O.
 *
 * Each full reply adds a poll: their number doubles with each round. A reply that is clearly not full takes one away, so
 * that the short replies that SQS gives also from a long queue change little; an empty one leaves one. While one poll is
 * enough, polls begin some time apart unless the last reply was full: what comes meanwhile comes in one request. From one
 * beginning to the next, not from the reply: a poll that has waited for its message long enough is followed at once.
 */
export class PollScale {
  readonly #apartMs: number;
  #wanted = 1;
  #nextAtMs = 0;

  /** @param apartMs the time between the beginnings of two polls at a low rate */
  constructor(apartMs: number) {
    this.#apartMs = apartMs;
  }

  /** Polls that are wanted at once. */
  get wanted(): number {
    return this.#wanted;
  }

  /** Notes what a poll brought of the messages that its reply could hold. */
  note(received: number, possible: number, requestedAtMs: number): void {
    if (received >= possible) this.#wanted = Math.min(POLLS_MAX, this.#wanted + 1);
    else if (received === 0) this.#wanted = 1;
    else if (received < possible / 2) this.#wanted = Math.max(1, this.#wanted - 1);
    const isPartial = received > 0 && received < possible;
    this.#nextAtMs = isPartial ? requestedAtMs + this.#apartMs : 0;
  }

  /** Back to one poll, as when SQS cannot be reached. */
  collapse(): void {
    this.#wanted = 1;
  }

  /** How long the next poll has to wait yet, when no other is under way. */
  pauseMs(nowMs: number): number {
    if (this.#wanted > 1) return 0;
    // No longer than that also when the machine's clock was set back.
    return Math.min(this.#apartMs, Math.max(0, this.#nextAtMs - nowMs));
  }
}
