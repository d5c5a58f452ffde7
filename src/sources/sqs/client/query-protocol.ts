import { bareErrorCode, isUnknownAction, type Protocol } from "./protocol.ts";
import { checkedOutput, MalformedReply } from "./reply-shape.ts";
import type { ActionInputs, SqsAction } from "./sqs-actions.ts";
import type { HttpReply } from "./transport.ts";
import { child, children, childText, parseXml, type XmlNode } from "./xml.ts";

/** The Query protocol flattens a list into numbered parameters, named after one member. */
const LIST_NAMES: { readonly [A in SqsAction]: Readonly<Record<string, string>> } = {
  GetQueueUrl: {},
  GetQueueAttributes: { AttributeNames: "AttributeName" },
  ReceiveMessage: {
    AttributeNames: "AttributeName",
    MessageSystemAttributeNames: "MessageSystemAttributeName",
    MessageAttributeNames: "MessageAttributeName",
  },
  DeleteMessageBatch: { Entries: "DeleteMessageBatchRequestEntry" },
  ChangeMessageVisibilityBatch: { Entries: "ChangeMessageVisibilityBatchRequestEntry" },
};

function appendParameter(form: string[], name: string, value: unknown): void {
  if (typeof value === "object" && value !== null) {
    for (const [key, part] of Object.entries(value)) appendParameter(form, `${name}.${key}`, part);
  } else {
    form.push(`${name}=${encodeURIComponent(String(value))}`);
  }
}

function encodeForm<A extends SqsAction>(action: A, input: ActionInputs[A]): string {
  const form = [`Action=${action}`, "Version=2012-11-05"];
  for (const [name, value] of Object.entries(input)) {
    if (!Array.isArray(value)) appendParameter(form, name, value);
    else value.forEach((item, i) => appendParameter(form, `${LIST_NAMES[action][name] ?? name}.${i + 1}`, item));
  }
  return form.join("&");
}

/** `<Name>` and `<Value>` pairs to an object; `valueOf` reads the value's element. */
function named<T>(pairs: readonly XmlNode[], valueOf: (pair: XmlNode) => T | undefined): Record<string, T> {
  const fields: Record<string, T> = Object.create(null) as Record<string, T>;
  for (const pair of pairs) {
    const name = childText(pair, "Name");
    const value = valueOf(pair);
    if (name !== undefined && value !== undefined) fields[name] = value;
  }
  return fields;
}

function attributesOf(node: XmlNode | undefined): Record<string, string> {
  return named(children(node, "Attribute"), (pair) => childText(pair, "Value"));
}

function messageAttributeOf(pair: XmlNode): { StringValue?: string } {
  const text = childText(child(pair, "Value"), "StringValue");
  return text === undefined ? {} : { StringValue: text };
}

function messageOf(node: XmlNode): unknown {
  return {
    MessageId: childText(node, "MessageId"),
    ReceiptHandle: childText(node, "ReceiptHandle"),
    MD5OfBody: childText(node, "MD5OfBody"),
    Body: childText(node, "Body"),
    Attributes: attributesOf(node),
    MessageAttributes: named(children(node, "MessageAttribute"), messageAttributeOf),
  };
}

function batchResultOf(result: XmlNode, successName: string): unknown {
  return {
    Successful: children(result, successName).map((entry) => ({ Id: childText(entry, "Id") })),
    Failed: children(result, "BatchResultErrorEntry").map((entry) => ({
      Id: childText(entry, "Id"),
      Code: bareErrorCode(childText(entry, "Code") ?? ""),
      SenderFault: childText(entry, "SenderFault")?.trim(),
    })),
  };
}

/** From each action's `…Result` element to the shape of the JSON protocol. */
const RESULTS: { readonly [A in SqsAction]: (result: XmlNode) => unknown } = {
  GetQueueUrl: (result) => ({ QueueUrl: childText(result, "QueueUrl")?.trim() }),
  GetQueueAttributes: (result) => ({ Attributes: attributesOf(result) }),
  ReceiveMessage: (result) => ({ Messages: children(result, "Message").map(messageOf) }),
  DeleteMessageBatch: (result) => batchResultOf(result, "DeleteMessageBatchResultEntry"),
  ChangeMessageVisibilityBatch: (result) => batchResultOf(result, "ChangeMessageVisibilityBatchResultEntry"),
};

function errorCode(reply: HttpReply): string | null {
  let document: XmlNode;
  try {
    document = parseXml(reply.body);
  } catch {
    return null;
  }
  const response = child(document, "ErrorResponse") ?? child(document, "Response");
  // Some emulators wrap the error in <Errors>, as EC2 does.
  const error = child(response, "Error") ?? child(child(response, "Errors"), "Error");
  const code = childText(error, "Code");
  return code === undefined ? null : bareErrorCode(code);
}

/**
 * The AWS Query protocol: a form in, XML out. What SQS spoke before AWS JSON, and the only one that LocalStack
 * before 3.0 knows (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html).
 */
export const queryProtocol: Protocol = {
  name: "query",
  encode(action, input) {
    return {
      queueUrl: "QueueUrl" in input ? input.QueueUrl : null,
      headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
      body: encodeForm(action, input),
    };
  },
  speaks(reply) {
    if (reply.status === 200) return /^\s*(?:<\?xml[^>]*\?>\s*)?<[A-Za-z]+Response[\s>]/.test(reply.body);
    const code = errorCode(reply);
    return code !== null && !isUnknownAction(code);
  },
  decode(action, body) {
    const response = child(parseXml(body), `${action}Response`);
    if (response === undefined) throw new MalformedReply("the reply answers another action");
    return checkedOutput(action, RESULTS[action](child(response, `${action}Result`) ?? ""));
  },
  errorCode,
};
