import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliResult, runCli, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { startSqsFaults } from "../support/sqs-faults.ts";
import { startSqsProxy } from "../support/sqs-proxy.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;
beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "600" } });
});
afterEach(() => pipeline.remove());

interface Totals {
  readonly received: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly deleted: number;
}

const totalsOf = ({ stdout }: CliResult): Totals => JSON.parse(stdout) as Totals;

function sumOf(results: readonly CliResult[], key: keyof Totals): number {
  return results.reduce((sum, result) => sum + totalsOf(result)[key], 0);
}

/** As `run --drain-timeout` has it: below the 30 s that Kubernetes and others wait by default. */
const DRAIN_TIMEOUT_MS = 25_000;

describe("a signal to run, when a service is slow or fails", () => {
  const MESSAGES = 4_000;

  async function distinctUsers(): Promise<number> {
    const [row] = await query<{ users: number }>(
      pipeline.databaseUrl,
      "SELECT count(DISTINCT user_id)::int AS users FROM user_logins",
    );
    return row?.users ?? 0;
  }

  it("three workers under full load on a slow database end in time, and leave nothing in flight", async () => {
    await query(
      pipeline.databaseUrl,
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
       CREATE TRIGGER slow BEFORE INSERT ON user_logins FOR EACH STATEMENT EXECUTE PROCEDURE slow()`,
    );
    await writeFile(
      join(pipeline.folder, "small.yaml"),
      `${await readFile(join(pipeline.folder, "piipe.yaml"), "utf8")}\nbatch: { rows: 100 }\n`,
    );
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const workers = [1, 2, 3].map(() => startCli(["run", "--config", "small.yaml", "--json"], pipeline));
    await Promise.all(workers.map(({ printed }) => printed("batch.written")));
    const startedMs = performance.now();
    for (const worker of workers) worker.process.kill("SIGTERM");
    const results = await Promise.all(workers.map(({ ended }) => ended));
    expect(performance.now() - startedMs).toBeLessThan(DRAIN_TIMEOUT_MS);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    const stored = sumOf(results, "stored");
    expect(sumOf(results, "received")).toBe(stored);
    expect(sumOf(results, "deleted")).toBe(stored);
    expect(await pipeline.rows()).toBe(stored);
    expect(await distinctUsers()).toBe(stored);
    expect(stored).toBeLessThan(MESSAGES);
    await until("nothing is in flight", async () => (await sqs.count(pipeline.queue.url)).inFlight === 0);
    expect((await sqs.count(pipeline.queue.url)).visible).toBe(MESSAGES - stored);
  });

  it("while SQS throttles and fails: it ends in time; what could not be deleted comes again and is stored once", async () => {
    const brief = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "3" } });
    const seed = Date.now() % 1_000_000;
    const faults = await startSqsFaults(sqs.endpoint, { seed, rates: {} });
    try {
      await sqs.send(brief.queue.url, loginEvents(MESSAGES));
      const environment = { ...brief.environment, AWS_ENDPOINT_URL_SQS: faults.endpoint };
      const worker = startCli(["run", "--json"], { folder: brief.folder, environment });
      await worker.printed("batch.written");
      Object.assign(faults.rates, { throttle: 0.2, "error 500": 0.2, "over limit": 0.05, "failed delete entry": 0.1 });
      const startedMs = performance.now();
      worker.process.kill("SIGTERM");
      const result = await worker.ended;
      expect(performance.now() - startedMs, `seed ${seed}`).toBeLessThan(DRAIN_TIMEOUT_MS);
      expect(result.code, result.stderr).toBe(0);
      const { received, stored } = totalsOf(result);
      expect(stored).toBe(received);
      expect(
        [...faults.fired.values()].reduce((sum, count) => sum + count, 0),
        `seed ${seed}`,
      ).toBeGreaterThan(0);
      const rest = totalsOf(await runCli(["run", "--until-empty", "--json"], brief));
      expect(stored + rest.stored, `seed ${seed}`).toBe(MESSAGES);
      expect(await brief.rows()).toBe(MESSAGES);
      expect((await sqs.count(brief.queue.url)).total).toBe(0);
    } finally {
      await faults.stop();
      await brief.remove();
    }
  });

  it("while SQS answers nothing at all: the drain is cut short at its limit, and nothing is lost", async () => {
    const proxy = await startSqsProxy(sqs.endpoint);
    try {
      await sqs.send(pipeline.queue.url, loginEvents(500));
      const environment = { ...pipeline.environment, AWS_ENDPOINT_URL_SQS: proxy.endpoint };
      const worker = startCli(["run", "--json", "--drain-timeout", "2"], { folder: pipeline.folder, environment });
      // Polls and deletes that are under way then hang as well.
      proxy.answer = ({ action }) => (action === "DeleteMessageBatch" ? "hang" : undefined);
      await worker.printed("batch.written");
      proxy.answer = () => "hang";
      const startedMs = performance.now();
      worker.process.kill("SIGTERM");
      const result = await worker.ended;
      expect(performance.now() - startedMs).toBeLessThan(DRAIN_TIMEOUT_MS);
      expect(result.code).toBe(130);
      expect(totalsOf(result).deleted).toBe(0);
      expect(await pipeline.rows()).toBe(totalsOf(result).stored);
      expect((await sqs.count(pipeline.queue.url)).total).toBe(500);
    } finally {
      await proxy.stop();
    }
  });
});
