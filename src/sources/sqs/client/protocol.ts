import type { ActionInputs, ActionOutputs, SqsAction } from "./sqs-actions.ts";
import type { HttpReply } from "./transport.ts";

export interface EncodedRequest {
  /** Where to post below the endpoint: null for its root, else the queue URL whose path is meant. */
  readonly queueUrl: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One of the two wire formats of SQS. Pure: knows neither endpoint nor signature. */
export interface Protocol {
  readonly name: "json" | "query";
  encode<A extends SqsAction>(action: A, input: ActionInputs[A]): EncodedRequest;
  /** True when the reply is one of this protocol, be it a result or an error. */
  speaks(reply: HttpReply): boolean;
  /**
   * The result of an action that went well.
   * @throws MalformedReply when the body is not what the action answers with.
   */
  decode<A extends SqsAction>(action: A, body: string): ActionOutputs[A];
  /** The code of the error that the reply reports, bare of its namespace, or null when it names none. */
  errorCode(reply: HttpReply): string | null;
}

/** `com.amazonaws.sqs#QueueDoesNotExist:http://…` and `AWS.SimpleQueueService.NonExistentQueue` to their last part. */
export function bareErrorCode(code: string): string {
  const colon = code.indexOf(":");
  const qualified = colon === -1 ? code : code.slice(0, colon);
  const name = qualified.slice(qualified.indexOf("#") + 1);
  return name.trim().replace(/^AWS\.SimpleQueueService\./, "");
}

/** What a server says that does not know the protocol rather than the queue. SQS itself never says it of our actions. */
const UNKNOWN_ACTION_CODES: ReadonlySet<string> = new Set([
  "InvalidAction",
  "MissingAction",
  "NotImplemented",
  "UnknownOperation",
  "UnknownOperationException",
]);

export function isUnknownAction(code: string): boolean {
  return UNKNOWN_ACTION_CODES.has(code);
}
