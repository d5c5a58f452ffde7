import type { PiipeError } from "../errors.ts";
import type { Clock } from "./contracts.ts";
import type { OpenBatch } from "./open-batch.ts";

const FIRST_WAIT_MS = 1_000;
const WAIT_MS_MAX = 60_000;
/** For so many waits what is received next may tell better than what was stored before. */
const WAITS_FOR_OTHERS = 2;
/** About a minute: the same where the run ends by what was stored before. */
const WAITS_BEFORE_END = 5;

export interface HoldOptions {
  /** So much may be in flight meanwhile. */
  readonly inFlightMax: number;
  readonly clock: Clock;
  /** The batch is to be written again after so long. */
  readonly onWait: (attempt: number, delayMs: number) => void;
  /** It is. */
  readonly onDue: () => void;
}

/** A batch of which no row can be written, for a reason that a retry does not mend: it waits, longer and longer. */
export class Hold {
  /** Grows by what is received meanwhile. */
  readonly batch: OpenBatch;
  error: PiipeError;
  /** Its write is under way. */
  isWriting = false;
  readonly #options: HoldOptions;
  readonly #ended = new AbortController();
  #waits = 0;
  #isLastTry = false;
  #isWaiting = false;
  #isDue = false;

  constructor(batch: OpenBatch, error: PiipeError, options: HoldOptions) {
    this.batch = batch;
    this.error = error;
    this.#options = options;
    this.#wait();
  }

  /** Its write has failed again. */
  again(error: PiipeError): void {
    this.error = error;
    this.isWriting = false;
    if (!this.#isWaiting && !this.#isLastTry) this.#wait();
  }

  /** Ends the wait. */
  wake(): void {
    this.#isDue = true;
    this.#options.onDue();
  }

  /** The same, when nothing else is to come. @returns false: nothing has come since that was tried before */
  wakeLast(): boolean {
    if (this.#isLastTry) return false;
    this.#isLastTry = true;
    this.wake();
    return true;
  }

  get inFlightMax(): number {
    return this.#options.inFlightMax;
  }

  /** Nothing has come that tells whether its rows are at fault. */
  get isAlone(): boolean {
    return this.#isLastTry || this.#waits > WAITS_FOR_OTHERS;
  }

  /** The same, for as long as anything may be waited for. */
  get isLongAlone(): boolean {
    return this.#isLastTry || this.#waits > WAITS_BEFORE_END;
  }

  /** @param next what else is to be written, if anything @returns whether there is a reason to write it now */
  takes(next: () => OpenBatch | undefined): boolean {
    if (this.isWriting) return false;
    let isDue = this.#isDue;
    for (let batch = next(); batch; batch = next()) {
      // Among more rows there may be one that passes.
      this.batch.addAllOf(batch);
      this.#isLastTry = false;
      isDue = true;
    }
    this.#isDue = false;
    this.isWriting = isDue;
    return isDue;
  }

  end(): void {
    this.#ended.abort();
  }

  #wait(): void {
    const { clock, onWait } = this.#options;
    const longestMs = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** this.#waits);
    this.#waits += 1;
    this.#isWaiting = true;
    // Workers that met the same fault shall not all try at the same moment.
    const delayMs = Math.round(longestMs * (0.75 + clock.random() / 4));
    onWait(this.#waits, delayMs);
    void clock.sleep(delayMs, this.#ended.signal).then(() => {
      this.#isWaiting = false;
      if (!this.#ended.signal.aborted) this.wake();
    });
  }
}
