import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runCli, type RunningCommand, startCommand } from "../support/cli.ts";
import { ask } from "../support/http-ask.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { metricsUrl, readyz, scrape, sumOf, valuesOf } from "../support/metrics.ts";
import { withClient } from "../support/postgres.ts";
import { type RestartablePostgres, startRestartablePostgres } from "../support/restartable-postgres.ts";
import { startSqsProxy, type SqsProxy } from "../support/sqs-proxy.ts";
import { callSqs, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

let postgres: RestartablePostgres;
const sqs = testSqs();
let proxy: SqsProxy;
let pipeline: LoginPipeline;

beforeAll(async () => {
  postgres = await startRestartablePostgres();
  proxy = await startSqsProxy(sqs.endpoint);
  pipeline = await createLoginPipeline(sqs, {
    database: { url: postgres.url, drop: () => postgres.stop() },
    endpoint: proxy.endpoint,
    settings: "batch: { rows: 50 }",
  });
});
afterAll(async () => {
  await pipeline.remove();
  await proxy.stop();
});
// The polls of a run that was stopped may still wait behind the proxy, and would take what the next test sends.
beforeEach(async () => {
  await callSqs(sqs.endpoint, "DeleteQueue", { QueueUrl: pipeline.queue.url });
  await sqs.createQueue(pipeline.queue.name);
});

const start = (...args: readonly string[]): RunningCommand =>
  startCommand(["run", "--metrics", "127.0.0.1:0", "--json", ...args], pipeline);
const send = (count: number): Promise<void> => sqs.send(pipeline.queue.url, loginEvents(count));
const isReady = async (url: string): Promise<boolean> => (await readyz(url)).status === 200;
const stored = async (url: string): Promise<number> => sumOf(await scrape(url), "piipe_events_stored_total");

async function end(run: RunningCommand): Promise<void> {
  run.signal("SIGTERM");
  const { code, stderr } = await run.ended;
  expect(code, stderr).toBe(0);
}

describe("run --metrics", () => {
  it("answers while the pipeline starts, runs and drains", async () => {
    await withClient(postgres.url, async (client) => {
      // Each start reads which migrations there are.
      await client.query("BEGIN; LOCK TABLE piipe.migrations IN ACCESS EXCLUSIVE MODE");
      const run = start();
      const url = await metricsUrl(run);
      expect(await readyz(url)).toEqual({ status: 503, body: { ready: false, reason: "starting" } });
      expect(await ask(`${url}/healthz`)).toMatchObject({ status: 200, body: '{"alive":true}\n' });
      expect(sumOf(await scrape(url), "piipe_workers_ready")).toBe(0);
      await client.query("ROLLBACK");

      await until("the worker is ready", () => isReady(url));
      expect(await readyz(url)).toEqual({ status: 200, body: { ready: true } });
      await send(120);
      await sqs.send(pipeline.queue.url, ["{}"]);
      await until("all are stored", async () => (await stored(url)) >= 120);
      await until("all are deleted", async () => sumOf(await scrape(url), "piipe_deliveries_deleted_total") === 121);
      const text = await scrape(url);
      expect(sumOf(text, "piipe_deliveries_received_total")).toBe(121);
      expect(sumOf(text, "piipe_events_quarantined_total")).toBe(1);
      expect([...valuesOf(text, "piipe_events_refused_total")]).toEqual([
        ['code="field.missing",fate="quarantine"', 1],
      ]);
      expect(sumOf(text, "piipe_batch_events_sum")).toBe(121);
      expect(sumOf(text, "piipe_batch_write_seconds_count")).toBeGreaterThanOrEqual(3);
      expect(sumOf(text, "piipe_workers_ready")).toBe(1);
      expect(sumOf(text, "process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
      // Nothing of the events, and no key.
      expect(text).not.toMatch(/user-\d|203\.0\.|h1_/);

      await client.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
      await send(10);
      await until("some are in flight", async () => sumOf(await scrape(url), "piipe_in_flight") > 0);
      run.signal("SIGTERM");
      await until("it drains", async () => !(await isReady(url)));
      expect(await readyz(url)).toEqual({ status: 503, body: { ready: false, reason: "draining" } });
      expect((await ask(`${url}/healthz`)).status).toBe(200);
      await client.query("ROLLBACK");
      expect((await run.ended).code, run.stderr()).toBe(0);
      await expect(ask(`${url}/healthz`)).rejects.toThrow("ECONNREFUSED");
    });
  });

  it("is not ready while the database is stopped, stays alive, and is ready when it is back", async () => {
    const run = start();
    const url = await metricsUrl(run);
    await until("the worker is ready", () => isReady(url));
    await postgres.restart("fast", async () => {
      await send(60);
      await until("writes keep failing", async () => !(await isReady(url)));
      expect(await readyz(url)).toEqual({
        status: 503,
        body: { ready: false, reason: "writes-failing", code: "database.unreachable" },
      });
      expect((await ask(`${url}/healthz`)).status).toBe(200);
      const text = await scrape(url);
      expect(sumOf(text, "piipe_workers_ready")).toBe(0);
      expect(valuesOf(text, "piipe_batch_retries_total").get('code="database.unreachable"')).toBeGreaterThan(1);
    });
    await until("the worker is ready again", () => isReady(url));
    await until("all are stored", async () => (await stored(url)) >= 60);
    await end(run);
  });

  it("is not ready while the queue cannot be reached, and is ready once something is received", async () => {
    const run = start();
    const url = await metricsUrl(run);
    await until("the worker is ready", () => isReady(url));
    proxy.answer = () => "hang up";
    await until("receives keep failing", async () => !(await isReady(url)), 120_000);
    expect(await readyz(url)).toEqual({
      status: 503,
      body: { ready: false, reason: "receives-failing", code: "queue.unreachable" },
    });
    const retries = valuesOf(await scrape(url), "piipe_source_retries_total");
    expect(retries.get('action="ReceiveMessage",code="queue.unreachable"')).toBeGreaterThan(1);
    proxy.answer = () => undefined;
    await send(5);
    await until("the worker is ready again", () => isReady(url), 120_000);
    await until("all are stored", async () => (await stored(url)) >= 5);
    await end(run);
  });
});

describe("run --metrics at an address that cannot be used", () => {
  it("a port that is taken: exit code 4, what to do, and nothing is started", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(0, "127.0.0.1", resolve);
    });
    const at = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    for (const workers of ["1", "2"]) {
      const run = await runCli(["run", "--metrics", at, "--workers", workers, "--until-empty", "--json"], pipeline);
      expect(run.code, run.stderr).toBe(4);
      expect(run.stderr).toContain(`${at} is taken by another program`);
      expect(run.stderr).not.toContain("worker.launched");
      expect((JSON.parse(run.stdout) as { error: object }).error).toMatchObject({
        code: "metrics.address",
        hint: expect.stringContaining("Give another port") as string,
      });
    }
    await new Promise((resolve) => {
      other.close(resolve);
    });
  });

  it.each(["9464", "localhost", "127.0.0.1:99999"])("%s is none: exit code 2", async (at) => {
    const { code, stdout, stderr } = await runCli(["run", "--metrics", at], pipeline);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Give host:port, such as");
  });

  it("an error of the configuration comes before", async () => {
    const { code, stderr } = await runCli(["run", "--metrics", "127.0.0.1:0", "--config", "none.yaml"], pipeline);
    expect(code).toBe(3);
    expect(stderr).not.toContain("metrics.listening");
  });
});
