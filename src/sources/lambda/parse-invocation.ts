import { PiipeError } from "../../errors.ts";
import { isFields } from "../sqs/client/reply-shape.ts";
import type { SqsMessage } from "../sqs/client/sqs-actions.ts";

/** What AWS Lambda hands to a function: messages that its event source mapping has received from one queue. */
export interface Invocation {
  /** The queue's ARN, as SQS itself tells it. */
  readonly arn: string;
  /** In the queue's order. */
  readonly messages: readonly SqsMessage[];
}

/**
 * Reads the event of an invocation (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html).
 * @returns null when it has no records
 * @throws {PiipeError} `lambda.event` when it is none of a queue, or of several. Its message quotes nothing of the event.
 */
export function parseInvocation(event: unknown): Invocation | null {
  const records = isFields(event) ? event["Records"] : undefined;
  if (!Array.isArray(records)) throw foreignEvent("it has no records");
  let arn: string | null = null;
  const messages: SqsMessage[] = [];
  for (const record of records as readonly unknown[]) {
    if (!isFields(record) || record["eventSource"] !== "aws:sqs") throw foreignEvent("it comes from another service");
    const ofRecord = record["eventSourceARN"];
    if (typeof ofRecord !== "string") throw foreignEvent("a record names no queue");
    if (arn !== null && ofRecord !== arn) throw foreignEvent("it holds messages of several queues");
    arn = ofRecord;
    messages.push(messageOf(record));
  }
  return arn === null ? null : { arn, messages };
}

function messageOf(record: Readonly<Record<string, unknown>>): SqsMessage {
  const { messageId, receiptHandle, md5OfBody, body, attributes, messageAttributes } = record;
  const isMessage =
    typeof messageId === "string" &&
    messageId !== "" &&
    typeof receiptHandle === "string" &&
    typeof md5OfBody === "string" &&
    typeof body === "string" &&
    isFields(attributes) &&
    Object.values(attributes).every((value) => value === null || typeof value === "string");
  if (!isMessage) throw foreignEvent("a record lacks what every message has");
  return {
    MessageId: messageId,
    ReceiptHandle: receiptHandle,
    MD5OfBody: md5OfBody,
    Body: body,
    Attributes: attributes as SqsMessage["Attributes"],
    ...(isFields(messageAttributes) && { MessageAttributes: messageAttributesOf(messageAttributes) }),
  };
}

/** Lambda spells the fields of an attribute in another way than SQS. */
function messageAttributesOf(given: Readonly<Record<string, unknown>>): NonNullable<SqsMessage["MessageAttributes"]> {
  const attributes: Record<string, { readonly StringValue?: string }> = {};
  for (const [name, value] of Object.entries(given)) {
    const text = isFields(value) ? value["stringValue"] : undefined;
    if (typeof text === "string") attributes[name] = { StringValue: text };
  }
  return attributes;
}

export const foreignEvent = (why: string): PiipeError =>
  new PiipeError("lambda.event", `the function was invoked with what is no event of its queue: ${why}`, {
    hint: "Invoke it by an event source mapping of the configured queue alone. Nothing of the event was stored.",
  });
