import { bareErrorCode, isUnknownAction, type Protocol } from "./protocol.ts";
import { checkedOutput, isFields, MalformedReply } from "./reply-shape.ts";
import type { HttpReply } from "./transport.ts";

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // JSON.parse quotes its input in the message: not kept, not even as a cause.
    throw new MalformedReply("the reply is not JSON");
  }
}

function errorCode(reply: HttpReply): string | null {
  try {
    const fault = parsed(reply.body);
    if (isFields(fault) && typeof fault["__type"] === "string") return bareErrorCode(fault["__type"]);
  } catch {
    // Not JSON: the header may still name the error.
  }
  // `AWS.SimpleQueueService.NonExistentQueue;Sender`, for clients that knew the Query protocol.
  const queryError = reply.queryError?.split(";")[0];
  return queryError ? bareErrorCode(queryError) : null;
}

/**
 * AWS JSON 1.0, what SQS speaks since November 2023
 * (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html).
 */
export const jsonProtocol: Protocol = {
  name: "json",
  encode(action, input) {
    return {
      queueUrl: null,
      headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
      body: JSON.stringify(input),
    };
  },
  // By the body, not by its content type: emulators send JSON as text/html.
  speaks(reply) {
    if (reply.status === 200) return reply.body.startsWith("{");
    const code = errorCode(reply);
    return code !== null && !isUnknownAction(code);
  },
  decode: (action, body) => checkedOutput(action, parsed(body)),
  errorCode,
};
