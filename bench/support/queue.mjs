/** A queue of the local queue server, and its messages. */
import { Pool } from "undici";

const SENDERS = 8;
const BATCH_MESSAGES_MAX = 10;
const QUEUE_NAME = "login-queue";

/**
 * @typedef {object} Queue
 * @property {string} url
 * @property {() => Promise<void>} remove
 */

/**
 * A new queue that holds the messages.
 * @param {string} endpoint
 * @param {readonly string[]} bodies
 * @returns {Promise<Queue>}
 */
export async function makeQueue(endpoint, bodies) {
  const pool = new Pool(endpoint, { connections: SENDERS });
  // A run that failed may have left one, which would be found again.
  const left = await callSqs(pool, "CreateQueue", { QueueName: QUEUE_NAME });
  await callSqs(pool, "DeleteQueue", { QueueUrl: left.QueueUrl });
  const { QueueUrl: url } = await callSqs(pool, "CreateQueue", { QueueName: QUEUE_NAME });
  let next = 0;
  const send = async () => {
    while (next < bodies.length) {
      const batch = bodies.slice(next, next + BATCH_MESSAGES_MAX);
      next += batch.length;
      const Entries = batch.map((body, index) => ({ Id: String(index), MessageBody: body }));
      const { Failed: failed = [] } = await callSqs(pool, "SendMessageBatch", { QueueUrl: url, Entries });
      if (failed.length > 0) throw new Error(`the queue server refused ${failed.length} messages`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, send));
  return {
    url,
    async remove() {
      await callSqs(pool, "DeleteQueue", { QueueUrl: url });
      await pool.close();
    },
  };
}

/**
 * One unsigned call of SQS's JSON protocol.
 * @param {Pool} pool
 * @param {string} action
 * @param {object} input
 * @returns {Promise<any>}
 */
export async function callSqs(pool, action, input) {
  const { statusCode, body } = await pool.request({
    path: "/",
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify(input),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${action}: the queue server answered with status ${statusCode}`);
  return text === "" ? {} : JSON.parse(text);
}
