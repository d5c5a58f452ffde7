import { setTimeout as sleep } from "node:timers/promises";
import { PiipeError } from "../../src/errors.ts";
import { startCli } from "./cli.ts";
import { EventSourceMapping, functionOf } from "./event-source-mapping.ts";
import { type Gate, startGate } from "./gate.ts";
import type { LoginPipeline } from "./login-pipeline.ts";
import { SeededRandom } from "./seeded-random.ts";
import { testSqs } from "./sqs.ts";
import { until } from "./until.ts";

export interface ChaosFigures {
  readonly seed: number;
  readonly messages: number;
  /** Environments of the function at once. */
  readonly environments: number;
  readonly batchSizes: readonly number[];
  /** A `piipe run` reads the same queue. */
  readonly hasProcess: boolean;
}

export interface ChaosReport {
  invocations: number;
  /** By the code of what was thrown. */
  readonly thrown: Record<string, number>;
  /** That reported some messages, and not all. */
  partly: number;
  /** Whose answer was lost: every message came again. */
  unanswered: number;
  coldStarts: number;
  outages: number;
}

/** Rows at which the database goes away, as shares of all. */
const OUTAGES_AT = [0.2, 0.6];

/**
 * Has a queue worked off by environments of a function whose time ends early now and then, whose answers get lost, which are
 * replaced, and whose database goes away and comes back.
 */
export async function workOff(pipeline: LoginPipeline, figures: ChaosFigures): Promise<ChaosReport> {
  const random = new SeededRandom(figures.seed);
  const sqs = testSqs();
  const url = new URL(pipeline.databaseUrl);
  const gate = await startGate(Number(url.port));
  url.port = String(gate.port);
  const place = { folder: pipeline.folder, environment: { ...pipeline.environment, DATABASE_URL: url.href } };
  const mapping = await EventSourceMapping.open(sqs, pipeline.queue.url);
  const report: ChaosReport = { invocations: 0, thrown: {}, partly: 0, unanswered: 0, coldStarts: 0, outages: 0 };
  const worker = figures.hasProcess ? startCli(["run"], place) : null;
  let isDone = false;

  async function invokeOnce(environment: ReturnType<typeof functionOf>): Promise<void> {
    const event = await mapping.receive(random.pick(figures.batchSizes));
    if (event.Records.length === 0) {
      isDone ||= (await sqs.count(pipeline.queue.url)).total === 0;
      await sleep(20);
      return;
    }
    report.invocations += 1;
    // Long enough for some batches, or for none.
    const remainingMs = random.chance(0.2) ? 200 + random.below(1_500) : 60_000;
    try {
      const kept = await environment.invoke(event, remainingMs);
      if (kept.length > 0) report.partly += 1;
      const isLost = random.chance(0.1);
      if (isLost) report.unanswered += 1;
      else await mapping.settle(event, kept);
      await mapping.release(event, isLost ? null : kept);
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      report.thrown[error.code] = (report.thrown[error.code] ?? 0) + 1;
      await mapping.release(event);
    }
  }

  async function keepInvoking(): Promise<void> {
    while (!isDone) {
      report.coldStarts += 1;
      const environment = functionOf(place);
      try {
        do await invokeOnce(environment);
        while (!isDone && !random.chance(0.05));
      } finally {
        await environment.close();
      }
    }
  }

  try {
    const invoking = Promise.all(Array.from({ length: figures.environments }, keepInvoking));
    await Promise.all([invoking, goAway(gate, pipeline, figures, report)]);
    return report;
  } finally {
    isDone = true;
    worker?.signal("SIGTERM");
    await worker?.ended;
    await gate.shut();
  }
}

async function goAway(
  gate: Gate,
  pipeline: LoginPipeline,
  { messages }: ChaosFigures,
  report: ChaosReport,
): Promise<void> {
  for (const share of OUTAGES_AT) {
    await until(`${share} of the rows are stored`, async () => (await pipeline.rows()) >= share * messages, 600_000);
    await gate.shut();
    report.outages += 1;
    await sleep(1_000);
    await gate.open();
  }
}
