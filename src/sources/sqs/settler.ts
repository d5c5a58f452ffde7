import { PiipeError } from "../../errors.ts";
import { backoffMs } from "../../pipeline/backoff.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import { AwsFailure } from "./client/aws-failure.ts";
import { type ActionInputs, BATCH_ENTRIES_MAX, type BatchOutput, type SqsCaller } from "./client/sqs-actions.ts";
import { type SqsErrorName, isEntryRetryable } from "./client/sqs-errors.ts";
import { type HeldReceipt, grantableSeconds } from "./tracker.ts";

/** Batch requests under way at once. */
const BATCHES_IN_FLIGHT_MAX = 16;

/** Hands the items over in tens, sixteen at a time. Rejects when `send` does, after the others have ended. */
export async function inBatches<T>(items: readonly T[], send: (batch: readonly T[]) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const batch = items.slice(next, next + BATCH_ENTRIES_MAX);
      next += batch.length;
      await send(batch);
    }
  };
  const workers: Promise<void>[] = [];
  const count = Math.min(BATCHES_IN_FLIGHT_MAX, Math.ceil(items.length / BATCH_ENTRIES_MAX));
  for (let i = 0; i < count; i += 1) workers.push(worker());
  const failed = (await Promise.allSettled(workers)).find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

export type BatchAction = "DeleteMessageBatch" | "ChangeMessageVisibilityBatch";
export type BatchEntry<A extends BatchAction> = Omit<ActionInputs[A]["Entries"][number], "Id">;

/** `again`: not done, or nobody knows; sending the entry once more does no harm. `refused`: it will never be done. */
export type EntryOutcome = "done" | "again" | "refused";

/** What one entry can make SQS say of its whole batch. */
const ENTRY_FAULTS: ReadonlySet<string> = new Set<SqsErrorName>([
  "BatchEntryIdsNotDistinct",
  "BatchRequestTooLong",
  "InvalidBatchEntryId",
  "InvalidIdFormat",
  "MessageNotInflight",
  "ReceiptHandleIsInvalid",
  "TooManyEntriesInBatchRequest",
]);

function isEntryFault(error: unknown): boolean {
  const cause = error instanceof PiipeError ? error.cause : null;
  return cause instanceof AwsFailure && cause.known !== null && ENTRY_FAULTS.has(cause.known);
}

/**
 * Sends up to ten entries and tells, in their order, what became of each. A batch that is refused for the sake of an
 * entry is sent again one by one: a single bad handle must not hold the others back.
 * @throws as SqsCaller
 */
export async function sendBatch<A extends BatchAction>(
  client: SqsCaller,
  action: A,
  queueUrl: string,
  entries: readonly BatchEntry<A>[],
  signal: AbortSignal,
): Promise<EntryOutcome[]> {
  const numbered = entries.map((entry, i) => ({ Id: String(i), ...entry }));
  try {
    const request = { QueueUrl: queueUrl, Entries: numbered } as unknown as ActionInputs[A];
    return outcomesOf(await client.call(action, request, signal), entries.length);
  } catch (error) {
    if (!isEntryFault(error)) throw error;
    if (entries.length === 1) return ["refused"];
    const outcomes: EntryOutcome[] = [];
    for (const entry of entries) outcomes.push(...(await sendBatch(client, action, queueUrl, [entry], signal)));
    return outcomes;
  }
}

/** Ids that were not sent say nothing. What is listed as failed is believed over what is listed as done. */
function outcomesOf({ Successful, Failed }: BatchOutput, count: number): EntryOutcome[] {
  const outcomes = new Map<string, EntryOutcome>();
  for (const { Id } of Successful) outcomes.set(Id, "done");
  for (const { Id, Code, SenderFault } of Failed) {
    const isContradicted = outcomes.has(Id) && outcomes.get(Id) !== "refused";
    outcomes.set(Id, isContradicted || isEntryRetryable(Code, SenderFault) ? "again" : "refused");
  }
  return Array.from({ length: count }, (_, i) => outcomes.get(String(i)) ?? "again");
}

/** Times that an entry is sent before it is given up; SQS then delivers the message again. */
const ROUNDS_MAX = 3;
const ROUND_BASE_MS = 100;
const ROUND_DELAY_MAX_MS = 2_000;

export interface ReceiptRelease<M extends HeldReceipt = HeldReceipt> {
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

/** Called with each message as soon as it is done or given up. */
export type OnEnd<M> = (message: M, isDone: boolean) => void;

/** Deletes and releases in batches. */
export class Settler {
  readonly #options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  delete<M extends HeldReceipt>(
    messages: readonly M[],
    signal: AbortSignal,
    onEnd: OnEnd<M> = () => {},
  ): Promise<Settled> {
    const deletes = messages.map((message) => ({ message }));
    const entryOf = ({ message }: { readonly message: M }): BatchEntry<"DeleteMessageBatch"> => ({
      ReceiptHandle: message.receiptHandle,
    });
    return this.#inRounds("DeleteMessageBatch", deletes, entryOf, signal, onEnd);
  }

  release<M extends HeldReceipt>(
    releases: readonly ReceiptRelease<M>[],
    signal: AbortSignal,
    onEnd: OnEnd<M> = () => {},
  ): Promise<Settled> {
    const { clock } = this.#options;
    const entryOf = ({ message, delaySeconds }: ReceiptRelease<M>): BatchEntry<"ChangeMessageVisibilityBatch"> => ({
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
    onEnd: OnEnd<M>,
  ): Promise<Settled> {
    let done = 0;
    let refusal: PiipeError | null = null;
    await inBatches(items, async (batch) => {
      const left = new Set(batch);
      if (refusal === null) {
        const end = (item: T, isDone: boolean): void => {
          left.delete(item);
          onEnd(item.message, isDone);
        };
        const settled = await this.#settleBatch(action, batch, entryOf, signal, end);
        done += settled.done;
        refusal ??= settled.refusal;
      }
      for (const { message } of left) onEnd(message, false);
    });
    return { done, refusal };
  }

  /** Each failed entry again, three times; what fails then is left to be redelivered. */
  async #settleBatch<A extends BatchAction, T extends { readonly message: HeldReceipt }>(
    action: A,
    batch: readonly T[],
    entryOf: (item: T) => BatchEntry<A>,
    signal: AbortSignal,
    end: (item: T, isDone: boolean) => void,
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
          const isDone = outcomes[i] === "done";
          if (isDone) done += 1;
          end(item, isDone);
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
