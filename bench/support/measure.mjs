/** One run of a program over a queue, from its start to its last delete. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} RunPlan
 * @property {import("./queue-server.mjs").QueueServer} server filled, or ready to be
 * @property {number} count messages that the queue holds
 * @property {readonly import("../servers/meter.mjs").Mark[]} marks beside the end
 * @property {() => Promise<import("./program.mjs").Program>} start
 * @property {boolean} [endsItself] when the queue is empty, as by default
 * @property {Readonly<Record<string, number>>} [pids] of other processes whose usage is read as well
 */

/**
 * @typedef {object} Run
 * @property {import("../servers/meter.mjs").MarkReached[]} marks the last one is the end
 * @property {number} firstReceiveAtMs of the server's clock, as the marks
 * @property {number | null} startCpuUs of the program, until its first receive; null: this system does not tell
 */

/** A run without a delete for so long will not end. */
const STALLED_MS = 60_000;
const LOOK_MS = 1_000;

/**
 * Rejects when the program fails, ends before the last delete, or stalls.
 * @param {RunPlan} plan
 * @returns {Promise<Run>}
 */
export async function measureRun({ server, count, marks, start, endsItself = true, pids = {} }) {
  await server.begin([...marks, { of: "deleted", at: count }]);
  const program = await start();
  const over = new AbortController();
  try {
    await server.watch({ ...pids, client: program.pid });
    const reached = server.reached();
    const tooEarly = program.ended.then(async () => {
      const { deleted } = await server.counts();
      if (deleted < count) throw new Error(`the program ended when ${deleted} of ${count} messages were deleted`);
    });
    const stall = stalled(server, over.signal);
    const counts = await Promise.race([reached, tooEarly.then(() => reached), stall]);
    const { firstReceiveAtMs } = counts;
    if (firstReceiveAtMs === null) throw new Error("the queue server saw no receive");
    await Promise.race([endsItself ? program.ended : program.stop(), stall]);
    return { marks: counts.marks, firstReceiveAtMs, startCpuUs: counts.usageAtFirstReceive?.["client"]?.cpuUs ?? null };
  } finally {
    over.abort();
    program.kill();
  }
}

/**
 * Rejects when the run has stalled; never, once it is over.
 * @param {import("./queue-server.mjs").QueueServer} server
 * @param {AbortSignal} over
 * @returns {Promise<never>}
 */
export async function stalled(server, over) {
  let last = -1;
  let sinceMs = performance.now();
  for (;;) {
    await sleep(LOOK_MS);
    if (over.aborted) return new Promise(() => {});
    const { received, deleted, byAction } = await server.counts();
    if (received + deleted !== last) {
      last = received + deleted;
      sinceMs = performance.now();
    } else if (performance.now() - sinceMs > STALLED_MS) {
      const counts = JSON.stringify({ received, deleted, ...byAction });
      throw new Error(`no message came or went for ${STALLED_MS / 1_000} s; the queue server counted ${counts}`);
    }
  }
}

/**
 * CPU between two marks.
 * @param {import("../servers/meter.mjs").MarkReached | undefined} from undefined: the start of the process
 * @param {import("../servers/meter.mjs").MarkReached | undefined} to
 * @param {string} name of the process
 * @returns {number | null} µs a message; null: this system does not tell
 */
export function cpuPerMessage(from, to, name = "client") {
  const after = to?.usage[name];
  if (!to || !after) return null;
  const before = from === undefined ? { cpuUs: 0 } : from.usage[name];
  return before ? (after.cpuUs - before.cpuUs) / (to.at - (from?.at ?? 0)) : null;
}

/**
 * A wrong result is no measurement.
 * @param {string} what
 * @param {number} actual
 * @param {number} expected
 */
export function expectCount(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what}: ${actual} instead of ${expected}`);
}
