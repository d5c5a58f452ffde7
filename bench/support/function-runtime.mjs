/**
 * Invokes the handler of the module that it is given, as AWS Lambda would in one environment, and sends what that took to the
 * process that has started it. CPU is that of this process, all threads.
 */
import { hash, randomUUID } from "node:crypto";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { makeEvents } from "./events.mjs";

const [moduleFile = "", queue = "", plan = "[]"] = process.argv.slice(2);
const SEED = 20_261_201;
const context = { getRemainingTimeInMillis: () => 60_000 };

/** @param {number} size @param {number} seed */
function eventOf(size, seed) {
  const records = makeEvents(size, { seed }).map((body) => ({
    messageId: randomUUID(),
    receiptHandle: randomUUID(),
    body,
    md5OfBody: hash("md5", body),
    attributes: { ApproximateReceiveCount: "1", SentTimestamp: String(Date.now()), SenderId: "bench" },
    messageAttributes: {},
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:us-west-1:000000000000:${queue}`,
    awsRegion: "us-west-1",
  }));
  return { Records: records };
}

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const first = eventOf(10, SEED);
const begun = { ms: performance.now(), cpuMs: cpuMs() };
const { handler } = await import(pathToFileURL(moduleFile).href);
await invoke(first);
const cold = { ms: performance.now() - begun.ms, cpuMs: cpuMs() - begun.cpuMs };

/** @type {Record<string, { ms: number, cpuMs: number }[]>} */
const warm = {};
/** @type {readonly { size: number, warmUp: number, times: number }[]} */
const steps = JSON.parse(plan);
let seed = SEED;
for (const { size, warmUp, times } of steps) {
  const taken = [];
  for (let time = 0; time < warmUp + times; time += 1) {
    const event = eventOf(size, (seed += 1));
    const before = { ms: performance.now(), cpuMs: cpuMs() };
    await invoke(event);
    if (time >= warmUp) taken.push({ ms: performance.now() - before.ms, cpuMs: cpuMs() - before.cpuMs });
  }
  warm[size] = taken;
}
process.send?.({ cold, warm }, () => process.exit(0));

/** @param {ReturnType<typeof eventOf>} event */
async function invoke(event) {
  const { batchItemFailures } = await handler(event, context);
  if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} messages were not stored`);
}
