import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runCli, startCli } from "../support/cli.ts";
import { type Gate, startGate } from "../support/gate.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const MESSAGES = 5_000;

const sqs = testSqs();
let pipeline: LoginPipeline;
let gate: Gate;
let environment: Readonly<Record<string, string>>;

beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "600" } });
  const url = new URL(pipeline.databaseUrl);
  gate = await startGate(Number(url.port));
  url.port = String(gate.port);
  environment = { ...pipeline.environment, DATABASE_URL: url.href };
  await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
});
afterEach(async () => {
  await gate.shut();
  await pipeline.remove();
});

describe("a database that goes away while a run writes to it", () => {
  it("and comes back: the run waits, and stores every message once", async () => {
    const worker = startCli(["run", "--until-empty", "--json"], { folder: pipeline.folder, environment });
    await until("some rows are stored", async () => (await pipeline.rows()) > 0);
    await gate.shut();
    await worker.printed("batch.retried");
    await gate.open();
    const result = await worker.ended;
    expect(result.code).toBe(0);
    expect(await pipeline.rows()).toBe(MESSAGES);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });

  it("and stays away when SIGTERM comes: what was received is given back to the queue", async () => {
    const worker = startCli(["run", "--json"], { folder: pipeline.folder, environment });
    await until("some rows are stored", async () => (await pipeline.rows()) > 0);
    await gate.shut();
    await worker.printed("batch.retried");
    worker.process.kill("SIGTERM");
    const result = await worker.ended;
    expect(result.code).toBe(4);
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: "database.unreachable" } });
    // With a visibility timeout of ten minutes, whatever was not given back would still be in flight.
    await until("nothing is in flight", async () => (await sqs.count(pipeline.queue.url)).inFlight === 0);
    // Also what a COMMIT stored whose reply was cut off: the ledger tells that to the next run.
    expect((await sqs.count(pipeline.queue.url)).visible).toBeGreaterThanOrEqual(MESSAGES - (await pipeline.rows()));
    await gate.open();
    const next = await runCli(["run", "--until-empty"], { folder: pipeline.folder, environment });
    expect(next.code).toBe(0);
    expect(await pipeline.rows()).toBe(MESSAGES);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });
});
