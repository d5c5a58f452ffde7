/**
 * Sends the sample events to an SQS-compatible server, once: a queue that has messages, or that was sent to before, is
 * left as it is. Needs Node and nothing else.
 *
 *     node send.mjs [queue]
 *
 * Environment: AWS_ENDPOINT_URL_SQS (default http://127.0.0.1:4566). For a local server only: requests are not signed.
 */
import { readFileSync } from "node:fs";

const endpoint = process.env["AWS_ENDPOINT_URL_SQS"] ?? "http://127.0.0.1:4566";
const queueName = process.argv[2] ?? "login-queue";
/** A tag on the queue remembers it, so that an emptied queue is not filled again when the services are restarted. */
const SENT_TAG = "piipe-sample-sent";
/** A limit of SendMessageBatch. */
const BATCH_MESSAGES_MAX = 10;

const { QueueUrl } = await call("GetQueueUrl", { QueueName: queueName });
const { Tags } = await call("ListQueueTags", { QueueUrl });
const { Attributes } = await call("GetQueueAttributes", { QueueUrl, AttributeNames: ["All"] });
const waiting =
  Number(Attributes.ApproximateNumberOfMessages) + Number(Attributes.ApproximateNumberOfMessagesNotVisible);

if (Tags?.[SENT_TAG] !== undefined || waiting > 0) {
  console.error(`${queueName}: the sample events were sent before, or other messages wait (${waiting}); nothing sent`);
} else {
  const events = JSON.parse(readFileSync(new URL("events.json", import.meta.url), "utf8"));
  for (let start = 0; start < events.length; start += BATCH_MESSAGES_MAX) {
    const entries = events
      .slice(start, start + BATCH_MESSAGES_MAX)
      .map((/** @type {unknown} */ event, /** @type {number} */ index) => ({
        Id: String(start + index),
        MessageBody: JSON.stringify(event),
      }));
    const { Failed } = await call("SendMessageBatch", { QueueUrl, Entries: entries });
    if (Failed?.length > 0) throw new Error(`SendMessageBatch: the server refused ${Failed.length} messages`);
  }
  await call("TagQueue", { QueueUrl, Tags: { [SENT_TAG]: "true" } });
  console.error(`${queueName}: ${events.length} events sent`);
}

/**
 * One call of SQS's JSON protocol.
 * @param {string} action
 * @param {object} input
 */
async function call(action, input) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${action}: ${endpoint} answered with status ${response.status}`);
  return text === "" ? {} : JSON.parse(text);
}
