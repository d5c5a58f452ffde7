import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startCli, startCommand } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { withClient } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;
beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "600" } });
});
afterEach(() => pipeline.remove());

describe("a signal to run", () => {
  it.each([
    ["SIGTERM", 0],
    ["SIGINT", 130],
    ["SIGHUP", 0],
  ] as const)("%s under load: finishes what was received, leaves nothing in flight", async (signal, code) => {
    await sqs.send(pipeline.queue.url, loginEvents(2_500));
    const worker = startCli(["run", "--json"], pipeline);
    await until("some rows are stored", async () => (await pipeline.rows()) >= 200);
    worker.process.kill(signal);
    const result = await worker.ended;
    expect(result.code).toBe(code);
    const totals = JSON.parse(result.stdout) as { received: number; stored: number; deleted: number };
    expect(totals.stored).toBe(totals.received);
    expect(totals.deleted).toBe(totals.received);
    expect(await pipeline.rows()).toBe(totals.stored);
    expect(totals.stored).toBeLessThan(2_500);
    // With a visibility timeout of ten minutes, whatever was forgotten would still be in flight.
    await until(
      "what polls had brought is visible again",
      async () => (await sqs.count(pipeline.queue.url)).inFlight === 0,
    );
    expect((await sqs.count(pipeline.queue.url)).visible).toBe(2_500 - totals.stored);
  });

  it("a second signal stops at once; what was not committed comes again", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(500));
    await withClient(pipeline.databaseUrl, async (client) => {
      // Holds every insert back, so that the drain cannot end.
      await client.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
      const worker = startCli(["run", "--json", "--log-level", "debug"], pipeline);
      await worker.printed("deliveries.received");
      worker.process.kill("SIGTERM");
      await worker.printed("pipeline.draining");
      // Two signals of one keypress, as npm makes them, are one.
      worker.process.kill("SIGTERM");
      const again = setInterval(() => worker.process.kill("SIGTERM"), 350);
      // Not beyond that: while Node exits nobody listens to signals any more, and one would kill it.
      await worker.printed("pipeline.aborted").finally(() => clearInterval(again));
      const result = await worker.ended;
      expect(result.code).toBe(130);
      expect(JSON.parse(result.stdout)).toMatchObject({ stored: 0, deleted: 0, error: { code: "interrupted" } });
      await client.query("ROLLBACK");
    });
    expect(await pipeline.rows()).toBe(0);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(500);
  });

  it("a drain that takes too long is cut short at its limit", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(50));
    await withClient(pipeline.databaseUrl, async (client) => {
      await client.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
      const worker = startCommand(["run", "--drain-timeout", "1", "--log-level", "debug"], pipeline);
      await worker.printed("deliveries.received");
      worker.signal("SIGTERM");
      expect(await worker.ended).toMatchObject({ code: 130 });
      await client.query("ROLLBACK");
    });
    expect(await pipeline.rows()).toBe(0);
  });

  it("a run that is idle stops at once: it does not wait for the long poll", async () => {
    const worker = startCommand(["run"], pipeline);
    await worker.printed("pipeline.started");
    const startedMs = performance.now();
    worker.signal("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
    // Far below the 20 s of the poll.
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});
