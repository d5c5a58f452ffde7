import { PiipeError } from "../../errors.ts";
import { backoffMs } from "../backoff.ts";
import type { Clock } from "../contracts.ts";
import { inBatches } from "./batches.ts";
import type { BatchFailure, SqsCaller } from "./sqs-actions.ts";
import { isEntryRetryable } from "./sqs-errors.ts";
import { grantableSeconds, type TrackedMessage } from "./tracker.ts";

/** Times that an entry is sent before it is given up; SQS then delivers the message again. */
const ROUNDS_MAX = 3;
const ROUND_BASE_MS = 100;
const ROUND_DELAY_MAX_MS = 2_000;

export interface Release {
  readonly message: TrackedMessage;
  readonly delaySeconds: number;
}

export interface SettlerOptions {
  readonly client: SqsCaller;
  readonly queueUrl: string;
  readonly clock: Clock;
}

/**
 * Deletes and releases in batches, each failed entry again. Returns how many were done.
 * @throws PiipeError what calling again would not mend, such as a missing permission, once no other batch is under way
 */
export class Settler {
  readonly #options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  async delete(messages: readonly TrackedMessage[], signal: AbortSignal): Promise<number> {
    const { client, queueUrl } = this.#options;
    let done = 0;
    await inBatches(messages, async (batch) => {
      const count = await this.#inRounds(batch, signal, async (pending) => {
        const handles = pending.map((message) => message.receiptHandle);
        const entries = handles.map((handle, i) => ({ Id: String(i), ReceiptHandle: handle }));
        const reply = await client.call("DeleteMessageBatch", { QueueUrl: queueUrl, Entries: entries }, signal);
        // Received again meanwhile: SQS may have ignored the older handle, so delete with the newer too.
        const isStale = (message: TrackedMessage, i: number): boolean => message.receiptHandle !== handles[i];
        return { failures: reply.Failed, again: pending.filter(isStale) };
      });
      done += count;
    });
    return done;
  }

  async release(releases: readonly Release[], signal: AbortSignal): Promise<number> {
    const { client, queueUrl, clock } = this.#options;
    let done = 0;
    await inBatches(releases, async (batch) => {
      const count = await this.#inRounds(batch, signal, async (pending) => {
        const nowMs = clock.nowMs();
        const entries = pending.map(({ message, delaySeconds }, i) => ({
          Id: String(i),
          ReceiptHandle: message.receiptHandle,
          VisibilityTimeout: grantableSeconds(message, delaySeconds, nowMs),
        }));
        const request = { QueueUrl: queueUrl, Entries: entries };
        const reply = await client.call("ChangeMessageVisibilityBatch", request, signal);
        return { failures: reply.Failed, again: [] };
      });
      done += count;
    });
    return done;
  }

  /** `again`: done by SQS's word, but to be sent once more. */
  async #inRounds<T>(
    batch: readonly T[],
    signal: AbortSignal,
    send: (pending: readonly T[]) => Promise<{ failures: readonly BatchFailure[]; again: readonly T[] }>,
  ): Promise<number> {
    let pending = batch;
    let givenUp = 0;
    for (let round = 1; ; round += 1) {
      let outcome: Awaited<ReturnType<typeof send>>;
      try {
        outcome = await send(pending);
      } catch (error) {
        // The client has tried three times already.
        if (signal.aborted || (error instanceof PiipeError && error.retryable))
          return batch.length - givenUp - pending.length;
        throw error;
      }
      const next = new Set(outcome.again);
      const failedBefore = next.size;
      for (const failure of outcome.failures) {
        const item = pending[Number(failure.Id)];
        if (item === undefined || next.has(item)) continue;
        if (isEntryRetryable(failure.Code, failure.SenderFault)) next.add(item);
        else givenUp += 1;
      }
      if (next.size === 0) return batch.length - givenUp;
      if (round === ROUNDS_MAX) return batch.length - givenUp - next.size;
      const isFailing = next.size > failedBefore;
      pending = [...next];
      if (isFailing) await this.#pause(round, signal);
    }
  }

  #pause(round: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    return clock.sleep(backoffMs(round, ROUND_BASE_MS, ROUND_DELAY_MAX_MS, clock.random()), signal);
  }
}
