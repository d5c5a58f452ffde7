import { setMaxListeners } from "node:events";

/** One delivery of a message. */
export interface Receipt {
  readonly id: string;
  readonly handle: string;
  readonly owner: Life;
  /** 1 for the first receipt of the message. */
  readonly count: number;
  readonly servedAtMs: number;
}

/** What waits for this waits for ever: the process is gone, or nobody will answer it. */
export function never(): Promise<never> {
  return new Promise(() => {});
}

/** One start of a worker, until it ends or crashes. */
export class Life {
  readonly name: string;
  readonly stop = new AbortController();
  readonly abort = new AbortController();
  /** The newest receipt of each message that its requests brought. */
  readonly receipts = new Map<string, Receipt>();
  /** Of these, what it has to keep invisible: it has neither settled it nor begun to close. */
  readonly held = new Set<string>();
  isClosing = false;
  /** Being settled: no longer kept invisible, and what comes again of it is not taken in. */
  readonly settling = new Set<string>();
  /** What the engine gave back, and how long that stays hidden. */
  readonly releasedMs = new Map<string, number>();
  /** Faults that struck what keeps messages invisible or settles them. */
  disturbances = 0;
  /** A fault struck what keeps messages invisible: they may become visible. */
  mayLapse = false;
  /** A fault struck what settles messages: some may stay invisible for the rest of their timeout. */
  mayLeaveHidden = false;
  /** What the source has handed to the engine, now or earlier. */
  readonly delivered = new Set<string>();
  /** Of replies that cannot be read. */
  readonly unreadable = new Set<string>();
  /** Messages whose write failed for good. */
  readonly unwritable = new Set<string>();
  #isAlive = true;
  readonly #onCrash: (awayMs: number) => void;

  constructor(name: string, onCrash: (awayMs: number) => void) {
    this.name = name;
    this.#onCrash = onCrash;
    // Every request and transaction under way listens to it.
    setMaxListeners(0, this.abort.signal);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get inFlight(): number {
    return this.held.size + this.settling.size;
  }

  /** It ended in an orderly way. */
  end(): void {
    this.#isAlive = false;
  }

  crash(awayMs: number): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#onCrash(awayMs);
  }

  /** The reply to a receive arrived. `isUsable`: the message can be taken in. */
  receive(receipt: Receipt, isUsable: boolean): void {
    const known = this.receipts.get(receipt.id);
    // Replies can overtake each other.
    if (known === undefined || known.count < receipt.count) this.receipts.set(receipt.id, receipt);
    if (isUsable && !this.isClosing && !this.settling.has(receipt.id)) this.held.add(receipt.id);
  }

  /** As `work`, while it lives: after a crash nothing that it awaits comes back. */
  mortal<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => {
          if (this.#isAlive) resolve(value);
        },
        (error: unknown) => {
          if (this.#isAlive) reject(error);
        },
      );
    });
  }
}
