import { describe, expect, it } from "vitest";
import { parseInvocation } from "./parse-invocation.ts";

const ARN = "arn:aws:sqs:eu-west-1:123456789012:logins";
const record = {
  messageId: "m1",
  receiptHandle: "r1",
  body: "canary",
  md5OfBody: "d",
  attributes: { SentTimestamp: "1" },
  messageAttributes: {},
  eventSource: "aws:sqs",
  eventSourceARN: ARN,
};
const eventOf = (...changes: readonly object[]): object => ({
  Records: changes.map((change) => ({ ...record, ...change })),
});

describe("parseInvocation", () => {
  it("gives the queue and its messages, with the texts of their attributes", () => {
    const messageAttributes = {
      locale: { stringValue: "US", stringListValues: [], binaryListValues: [], dataType: "String" },
      bytes: { binaryValue: "AAAA", stringListValues: [], binaryListValues: [], dataType: "Binary" },
    };
    const message = { ReceiptHandle: "r1", MD5OfBody: "d", Body: "canary", Attributes: { SentTimestamp: "1" } };
    expect(parseInvocation(eventOf({ messageAttributes }, { messageId: "m2" }))).toEqual({
      arn: ARN,
      messages: [
        { MessageId: "m1", ...message, MessageAttributes: { locale: { StringValue: "US" } } },
        { MessageId: "m2", ...message, MessageAttributes: {} },
      ],
    });
  });

  it("gives null for an event without messages", () => {
    expect(parseInvocation({ Records: [] })).toBeNull();
  });

  it.each([
    ["nothing", undefined],
    ["a text", "canary"],
    ["no records", { records: [record] }],
    ["records that are none", { Records: ["canary"] }],
    ["another service", eventOf({ eventSource: "aws:kinesis" })],
    ["no queue", eventOf({ eventSourceARN: null })],
    ["two queues", eventOf({}, { eventSourceARN: `${ARN}-2` })],
    ["no id", eventOf({ messageId: undefined })],
    ["an empty id, which AWS Lambda would take for a failure of all", eventOf({ messageId: "" })],
    ["a body that is no text", eventOf({ body: { canary: 1 } })],
    ["no attributes", eventOf({ attributes: undefined })],
    ["attributes that are no texts", eventOf({ attributes: { SentTimestamp: 1 } })],
  ])("refuses %s without quoting it", (_, event) => {
    expect(() => parseInvocation(event)).toThrowError(expect.objectContaining({ code: "lambda.event" }));
    expect(() => parseInvocation(event)).not.toThrowError(/canary/);
  });
});
