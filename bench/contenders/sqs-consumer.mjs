/** sqs-consumer with pg, as its users write it: a batch of ten, one insert, the messages handed back to be deleted. */
import process from "node:process";
import { SQSClient } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";
import { closeDatabase, insertRows, messages, queueUrl, rowOf } from "./logins.mjs";

const consumerCount = Number(process.argv[2] ?? 1);
const sqs = new SQSClient({ useQueueUrlAsEndpoint: false });
let left = messages;

const consumers = Array.from({ length: consumerCount }, () => {
  /** Of the response that is being processed: a consumer takes one at a time. */
  let handled = 0;
  const consumer = Consumer.create({
    queueUrl,
    sqs,
    batchSize: 10,
    messageSystemAttributeNames: ["SentTimestamp"],
    async handleMessageBatch(batch) {
      await insertRows(batch.map((message) => rowOf(message)));
      handled = batch.length;
      return batch;
    },
  });
  // After the deletes: what is aborted from then on are waits for messages.
  consumer.on("response_processed", () => {
    left -= handled;
    handled = 0;
    if (left > 0) return;
    for (const each of consumers) each.stop({ abort: true });
  });
  const fail = (/** @type {Error} */ error) => {
    // The waits that were aborted at the end.
    if (left === 0) return;
    console.error(error);
    process.exit(1);
  };
  consumer.on("error", fail);
  consumer.on("processing_error", fail);
  consumer.on("timeout_error", fail);
  return consumer;
});
for (const consumer of consumers) consumer.start();
await Promise.all(consumers.map((consumer) => new Promise((resolve) => consumer.on("stopped", () => resolve(null)))));
sqs.destroy();
await closeDatabase();
