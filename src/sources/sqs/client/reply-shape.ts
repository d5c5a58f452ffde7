import type { ActionOutputs, SqsAction } from "./sqs-actions.ts";

/** The reply is no answer to the action: cut off, or from something else than SQS. */
export class MalformedReply extends Error {
  override readonly name = "MalformedReply";
}

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Some servers write numbers and booleans where SQS has texts. */
const isScalar = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean";

/** The fields as texts, or null for what is none. SQS's own replies are given back as they are. */
function textFields(value: unknown): Fields | null {
  if (!isFields(value)) return null;
  const texts: Record<string, string | null> = {};
  let isText = true;
  for (const key in value) {
    const field = value[key] ?? null;
    if (field !== null && !isScalar(field)) return null;
    isText &&= field === null || typeof field === "string";
    texts[key] = field === null ? null : String(field);
  }
  return isText ? value : texts;
}

/** SQS leaves an empty list out of its replies, or sends it as null. */
function listOf(value: unknown, itemOf: (item: unknown) => unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  const items = Array.isArray(value) ? (value as readonly unknown[]).map(itemOf) : [null];
  if (items.includes(null)) throw new MalformedReply("a list of the reply has another shape");
  return items;
}

function messageOf(value: unknown): unknown {
  if (!isFields(value)) return null;
  const attributes = textFields(value["Attributes"]);
  const isMessage =
    attributes !== null &&
    typeof value["MessageId"] === "string" &&
    typeof value["ReceiptHandle"] === "string" &&
    typeof value["Body"] === "string" &&
    typeof value["MD5OfBody"] === "string" &&
    (value["MessageAttributes"] === undefined ||
      value["MessageAttributes"] === null ||
      isFields(value["MessageAttributes"]));
  if (!isMessage) return null;
  if (attributes === value["Attributes"] && value["MessageAttributes"] !== null) return value;
  return { ...value, Attributes: attributes, MessageAttributes: value["MessageAttributes"] ?? undefined };
}

function failureOf(value: unknown): unknown {
  const entry = successOf(value);
  if (entry === null || typeof entry["Code"] !== "string") return null;
  const fault = entry["SenderFault"] ?? false;
  if (!isScalar(fault) || !/^(?:true|false|[01])$/i.test(String(fault))) return null;
  return { ...entry, SenderFault: /^(?:true|1)$/i.test(String(fault)) };
}

function successOf(value: unknown): Fields | null {
  if (!isFields(value)) return null;
  const { Id } = value;
  if (typeof Id === "number") return { ...value, Id: String(Id) };
  return typeof Id === "string" ? value : null;
}

function batchOutput(reply: Fields): unknown {
  return { Successful: listOf(reply["Successful"], successOf), Failed: listOf(reply["Failed"], failureOf) };
}

const CHECKS: { readonly [A in SqsAction]: (reply: Fields) => unknown } = {
  GetQueueUrl(reply) {
    // Whether it is a URL matters only where requests go to its host.
    if (typeof reply["QueueUrl"] !== "string" || reply["QueueUrl"] === "")
      throw new MalformedReply("the reply has no QueueUrl");
    return reply;
  },
  GetQueueAttributes(reply) {
    const attributes = textFields(reply["Attributes"]);
    if (attributes === null) throw new MalformedReply("the reply has no Attributes");
    return { Attributes: attributes };
  },
  ReceiveMessage: (reply) => ({ Messages: listOf(reply["Messages"], messageOf) }),
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
