/** The AWS SDK without a library around it: sixteen loops, each receives ten, inserts and deletes them. */
import { DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { closeDatabase, insertRows, messages, queueUrl, rowOf } from "./logins.mjs";

const LOOPS = 16;
/** Short, so that the loops end soon after the last message. */
const WAIT_SECONDS = 1;

const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
let left = messages;

async function work() {
  while (left > 0) {
    const { Messages: batch = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: WAIT_SECONDS,
        MessageSystemAttributeNames: ["SentTimestamp"],
      }),
    );
    if (batch.length === 0) continue;
    await insertRows(batch.map((message) => rowOf(message)));
    const { Failed: failed = [] } = await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: batch.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      }),
    );
    if (failed.length > 0) throw new Error(`SQS did not delete ${failed.length} messages`);
    left -= batch.length;
  }
}

await Promise.all(Array.from({ length: LOOPS }, work));
sqs.destroy();
await closeDatabase();
