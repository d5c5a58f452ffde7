import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { startWorker } from "../../support/doomed-worker.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import type { SqsFaultKind } from "../../support/sqs-faults.ts";
import { until } from "../../support/until.ts";
import { accountOf } from "./account-of.ts";
import { type PlannedFault, planFaults } from "./fault-plan.ts";
import { SoakEvents } from "./soak-events.ts";
import type { SoakFigures } from "./soak-figures.ts";
import type { SoakReport } from "./soak-report.ts";
import { type SoakServers, startSoakServers } from "./soak-servers.ts";
import { WorkerFleet } from "./worker-fleet.ts";

const QUEUED_LOW = 3_000;
const SENT_AT_ONCE = 500;
const LOOK_MS = 50;
const DUE_TIMEOUT_MS = 300_000;
const DRAIN_TIMEOUT_MS = 180_000;

/**
 * One leg of the soak: workers of the built command on a queue of a real SQS-compatible server and a real PostgreSQL,
 * every kind of fault between and under them, and the accounting of what came of it. For a test.
 */
export async function runSoak(figures: SoakFigures, progress: (line: string) => void): Promise<SoakReport> {
  const startedMs = performance.now();
  const events = new SoakEvents(figures.seed);
  const servers = await startSoakServers(figures.seed);
  const { sqs, queueFaults, witness, pipeline, environment } = servers;
  const fleet = new WorkerFleet(figures.workers, () =>
    startWorker(["run", "--json"], { folder: pipeline.folder, environment }),
  );
  onTestFinished(() => fleet.stop());
  const plan = planFaults(figures, { fleet, ...servers }, new SeededRandom(figures.seed));
  let faults: SoakReport["faults"];
  try {
    faults = await strikeWhileSending(plan, events, figures.messages, servers, progress);
    for (const kind of Object.keys(queueFaults.rates) as SqsFaultKind[]) queueFaults.rates[kind] = 0;
    const isEmpty = async (): Promise<boolean> => (await sqs.count(pipeline.queue.url)).total === 0;
    await until("the queue is worked off", isEmpty, DRAIN_TIMEOUT_MS);
  } catch (error) {
    // What the workers said tells more than what was waited for.
    throw new Error([String(error), "workers that ended unasked:", ...fleet.unexpectedEnds].join("\n"), {
      cause: error,
    });
  }
  await fleet.stop();
  return {
    figures,
    ...(await accountOf(events, servers.databaseUrl)),
    stillQueued: (await sqs.count(pipeline.queue.url)).total,
    deletesBeforeCommit: witness.uncommitted,
    deletesSeen: witness.checked,
    messagesSeenDeleted: witness.messages,
    rawBytes: await rawBytesIn(fleet, events, servers),
    unexpectedEnds: fleet.unexpectedEnds,
    redelivered: fleet.sumOf("duplicate"),
    faults,
    queueFaults: Object.fromEntries(queueFaults.fired),
    seconds: Math.round((performance.now() - startedMs) / 1_000),
  };
}

/** Gives how often each fault struck. They are spread over the messages, and each needs messages to strike at. */
async function strikeWhileSending(
  plan: readonly PlannedFault[],
  events: SoakEvents,
  messages: number,
  { sqs, pipeline }: SoakServers,
  progress: (line: string) => void,
): Promise<SoakReport["faults"]> {
  const faults: Record<string, number> = {};
  let struck = 0;
  let hasFailed = false;

  const strikeAll = async (): Promise<void> => {
    for (const [index, fault] of plan.entries()) {
      const dueAt = Math.floor((messages * index) / plan.length);
      await until("the next fault is due", () => hasFailed || events.sent >= dueAt, DUE_TIMEOUT_MS);
      if (hasFailed) return;
      await fault.strike();
      faults[fault.name] = (faults[fault.name] ?? 0) + 1;
      struck += 1;
    }
  };
  const sendAll = async (): Promise<void> => {
    for (let reportAt = 0; !hasFailed && (struck < plan.length || events.sent < messages);) {
      const { visible } = await sqs.count(pipeline.queue.url);
      const allowed = Math.floor((messages * (struck + 2)) / plan.length);
      if (visible === 0 || (visible < QUEUED_LOW && events.sent < Math.min(allowed, messages))) {
        await sqs.send(pipeline.queue.url, events.take(SENT_AT_ONCE));
      } else {
        await sleep(LOOK_MS);
      }
      if (events.sent < reportAt) continue;
      reportAt += SENT_AT_ONCE * 10;
      progress(`${events.sent} sent, ${struck} of ${plan.length} faults struck`);
    }
  };

  /** Neither goes on without the other. */
  const endBoth = (error: unknown): never => {
    hasFailed = true;
    throw error;
  };
  const ends = await Promise.allSettled([strikeAll().catch(endBoth), sendAll().catch(endBoth)]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return faults;
}

/** Where a raw value is, and in which form. */
async function rawBytesIn(fleet: WorkerFleet, { canaries }: SoakEvents, { postgres }: SoakServers): Promise<string[]> {
  const outputs = fleet.ended.map(({ stdout, stderr }) => stdout + stderr).join("\n");
  return [
    ...canaries.find(Buffer.from(outputs)).map((hit) => `output of the workers: ${hit}`),
    ...canaries.find(await readFile(postgres.logFile)).map((hit) => `the server's log: ${hit}`),
    ...(await canaries.findInFolder(postgres.dataFolder)),
  ];
}
