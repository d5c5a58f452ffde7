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
  /** Called when refused events have waited for long enough, before they are written. */
  readonly onDoubtsOver: () => void;
  /** Called when `next` may have a batch to be written. */
  readonly onReady: () => void;
}

/** Fills batches, and keeps those that are ready, in their order, until each is written. */
export class Batcher {
  readonly #options: BatcherOptions;
  #open = new OpenBatch();
  /** null: nothing is open, or it waits for more no longer. */
  #linger: AbortController | null = null;
  /** The open batch has waited for more: whoever can write takes it. Until then it goes on filling. */
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
    const { limits, clock, onReady } = this.#options;
    const { size, rows, bytes } = this.#open;
    // In doubt it waits for more, as far as there is room.
    if ((rows >= limits.batchRowsMax || bytes >= limits.batchBytesMax) && !this.isInDoubt) {
      this.flush();
    } else if (this.#hasLingered) {
      onReady();
    } else if (size > 0 && this.#linger === null) {
      const { signal } = (this.#linger = new AbortController());
      void clock.sleep(limits.lingerMs, signal).then(() => {
        if (!signal.aborted) this.endLinger();
      });
    }
  }

  /** Call when nothing more is known to come: the open batch, if there is one, is due. */
  endLinger(): void {
    this.#linger?.abort();
    this.#linger = null;
    if (this.#open.size === 0) return;
    this.#hasLingered = true;
    this.#options.onReady();
  }

  /** Makes the open batch ready, in doubt or not. */
  flush(): void {
    if (this.#open.size === 0) return;
    this.#ready.push(this.#takeOpen());
    this.#options.onReady();
  }

  /** Takes the batch that is to be written next, if there is one. */
  next(): OpenBatch | undefined {
    const ready = this.#ready.shift();
    if (ready !== undefined || !this.#hasLingered) return ready;
    if (!this.isInDoubt) return this.#takeOpen();
    const { judge, isWriting, onDoubtsOver } = this.#options;
    void judge.waitOnce(isWriting, this.#closed.signal, () => {
      onDoubtsOver();
      this.flushIfDue();
    });
    return undefined;
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
    return this.takeBatches().flatMap(({ deliveries }) => deliveries);
  }

  /** The same, batch by batch in their order. */
  takeBatches(): readonly OpenBatch[] {
    const taken = [...this.#ready, this.#takeOpen()];
    this.#ready = [];
    return taken;
  }

  /** Makes a batch ready behind those that are. */
  add(batch: OpenBatch): void {
    if (batch.size > 0) this.#ready.push(batch);
  }

  /** Ends its timers. */
  close(): void {
    this.#linger?.abort();
    this.#closed.abort();
  }

  #takeOpen(): OpenBatch {
    this.#linger?.abort();
    this.#linger = null;
    this.#hasLingered = false;
    const open = this.#open;
    this.#open = new OpenBatch();
    return open;
  }
}
