import type { Clock, Delivery } from "./contracts.ts";
import { OpenBatch } from "./open-batch.ts";
import type { RefusalJudge } from "./refusal-judge.ts";

export interface BatchLimits {
  readonly batchRowsMax: number;
  readonly batchBytesMax: number;
  /** Longest wait of the first row of a batch for more. */
  readonly lingerMs: number;
}

export interface BatcherOptions {
  readonly limits: BatchLimits;
  readonly clock: Clock;
  readonly judge: RefusalJudge;
  /** Whether any batch is being written. */
  readonly isWriting: () => boolean;
  /** Called when a batch is ready to be written. */
  readonly onReady: () => void;
}

/** Fills batches, and keeps those that are ready, in their order, until each is written. */
export class Batcher {
  readonly #options: BatcherOptions;
  #open = new OpenBatch();
  /** null: nothing is open, or the open batch is to be flushed. */
  #linger: AbortController | null = null;
  #hasLingered = false;
  #ready: OpenBatch[] = [];
  readonly #closed = new AbortController();

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** The batch to add to; call `flushIfDue` afterwards. */
  get open(): OpenBatch {
    return this.#open;
  }

  /** Whether the open batch holds refused events that may have to wait. */
  get isInDoubt(): boolean {
    return this.#options.judge.isInDoubt(this.#open);
  }

  /** Call after whatever was added, or tells more about the queue. */
  flushIfDue(): void {
    const { limits, clock } = this.#options;
    const { size, bytes } = this.#open;
    if (size >= limits.batchRowsMax || bytes >= limits.batchBytesMax) {
      this.flush();
    } else if (this.#hasLingered) {
      this.#flushOnceJudged();
    } else if (size > 0 && this.#linger === null) {
      const { signal } = (this.#linger = new AbortController());
      void clock.sleep(limits.lingerMs, signal).then(() => {
        if (signal.aborted) return;
        this.#hasLingered = true;
        this.#flushOnceJudged();
      });
    }
  }

  #flushOnceJudged(): void {
    const { judge, isWriting } = this.#options;
    if (!this.isInDoubt) this.flush();
    else void judge.waitOnce(isWriting, this.#closed.signal, () => this.flushIfDue());
  }

  /** Makes the open batch ready, in doubt or not. */
  flush(): void {
    this.#endLinger();
    if (this.#open.size === 0) return;
    this.#ready.push(this.#open);
    this.#open = new OpenBatch();
    this.#options.onReady();
  }

  /** Takes the batch that is to be written next, if one is ready. */
  next(): OpenBatch | undefined {
    return this.#ready.shift();
  }

  /**
   * Takes back what a write left. It goes before all else: in a queue with an order, nothing later may overtake it.
   * @returns the batch that it is in now; what the sink rejected belongs there too
   */
  putBack(rest: OpenBatch): OpenBatch {
    if (rest.records.length > 0) {
      this.#ready.unshift(rest);
      return rest;
    }
    const first = this.#ready[0] ?? this.#open;
    first.addRefusedOf(rest);
    return first;
  }

  /** Gives up all that is not being written. */
  takeAll(): readonly Delivery[] {
    this.#endLinger();
    const taken = [...this.#ready, this.#open].flatMap(({ deliveries }) => deliveries);
    this.#ready = [];
    this.#open = new OpenBatch();
    return taken;
  }

  /** Ends its timers. */
  close(): void {
    this.#endLinger();
    this.#closed.abort();
  }

  #endLinger(): void {
    this.#linger?.abort();
    this.#linger = null;
    this.#hasLingered = false;
  }
}
