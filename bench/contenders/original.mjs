/**
 * The design that piipe replaces: receive one message at a time until there are none, hash two fields without a key,
 * insert all rows at once, delete the messages one by one.
 */
import { createHash } from "node:crypto";
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { closeDatabase, insertRows, queueUrl, rowOf } from "./logins.mjs";

const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
const sha256 = (/** @type {string} */ value) => createHash("sha256").update(value).digest("hex");

/** @type {import("@aws-sdk/client-sqs").Message[]} */
const received = [];
for (;;) {
  const { Messages: [message] = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 1,
      MessageSystemAttributeNames: ["SentTimestamp"],
    }),
  );
  if (message === undefined) break;
  received.push(message);
}
await insertRows(received.map((message) => rowOf(message, sha256)));
for (const { ReceiptHandle } of received) {
  await sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }));
}
sqs.destroy();
await closeDatabase();
