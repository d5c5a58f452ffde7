/** What a worker costs while its queue is empty. */
import { setTimeout as sleep } from "node:timers/promises";
import { judge } from "../support/goals.mjs";
import { LOGINS } from "../support/pipelines.mjs";
import { readUsage } from "../support/process-usage.mjs";
import { startPiipe } from "../support/program.mjs";
import { makeQueue } from "../support/queue.mjs";
import { number } from "../support/report.mjs";

/** The start is over, and the first long poll under way. */
const START_MS = 4_000;
const MINUTE_MS = 60_000;

/**
 * @param {import("../support/stand.mjs").Stand} stand
 * @param {import("../main.mjs").Settings} settings
 * @returns {Promise<import("../support/report.mjs").Section>}
 */
export async function measureIdle({ fauxqs, databases, environmentFor }, { isQuick, say }) {
  // A whole number of long polls.
  const watchedMs = isQuick ? 20_000 : MINUTE_MS;
  const environment = environmentFor(fauxqs.endpoint);
  const databaseUrl = await databases.create(LOGINS, environment);
  const queue = await makeQueue(fauxqs.endpoint, []);
  await fauxqs.begin([]);
  const program = await startPiipe(["run", "--config", LOGINS.config], { ...environment, DATABASE_URL: databaseUrl });
  let figures;
  try {
    await sleep(START_MS);
    const before = { receives: await receivesOf(fauxqs), usage: readUsage(program.pid) };
    say(`watching for ${watchedMs / 1_000} s`);
    await Promise.race([sleep(watchedMs), program.ended.then(endedEarly)]);
    const after = { receives: await receivesOf(fauxqs), usage: readUsage(program.pid) };
    // One at least was under way all the time: a worker that does not ask would look cheap.
    if (after.receives === 0) throw new Error("the worker did not ask the queue for messages");
    const perMinute = MINUTE_MS / watchedMs;
    figures = {
      receives: (after.receives - before.receives) * perMinute,
      cpuMs: before.usage && after.usage ? ((after.usage.cpuUs - before.usage.cpuUs) / 1_000) * perMinute : null,
    };
    await program.stop();
  } finally {
    program.kill();
  }
  await queue.remove();
  await databases.drop(databaseUrl);
  return {
    title: "An empty queue",
    about: `What a worker that waits does in a minute, watched for ${watchedMs / 1_000} s.`,
    columns: ["", "receives", "CPU ms"],
    rows: [["a minute", number(figures.receives, 1), number(figures.cpuMs)]],
    goals: [judge("idleReceives", figures.receives)],
    data: figures,
  };
}

/** @returns {never} */
function endedEarly() {
  throw new Error("the worker ended while it was watched");
}

/** @param {import("../support/queue-server.mjs").QueueServer} server */
async function receivesOf(server) {
  const { byAction } = await server.counts();
  return byAction["ReceiveMessage"] ?? 0;
}
