import { PiipeError } from "../../errors.ts";
import type { SqsCaller } from "./client/sqs-actions.ts";

/** No receipt handle that SQS ever gave: it can mean no message. */
const NO_HANDLE = "piipe-check";

/**
 * Tries what a run does to messages, without an effect on any: with a receipt handle that is none, which servers refuse in
 * several ways, or ignore. One that looks at the handle before the permission hides that the latter is missing; no more
 * can be had without touching a message. Receiving has no such way: it would count as a receipt, and of a poison message
 * perhaps as the last. So it is tried only with `mayReceive`, for a queue that is empty; what comes in just then is
 * visible again at once.
 * @returns the refusals, one for each permission that is missing
 * @throws PiipeError when SQS could not be asked
 */
export async function probePermissions(
  client: SqsCaller,
  queueUrl: string,
  mayReceive: boolean,
  signal: AbortSignal,
): Promise<readonly PiipeError[]> {
  const entry = { Id: "0", ReceiptHandle: NO_HANDLE };
  const attempts: Promise<unknown>[] = [
    client.call("DeleteMessageBatch", { QueueUrl: queueUrl, Entries: [entry] }, signal),
    client.call(
      "ChangeMessageVisibilityBatch",
      { QueueUrl: queueUrl, Entries: [{ ...entry, VisibilityTimeout: 0 }] },
      signal,
    ),
  ];
  if (mayReceive) {
    const request = {
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 1,
      WaitTimeSeconds: 0,
      VisibilityTimeout: 0,
      MessageSystemAttributeNames: [],
      AttributeNames: [],
    };
    attempts.push(client.call("ReceiveMessage", request, signal));
  }
  const denials: PiipeError[] = [];
  for (const attempt of await Promise.allSettled(attempts)) {
    if (attempt.status === "fulfilled") continue;
    const error: unknown = attempt.reason;
    if (!(error instanceof PiipeError)) throw error;
    if (error.code === "queue.denied") denials.push(error);
    else if (error.code !== "queue.refused") throw error;
  }
  return denials;
}
