/** How long it takes from the sending of an event until its row is there for everybody, at a steady rate. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { registerChild } from "../support/children.mjs";
import { countRows } from "../support/databases.mjs";
import { judge } from "../support/goals.mjs";
import { expectCount } from "../support/measure.mjs";
import { TIMED } from "../support/pipelines.mjs";
import { startPiipe } from "../support/program.mjs";
import { makeQueue } from "../support/queue.mjs";
import { number } from "../support/report.mjs";
import { quantile } from "../support/statistics.mjs";

const SENDER = fileURLToPath(new URL("../support/paced-sender.mjs", import.meta.url));
const RATE = 500;
/** Neither the worker nor the database is warm before that. */
const WARM_UP_SECONDS = 3;
const START_MS = 2_000;
const WATCH_EVERY_MS = 2;
/** After the last event was sent. */
const PATIENCE_MS = 20_000;

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureLatency({ fauxqs, databases, environmentFor }, { isQuick, say }) {
  const seconds = isQuick ? 8 : 30;
  const warmUp = RATE * WARM_UP_SECONDS;
  const count = RATE * seconds + warmUp;
  const environment = environmentFor(fauxqs.endpoint);
  const databaseUrl = await databases.create(TIMED, environment);
  const queue = await makeQueue(fauxqs.endpoint, []);
  await fauxqs.begin([{ of: "progress", at: warmUp }]);
  const program = await startPiipe(["run", "--config", TIMED.config], { ...environment, DATABASE_URL: databaseUrl });
  let latencies;
  let counts;
  try {
    await sleep(START_MS);
    say(`sending for ${seconds + WARM_UP_SECONDS} s`);
    const sender = registerChild(fork(SENDER, [fauxqs.endpoint, queue.url, String(RATE), String(count)]));
    const sent = once(sender, "exit").then(([code]) => {
      if (code !== 0) throw new Error(`the sender ended with ${code}`);
    });
    latencies = await watch(databaseUrl, count, Promise.race([sent, program.ended.then(endedEarly)]));
    // The row is there before its message is deleted.
    await program.stop();
    counts = await fauxqs.counts();
  } finally {
    program.kill();
  }
  expectCount("rows", await countRows(databaseUrl, TIMED.table), count);
  await queue.remove();
  await databases.drop(databaseUrl);
  const sorted = latencies.slice(warmUp).toSorted((a, b) => a - b);
  const [p50 = 0, p95 = 0, p99 = 0, most = 0] = [0.5, 0.95, 0.99, 1].map((share) => quantile(sorted, share));
  const [warm] = counts.marks;
  const requests = ((counts.requests - (warm?.requests ?? 0)) / (count - warmUp)) * 1_000;
  return {
    title: "Latency at a steady rate",
    about:
      `${RATE} events a second, each sent by itself, for ${seconds} s; from just before the sending until the row was seen ` +
      `by another connection, which looks every ${WATCH_EVERY_MS} ms.`,
    columns: ["", "p50 ms", "p95 ms", "p99 ms", "longest ms", "SQS requests per 1,000"],
    rows: [["piipe", number(p50, 1), number(p95, 1), number(p99, 1), number(most, 1), number(requests)]],
    goals: [judge("latencyMedian", p50), judge("latencyP99", p99)],
    data: { p50, p95, p99, longest: most, requests },
  };
}

/** @returns {never} */
function endedEarly() {
  throw new Error("the worker ended while events were sent");
}

/**
 * @param {string} databaseUrl
 * @param {number} count
 * @param {Promise<void>} sent rejects when no more is to come
 * @returns {Promise<number[]>} ms, in the order in which the events were sent
 */
async function watch(databaseUrl, count, sent) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  /** By the row's id. @type {Map<number, { sentMs: number, tookMs: number }>} */
  const seen = new Map();
  let deadlineMs = Number.POSITIVE_INFINITY;
  let hasFailed = false;
  sent.then(
    () => (deadlineMs = performance.now() + PATIENCE_MS),
    () => (hasFailed = true),
  );
  // Transactions commit in another order than they take ids: rows are asked for from the first gap on.
  let complete = 0;
  while (seen.size < count && !hasFailed) {
    const { rows } = await client.query(WATCH, [complete]);
    const nowMs = performance.timeOrigin + performance.now();
    for (const { id, sent_ms: sentMs } of rows) {
      if (!seen.has(Number(id))) seen.set(Number(id), { sentMs, tookMs: nowMs - sentMs });
    }
    while (seen.has(complete + 1)) complete += 1;
    if (performance.now() > deadlineMs) break;
    await sleep(WATCH_EVERY_MS);
  }
  await client.end();
  await sent;
  return [...seen.values()].toSorted((a, b) => a.sentMs - b.sentMs).map(({ tookMs }) => tookMs);
}

const WATCH = { name: "watch", text: "SELECT id, sent_ms FROM timed WHERE id > $1" };
