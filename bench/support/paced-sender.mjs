/**
 * Sends events at an even pace, one in each request as a service would that sends when something happens, whatever the
 * replies take. In a process of its own: arguments are the endpoint, the queue's URL, events a second and their number.
 */
import process from "node:process";
import { Pool } from "undici";
import { loginEvent, seededRandom } from "./events.mjs";
import { callSqs } from "./queue.mjs";

const [endpoint = "", queueUrl = "", rate = "", count = ""] = process.argv.slice(2);
const CONNECTIONS = 32;
const TICK_MS = 1;

const pool = new Pool(endpoint, { connections: CONNECTIONS });
const random = seededRandom(1);
/** @type {Promise<unknown>[]} */
const sends = [];
const startedMs = performance.now();

// Its end, or that of the benchmark.
process.on("disconnect", () => process.exit());
await new Promise((resolve) => {
  const timer = setInterval(() => {
    const due = Math.min(Number(count), Math.floor(((performance.now() - startedMs) * Number(rate)) / 1_000));
    while (sends.length < due) sends.push(send());
    if (sends.length < Number(count)) return;
    clearInterval(timer);
    resolve(null);
  }, TICK_MS);
});
await Promise.all(sends);
await pool.close();
process.disconnect();

async function send() {
  const event = { ...loginEvent(random), sent_ms: performance.timeOrigin + performance.now() };
  await callSqs(pool, "SendMessage", { QueueUrl: queueUrl, MessageBody: JSON.stringify(event) });
}
