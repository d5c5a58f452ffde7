import { PiipeError } from "../../errors.ts";
import type { ActionInputs, BatchOutput, SqsCaller } from "./client/sqs-actions.ts";
import { isEntryRetryable, SqsFailure, type SqsErrorName } from "./client/sqs-errors.ts";

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
  return cause instanceof SqsFailure && cause.known !== null && ENTRY_FAULTS.has(cause.known);
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
