import type { ActionOutputs, SqsAction } from "./sqs-actions.ts";

/** The reply is no answer to the action: cut off, or from something else than SQS. */
export class MalformedReply extends Error {
  override readonly name = "MalformedReply";
}

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTextFields(value: unknown): boolean {
  if (!isFields(value)) return false;
  for (const key in value) if (typeof value[key] !== "string" && value[key] !== null) return false;
  return true;
}

/** SQS leaves an empty list out of its replies, or sends it as null. */
function listOf(value: unknown, isItem: (item: unknown) => boolean): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every(isItem)) throw new MalformedReply("a list of the reply has another shape");
  return value;
}

function isMessage(value: unknown): boolean {
  return (
    isFields(value) &&
    typeof value["MessageId"] === "string" &&
    typeof value["ReceiptHandle"] === "string" &&
    typeof value["Body"] === "string" &&
    typeof value["MD5OfBody"] === "string" &&
    isTextFields(value["Attributes"]) &&
    (value["MessageAttributes"] === undefined || isFields(value["MessageAttributes"]))
  );
}

function isBatchFailure(value: unknown): boolean {
  return (
    isFields(value) &&
    typeof value["Id"] === "string" &&
    typeof value["Code"] === "string" &&
    typeof value["SenderFault"] === "boolean"
  );
}

function isBatchSuccess(value: unknown): boolean {
  return isFields(value) && typeof value["Id"] === "string";
}

function batchOutput(reply: Fields): unknown {
  return {
    Successful: listOf(reply["Successful"], isBatchSuccess),
    Failed: listOf(reply["Failed"], isBatchFailure),
  };
}

const CHECKS: { readonly [A in SqsAction]: (reply: Fields) => unknown } = {
  GetQueueUrl(reply) {
    if (typeof reply["QueueUrl"] !== "string" || !URL.canParse(reply["QueueUrl"]))
      throw new MalformedReply("the reply has no QueueUrl");
    return reply;
  },
  GetQueueAttributes(reply) {
    if (!isTextFields(reply["Attributes"])) throw new MalformedReply("the reply has no Attributes");
    return reply;
  },
  ReceiveMessage: (reply) => ({ Messages: listOf(reply["Messages"], isMessage) }),
  DeleteMessageBatch: batchOutput,
  ChangeMessageVisibilityBatch: batchOutput,
};

/**
 * Checks a decoded reply before anything relies on it.
 * @throws MalformedReply when a part is missing or of another type. Its message quotes nothing of the reply.
 */
export function checkedOutput<A extends SqsAction>(action: A, reply: unknown): ActionOutputs[A] {
  if (!isFields(reply)) throw new MalformedReply("the reply is no object");
  return CHECKS[action](reply) as ActionOutputs[A];
}
