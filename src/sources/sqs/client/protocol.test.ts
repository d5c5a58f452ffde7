import { describe, expect, it } from "vitest";
import { jsonProtocol } from "./json-protocol.ts";
import { bareErrorCode } from "./protocol.ts";
import { queryProtocol } from "./query-protocol.ts";
import { MalformedReply } from "./reply-shape.ts";
import type { HttpReply } from "./transport.ts";

const QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/q";

function reply(status: number, body: string, queryError: string | null = null): HttpReply {
  return { status, body, queryError, dateMs: null };
}

describe("bareErrorCode", () => {
  it.each([
    ["QueueDoesNotExist", "QueueDoesNotExist"],
    ["com.amazonaws.sqs#QueueDoesNotExist", "QueueDoesNotExist"],
    ["com.amazonaws.sqs#QueueDoesNotExist:http://internal.amazon.com/x#y/", "QueueDoesNotExist"],
    ["AWS.SimpleQueueService.NonExistentQueue", "NonExistentQueue"],
    ["KMS.AccessDeniedException", "KMS.AccessDeniedException"],
  ])("makes %s %s", (code, expected) => {
    expect(bareErrorCode(code)).toBe(expected);
  });
});

describe("the JSON protocol", () => {
  it("encodes an action as its header and its input as JSON", () => {
    expect(jsonProtocol.encode("GetQueueUrl", { QueueName: "q" })).toEqual({
      queueUrl: null,
      headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.GetQueueUrl" },
      body: '{"QueueName":"q"}',
    });
  });

  it.each([
    ["an empty receive", "{}", []],
    ["null for nothing", '{"Messages":null}', []],
  ])("reads %s", (_what, body, expected) => {
    expect(jsonProtocol.decode("ReceiveMessage", body)).toEqual({ Messages: expected });
  });

  // moto 4.1.15 sends so what a message in a standard queue does not have.
  it("takes null for an attribute that is not there", () => {
    const message = {
      MessageId: "m",
      ReceiptHandle: "h",
      Body: "",
      MD5OfBody: "",
      Attributes: { MessageGroupId: null },
    };
    expect(jsonProtocol.decode("ReceiveMessage", JSON.stringify({ Messages: [message] }))).toEqual({
      Messages: [message],
    });
  });

  // As moto and ElasticMQ have written them.
  it("takes numbers and booleans for texts, and texts for them", () => {
    const message = { MessageId: "m", ReceiptHandle: "h", Body: "", MD5OfBody: "" };
    const given = { ...message, MessageAttributes: null, Attributes: { SentTimestamp: 1769817600000, Truth: true } };
    expect(jsonProtocol.decode("ReceiveMessage", JSON.stringify({ Messages: [given] }))).toEqual({
      Messages: [{ ...message, Attributes: { SentTimestamp: "1769817600000", Truth: "true" } }],
    });
    expect(
      jsonProtocol.decode("GetQueueAttributes", '{"Attributes":{"VisibilityTimeout":30,"FifoQueue":false}}'),
    ).toEqual({
      Attributes: { VisibilityTimeout: "30", FifoQueue: "false" },
    });
    const failed = [true, "true", "True", false, "false", undefined].map((SenderFault, index) => ({
      Id: index % 2 === 0 ? index : `${index}`,
      Code: "X",
      SenderFault,
    }));
    expect(
      jsonProtocol.decode("DeleteMessageBatch", JSON.stringify({ Successful: [{ Id: 7 }], Failed: failed })),
    ).toEqual({
      Successful: [{ Id: "7" }],
      Failed: [true, true, true, false, false, false].map((SenderFault, index) => ({
        Id: `${index}`,
        Code: "X",
        SenderFault,
      })),
    });
  });

  it.each([
    '{"Failed":[{"Id":"0","Code":"X","SenderFault":"canary"}]}',
    '{"Failed":[{"Id":{},"Code":"X"}]}',
    '{"Failed":[null]}',
  ])("refuses %s in a batch's reply", (body) => {
    expect(() => jsonProtocol.decode("DeleteMessageBatch", body)).toThrow(MalformedReply);
  });

  it.each([
    ["not JSON", '{"canary":'],
    ["no object", '["canary"]'],
    ["no list", '{"Messages":"canary"}'],
    ["a message without a handle", '{"Messages":[{"MessageId":"canary","Body":"","MD5OfBody":"","Attributes":{}}]}'],
    ["no system attributes", '{"Messages":[{"MessageId":"canary","ReceiptHandle":"","Body":"","MD5OfBody":""}]}'],
  ])("refuses %s and quotes nothing of it", (_what, body) => {
    const decode = (): unknown => jsonProtocol.decode("ReceiveMessage", body);
    expect(decode).toThrow(MalformedReply);
    expect(decode).not.toThrow(/canary/);
  });

  it.each([
    ["an error", reply(400, '{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}'), "QueueDoesNotExist"],
    [
      "an error whose body is lost",
      reply(400, "", "AWS.SimpleQueueService.NonExistentQueue;Sender"),
      "NonExistentQueue",
    ],
    ["a denial", reply(403, '{"__type":"AccessDeniedException"}'), "AccessDeniedException"],
  ])("knows %s as its own", (_what, answer, code) => {
    expect(jsonProtocol.speaks(answer)).toBe(true);
    expect(jsonProtocol.errorCode(answer)).toBe(code);
  });

  // How servers answer that know only the Query protocol: LocalStack by version, moto 4.1.8, ElasticMQ, a web server.
  it.each([
    ["XML with an error of the queue", reply(400, "<ErrorResponse><Error><Code>AWS.X</Code></Error></ErrorResponse>")],
    ["XML with a result", reply(200, "<GetQueueUrlResponse/>")],
    ["InvalidAction as JSON", reply(400, '{"__type":"InvalidAction","message":"x"}')],
    ["MissingAction as JSON", reply(400, '{"__type":"com.amazonaws.sqs#MissingAction"}')],
    ["a JSON object without a type", reply(404, '{"status":"error"}')],
    ["nothing", reply(404, "")],
    ["HTML", reply(500, "<!doctype html><title>Internal Server Error</title>")],
  ])("does not know %s as its own", (_what, answer) => {
    expect(jsonProtocol.speaks(answer)).toBe(false);
  });
});

