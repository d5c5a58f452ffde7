import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorker } from "../../support/doomed-worker.ts";
import { createLoginPipeline } from "../../support/login-pipeline.ts";
import { query } from "../../support/postgres.ts";
import { startPostgresProxy } from "../../support/postgres-proxy.ts";
import { startRestartablePostgres } from "../../support/restartable-postgres.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { callSqs } from "../../support/sqs.ts";
import { type SqsFaultKind, startSqsFaults } from "../../support/sqs-faults.ts";
import { startSqsProcess } from "../../support/sqs-process.ts";
import { until } from "../../support/until.ts";
import { accountOf } from "./account-of.ts";
import { CommitWitness } from "./commit-witness.ts";
import { planFaults } from "./fault-plan.ts";
import { SoakEvents } from "./soak-events.ts";
import type { SoakFigures } from "./soak-figures.ts";
import type { SoakReport } from "./soak-report.ts";
import { WorkerFleet } from "./worker-fleet.ts";

/** Shares of the requests, messages or entries that each kind can hit. */
const QUEUE_FAULT_RATES: Readonly<Record<SqsFaultKind, number>> = {
  "error 500": 0.05,
  throttle: 0.05,
  "duplicate, same handle": 0.05,
  "duplicate, new handle": 0.05,
  reorder: 0.2,
  hang: 0.002,
  "truncated reply": 0.02,
  "bad MD5": 0.005,
  "clock skew": 0.001,
  "expired token": 0.001,
  "over limit": 0.01,
  "failed delete entry": 0.1,
  "mangled batch reply": 0.02,
};

/** Short, so that what a killed worker held comes back soon. */
const VISIBILITY_SECONDS = 5;
const QUEUED_LOW = 3_000;
const SENT_AT_ONCE = 500;
const LOOK_MS = 50;
const DUE_TIMEOUT_MS = 300_000;
const DRAIN_TIMEOUT_MS = 180_000;

/**
 * One leg of the soak: workers of the built command on a queue of a real SQS-compatible server and a real PostgreSQL,
 * every kind of fault between and under them, and the accounting of what came of it.
 */
export async function runSoak(figures: SoakFigures, progress: (line: string) => void): Promise<SoakReport> {
  const startedMs = performance.now();
  const random = new SeededRandom(figures.seed);
  const events = new SoakEvents(figures.seed);
  const postgres = await startRestartablePostgres();
  const sqs = await startSqsProcess();
  const database = await createDatabase(postgres.url);
  const pipeline = await createLoginPipeline(sqs, {
    database,
    queueAttributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) },
  });
  const witness = new CommitWitness(database.url, await arnOf(sqs.endpoint, pipeline.queue.url));
  const queueFaults = await startSqsFaults(sqs.endpoint, {
    seed: figures.seed,
    rates: { ...QUEUE_FAULT_RATES },
    beforeDelete: (messageIds) => witness.look(messageIds),
  });
  const proxy = await startPostgresProxy(database.url);
  const environment = { ...pipeline.environment, DATABASE_URL: proxy.url, AWS_ENDPOINT_URL_SQS: queueFaults.endpoint };
  const fleet = new WorkerFleet(figures.workers, () =>
    startWorker(["run", "--json"], { folder: pipeline.folder, environment }),
  );
  const plan = planFaults(figures, { fleet, proxy, postgres }, random);
  const faults: Record<string, number> = {};
  let struck = 0;

  const strikeAll = async (): Promise<void> => {
    for (const [index, fault] of plan.entries()) {
      const dueAt = Math.floor((figures.messages * index) / plan.length);
      await until("the next fault is due", () => events.sent >= dueAt, DUE_TIMEOUT_MS);
      await fault.strike();
      faults[fault.name] = (faults[fault.name] ?? 0) + 1;
      struck += 1;
    }
  };
  /** Keeps work in the queue until all faults, which are spread over the leg, have struck: each needs messages to strike at. */
  const sendAll = async (): Promise<void> => {
    for (let reportAt = 0; struck < plan.length || events.sent < figures.messages;) {
      const { visible } = await sqs.count(pipeline.queue.url);
      const allowed = Math.floor((figures.messages * (struck + 2)) / plan.length);
      if (visible === 0 || (visible < QUEUED_LOW && events.sent < Math.min(allowed, figures.messages))) {
        await sqs.send(pipeline.queue.url, events.take(SENT_AT_ONCE));
      } else {
        await sleep(LOOK_MS);
      }
      if (events.sent < reportAt) continue;
      reportAt += SENT_AT_ONCE * 10;
      progress(`seed ${figures.seed}: ${events.sent} sent, ${struck} of ${plan.length} faults struck`);
    }
  };

  try {
    const striking = strikeAll();
    await Promise.all([striking, sendAll()]);
    for (const kind of Object.keys(queueFaults.rates) as SqsFaultKind[]) queueFaults.rates[kind] = 0;
    const isEmpty = async (): Promise<boolean> => (await sqs.count(pipeline.queue.url)).total === 0;
    await until("the queue is worked off", isEmpty, DRAIN_TIMEOUT_MS);
    await fleet.stop();
    const outputs = fleet.ended.map(({ stdout, stderr }) => stdout + stderr).join("\n");
    return {
      figures,
      ...(await accountOf(events, database.url)),
      stillQueued: (await sqs.count(pipeline.queue.url)).total,
      deletesBeforeCommit: witness.uncommitted,
      deletesSeen: witness.checked,
      rawBytes: [
        ...events.canaries.find(Buffer.from(outputs)).map((hit) => `output of the workers: ${hit}`),
        ...events.canaries.find(await readFile(postgres.logFile)).map((hit) => `the server's log: ${hit}`),
        ...(await events.canaries.findInFolder(postgres.dataFolder)),
      ],
      unexpectedEnds: fleet.unexpectedEnds,
      redelivered: fleet.sumOf("duplicate"),
      faults,
      queueFaults: Object.fromEntries(queueFaults.fired),
      seconds: Math.round((performance.now() - startedMs) / 1_000),
    };
  } finally {
    await fleet.stop();
    await proxy.close();
    await queueFaults.stop();
    await witness.close();
    await pipeline.remove();
    await sqs.stop();
    await postgres.stop();
  }
}

async function createDatabase(serverUrl: string): Promise<{ url: string; drop: () => Promise<void> }> {
  await query(serverUrl, "CREATE DATABASE soak");
  const url = new URL(serverUrl);
  url.pathname = "/soak";
  // Gone with its server.
  return { url: url.href, drop: async () => {} };
}

async function arnOf(endpoint: string, queueUrl: string): Promise<string> {
  const request = { QueueUrl: queueUrl, AttributeNames: ["QueueArn"] };
  const reply = (await callSqs(endpoint, "GetQueueAttributes", request)) as { Attributes: { QueueArn: string } };
  return reply.Attributes.QueueArn;
}
