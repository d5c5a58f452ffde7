/**
 * What no client can go below: the HTTP exchanges that piipe makes, over the same kind of connections, and nothing else.
 * Nothing is signed, parsed, masked or stored.
 */
import process from "node:process";
import { Pool } from "undici";

const PARALLEL = 12;
const queueUrl = String(process.env["QUEUE_URL"]);
const endpoint = String(process.env["AWS_ENDPOINT_URL_SQS"]);
let left = Number(process.env["MESSAGES"]);

const pool = new Pool(endpoint, { connections: 2 * PARALLEL });
// The request that piipe sends, to the letter.
const RECEIVE = JSON.stringify({
  QueueUrl: queueUrl,
  MaxNumberOfMessages: 10,
  WaitTimeSeconds: 1,
  VisibilityTimeout: 30,
  MessageSystemAttributeNames: ["All"],
  AttributeNames: ["All"],
});
const HANDLE = /"ReceiptHandle":"([^"]+)"/g;

/**
 * @param {string} action
 * @param {string} body
 * @returns {Promise<string>}
 */
function post(action, body) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const chunks = [];
    const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` };
    pool.dispatch(
      { path: "/", method: "POST", headers, body },
      {
        onRequestStart() {},
        onResponseStart(_controller, status) {
          if (status !== 200) reject(new Error(`${action}: the queue server answered with status ${status}`));
        },
        onResponseData: (_controller, chunk) => void chunks.push(chunk),
        onResponseEnd: () => resolve(Buffer.concat(chunks).toString("latin1")),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

async function work() {
  while (left > 0) {
    const reply = await post("ReceiveMessage", RECEIVE);
    const entries = [...reply.matchAll(HANDLE)].map(
      ([, handle], index) => `{"Id":"${index}","ReceiptHandle":"${handle}"}`,
    );
    if (entries.length === 0) continue;
    await post("DeleteMessageBatch", `{"QueueUrl":"${queueUrl}","Entries":[${entries.join(",")}]}`);
    left -= entries.length;
  }
}

await Promise.all(Array.from({ length: PARALLEL }, work));
await pool.close();