describe("the Query protocol", () => {
  it("encodes lists as numbered parameters, posted to the queue's URL", () => {
    const encoded = queryProtocol.encode("ReceiveMessage", {
      QueueUrl: QUEUE_URL,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 20,
      VisibilityTimeout: 30,
      MessageSystemAttributeNames: ["All"],
      AttributeNames: ["All"],
      MessageAttributeNames: ["a b", "c&d"],
    });
    expect(encoded.queueUrl).toBe(QUEUE_URL);
    expect(encoded.headers).toEqual({ "content-type": "application/x-www-form-urlencoded; charset=utf-8" });
    expect(encoded.body.split("&")).toEqual([
      "Action=ReceiveMessage",
      "Version=2012-11-05",
      "QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F123456789012%2Fq",
      "MaxNumberOfMessages=10",
      "WaitTimeSeconds=20",
      "VisibilityTimeout=30",
      "MessageSystemAttributeName.1=All",
      "AttributeName.1=All",
      "MessageAttributeName.1=a%20b",
      "MessageAttributeName.2=c%26d",
    ]);
  });

  it("encodes batch entries under their own name", () => {
    const Entries = [
      { Id: "0", ReceiptHandle: "h+/=", VisibilityTimeout: 0 },
      { Id: "1", ReceiptHandle: "i", VisibilityTimeout: 5 },
    ];
    const { body } = queryProtocol.encode("ChangeMessageVisibilityBatch", { QueueUrl: QUEUE_URL, Entries });
    expect(body.split("&").slice(3)).toEqual([
      "ChangeMessageVisibilityBatchRequestEntry.1.Id=0",
      "ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=h%2B%2F%3D",
      "ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=0",
      "ChangeMessageVisibilityBatchRequestEntry.2.Id=1",
      "ChangeMessageVisibilityBatchRequestEntry.2.ReceiptHandle=i",
      "ChangeMessageVisibilityBatchRequestEntry.2.VisibilityTimeout=5",
    ]);
  });

  // As moto 4.1.15 writes it, white space added.
  it("reads messages to the shape of the JSON protocol", () => {
    const body = `<?xml version="1.0"?>
<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">
  <ReceiveMessageResult>
    <Message>
      <MessageId>m1</MessageId><ReceiptHandle>h1</ReceiptHandle><MD5OfBody>d</MD5OfBody>
      <Body> a&#xD;
b </Body>
      <Attribute><Name>SentTimestamp</Name><Value>17</Value></Attribute>
      <Attribute><Name>__proto__</Name><Value>x</Value></Attribute>
      <MessageAttribute><Name>colour</Name><Value><DataType>String</DataType><StringValue>red</StringValue></Value></MessageAttribute>
      <MessageAttribute><Name>raw</Name><Value><DataType>Binary</DataType><BinaryValue>AA==</BinaryValue></Value></MessageAttribute>
    </Message>
  </ReceiveMessageResult>
  <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>
</ReceiveMessageResponse>`;
    expect(queryProtocol.speaks(reply(200, body))).toBe(true);
    const { Messages } = queryProtocol.decode("ReceiveMessage", body);
    expect(Messages).toHaveLength(1);
    expect(Messages[0]).toMatchObject({ MessageId: "m1", ReceiptHandle: "h1", MD5OfBody: "d", Body: " a\r\nb " });
    expect(Messages[0]?.Attributes["SentTimestamp"]).toBe("17");
    expect(Messages[0]?.MessageAttributes?.["colour"]).toEqual({ StringValue: "red" });
    expect(Messages[0]?.MessageAttributes?.["raw"]).toEqual({});
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  it.each([
    "<ReceiveMessageResponse><ReceiveMessageResult/></ReceiveMessageResponse>",
    "<ReceiveMessageResponse><ReceiveMessageResult></ReceiveMessageResult></ReceiveMessageResponse>",
    "<ReceiveMessageResponse></ReceiveMessageResponse>",
  ])("reads an empty receive: %s", (body) => {
    expect(queryProtocol.decode("ReceiveMessage", body)).toEqual({ Messages: [] });
  });

  it("reads the entries of a batch that failed", () => {
    const body = `<DeleteMessageBatchResponse><DeleteMessageBatchResult>
      <DeleteMessageBatchResultEntry><Id>0</Id></DeleteMessageBatchResultEntry>
      <BatchResultErrorEntry><Id>1</Id><Code>ReceiptHandleIsInvalid</Code><Message>m</Message><SenderFault>true</SenderFault></BatchResultErrorEntry>
      <BatchResultErrorEntry><Id>2</Id><Code>AWS.SimpleQueueService.InternalError</Code><SenderFault>false</SenderFault></BatchResultErrorEntry>
    </DeleteMessageBatchResult></DeleteMessageBatchResponse>`;
    expect(queryProtocol.decode("DeleteMessageBatch", body)).toEqual({
      Successful: [{ Id: "0" }],
      Failed: [
        { Id: "1", Code: "ReceiptHandleIsInvalid", SenderFault: true },
        { Id: "2", Code: "InternalError", SenderFault: false },
      ],
    });
  });

  // moto 4.1.15 puts a whole XML document with a declaration into <Message>.
  it("reads a failed entry whose message holds a document", () => {
    const document = `<?xml version="1.0"?><ErrorResponse><Errors><Error><Code>X</Code></Error></Errors></ErrorResponse>`;
    const entry = `<Id>0</Id><Code>ReceiptHandleIsInvalid</Code><Message>${document}</Message><SenderFault>true</SenderFault>`;
    const body = `<ChangeMessageVisibilityBatchResponse><ChangeMessageVisibilityBatchResult><BatchResultErrorEntry>${entry}</BatchResultErrorEntry></ChangeMessageVisibilityBatchResult></ChangeMessageVisibilityBatchResponse>`;
    expect(queryProtocol.decode("ChangeMessageVisibilityBatch", body)).toEqual({
      Successful: [],
      Failed: [{ Id: "0", Code: "ReceiptHandleIsInvalid", SenderFault: true }],
    });
  });

  it.each([
    [
      "AWS",
      "<ErrorResponse><Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>m</Message></Error></ErrorResponse>",
      "NonExistentQueue",
    ],
    [
      "moto",
      "<?xml version='1.0'?>\n<ErrorResponse>\n <Errors>\n  <Error>\n<Code>X</Code></Error></Errors></ErrorResponse>",
      "X",
    ],
    ["EC2", "<Response><Errors><Error><Code>AuthFailure</Code></Error></Errors></Response>", "AuthFailure"],
  ])("reads an error as %s writes it", (_who, body, code) => {
    expect(queryProtocol.speaks(reply(400, body))).toBe(true);
    expect(queryProtocol.errorCode(reply(400, body))).toBe(code);
  });

  it.each([
    ["an unknown action", reply(400, "<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>")],
    ["a web page", reply(200, "<!doctype html><html><body>hello</body></html>")],
    ["JSON", reply(200, "{}")],
    ["text", reply(500, "oops")],
  ])("does not know %s as its own", (_what, answer) => {
    expect(queryProtocol.speaks(answer)).toBe(false);
  });

  it("refuses the reply to another action", () => {
    expect(() => queryProtocol.decode("ReceiveMessage", "<DeleteMessageBatchResponse/>")).toThrow(MalformedReply);
  });
});
