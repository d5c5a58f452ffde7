import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { metricsUrl, readyz, scrape, sumOf, valuesOf } from "../support/metrics.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;
beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs, { settings: "batch: { rows: 50 }" });
});
afterAll(() => pipeline.remove());

describe("run --metrics --workers 2", () => {
  it("serves the metrics of both at one address, and goes on without one of them", async () => {
    const run = startCli(
      ["run", "--metrics", "127.0.0.1:0", "--json", "--workers", "2", "--log-level", "debug"],
      pipeline,
    );
    const url = await metricsUrl(run);
    const workersReady = async (): Promise<number> => sumOf(await scrape(url), "piipe_workers_ready");
    const processes = async () => valuesOf(await scrape(url), "process_start_time_seconds");
    await until("both are ready", async () => (await workersReady()) === 2);
    await sqs.send(pipeline.queue.url, loginEvents(200));
    await until("all are stored", async () => sumOf(await scrape(url), "piipe_events_stored_total") === 200);
    const text = await scrape(url);
    expect([...valuesOf(text, "piipe_events_stored_total").keys()].toSorted()).toEqual(['worker="1"', 'worker="2"']);
    expect(sumOf(text, "piipe_workers")).toBe(2);
    expect(sumOf(text, "piipe_worker_restarts_total")).toBe(0);
    const before = (await processes()).get('worker="1"');

    const [, pid] = /"worker":1,"pid":(\d+)/.exec(run.stderr()) ?? [];
    process.kill(Number(pid), "SIGKILL");
    await until("one of them is left", async () => (await workersReady()) === 1);
    expect((await readyz(url)).status).toBe(200);
    await until("another has taken its place", async () => (await workersReady()) === 2);
    expect((await processes()).get('worker="1"')).toBeGreaterThan(before ?? 0);
    expect(sumOf(await scrape(url), "piipe_worker_restarts_total")).toBe(1);
    run.signal("SIGTERM");
    const { code, stderr } = await run.ended;
    expect(code, stderr).toBe(0);
  });
});
