import { PiipeError } from "../../errors.ts";
import { backoffMs } from "../../pipeline/backoff.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import { inBatches } from "./batches.ts";
import type { SqsCaller } from "./client/sqs-actions.ts";
import { type BatchAction, type BatchEntry, type EntryOutcome, sendBatch } from "./send-batch.ts";
import { grantableSeconds, type HeldReceipt } from "./tracker.ts";

/** Times that an entry is sent before it is given up; SQS then delivers the message again. */
const ROUNDS_MAX = 3;
const ROUND_BASE_MS = 100;
const ROUND_DELAY_MAX_MS = 2_000;

export interface Release<M extends HeldReceipt = HeldReceipt> {
  readonly message: M;
  readonly delaySeconds: number;
}

export interface SettlerOptions {
  readonly client: SqsCaller;
  readonly queueUrl: string;
  readonly clock: Clock;
}

export interface Settled {
  readonly done: number;
  /** What calling again would not mend, such as a missing permission. */
  readonly refusal: PiipeError | null;
}

/** Deletes and releases in batches. `onEnd` is called with each message as soon as it is done or given up. */
export class Settler {
  readonly #options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  delete<M extends HeldReceipt>(
    messages: readonly M[],
    signal: AbortSignal,
    onEnd: (message: M) => void = () => {},
  ): Promise<Settled> {
    const deletes = messages.map((message) => ({ message }));
    const entryOf = ({ message }: { readonly message: M }): BatchEntry<"DeleteMessageBatch"> => ({
      ReceiptHandle: message.receiptHandle,
    });
    return this.#inRounds("DeleteMessageBatch", deletes, entryOf, signal, onEnd);
  }

  release<M extends HeldReceipt>(
    releases: readonly Release<M>[],
    signal: AbortSignal,
    onEnd: (message: M) => void = () => {},
  ): Promise<Settled> {
    const { clock } = this.#options;
    const entryOf = ({ message, delaySeconds }: Release<M>): BatchEntry<"ChangeMessageVisibilityBatch"> => ({
      ReceiptHandle: message.receiptHandle,
      VisibilityTimeout: grantableSeconds(message, delaySeconds, clock.nowMs()),
    });
    return this.#inRounds("ChangeMessageVisibilityBatch", releases, entryOf, signal, onEnd);
  }

  async #inRounds<A extends BatchAction, M extends HeldReceipt, T extends { readonly message: M }>(
    action: A,
    items: readonly T[],
    entryOf: (item: T) => BatchEntry<A>,
    signal: AbortSignal,
    onEnd: (message: M) => void,
  ): Promise<Settled> {
    let done = 0;
    let refusal: PiipeError | null = null;
    await inBatches(items, async (batch) => {
      const left = new Set(batch);
      if (refusal === null) {
        const end = (item: T): void => {
          left.delete(item);
          onEnd(item.message);
        };
        const settled = await this.#settleBatch(action, batch, entryOf, signal, end);
        done += settled.done;
        refusal ??= settled.refusal;
      }
      for (const { message } of left) onEnd(message);
    });
    return { done, refusal };
  }

  /** Each failed entry again, three times; what fails then is left to be redelivered. */
  async #settleBatch<A extends BatchAction, T extends { readonly message: HeldReceipt }>(
    action: A,
    batch: readonly T[],
    entryOf: (item: T) => BatchEntry<A>,
    signal: AbortSignal,
    end: (item: T) => void,
  ): Promise<Settled> {
    const { client, queueUrl } = this.#options;
    let done = 0;
    let pending = batch;
    for (let round = 1; ; round += 1) {
      const entries = pending.map(entryOf);
      let outcomes: readonly EntryOutcome[];
      try {
        outcomes = await sendBatch(client, action, queueUrl, entries, signal);
      } catch (error) {
        if (signal.aborted) return { done, refusal: null };
        if (!(error instanceof PiipeError)) throw error;
        // The client has tried three times already.
        return { done, refusal: error.retryable ? null : error };
      }
      const next: T[] = [];
      pending.forEach((item, i) => {
        // Received again meanwhile: SQS may have ignored the older handle, so send the newer too.
        const isStale = item.message.receiptHandle !== entries[i]?.ReceiptHandle;
        if (isStale || outcomes[i] === "again") next.push(item);
        else {
          if (outcomes[i] === "done") done += 1;
          end(item);
        }
      });
      if (next.length === 0 || round === ROUNDS_MAX) return { done, refusal: null };
      pending = next;
      if (outcomes.includes("again")) await this.#pause(round, signal);
    }
  }

  #pause(round: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return clock.sleep(backoffMs(round, ROUND_BASE_MS, ROUND_DELAY_MAX_MS, clock.random()), signal);
  }
}
