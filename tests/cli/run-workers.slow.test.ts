import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runProcess, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import type { LoginPipeline } from "../support/login-pipeline.ts";
import { withClient } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";
import {
  createSlowPipeline,
  distinctUsers,
  emptyPipeline,
  haveStarted,
  linesOf,
  outcomeOf,
  pidsOf,
} from "../support/worker-run.ts";

const sqs = testSqs();
/** One for all: to make a keyring and migrate a database takes longer than most of the tests. */
let pipeline: LoginPipeline;
beforeAll(async () => {
  pipeline = await createSlowPipeline(sqs);
});
afterAll(() => pipeline.remove());
// What a worker forgot would stay in flight for the whole test.
beforeEach(() => emptyPipeline(sqs, pipeline, 600));

describe("several workers", () => {
  it("Ctrl-C reaches every process, also twice: it is one stop, and cuts nothing short", async () => {
    const MESSAGES = 300;
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    await withClient(pipeline.databaseUrl, async (client) => {
      // Holds every insert back, so that the drain is under way when the second signal comes.
      await client.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
      const run = startCli(["run", "--workers", "2", "--json", "--log-level", "debug"], pipeline);
      await haveStarted(run, 2);
      await run.printed("deliveries.received");
      for (const pid of [run.process.pid ?? 0, ...pidsOf(run)]) process.kill(pid, "SIGINT");
      await run.printed("pipeline.draining");
      for (const pid of pidsOf(run)) process.kill(pid, "SIGINT");
      await client.query("ROLLBACK");
      const result = await run.ended;
      expect(result.code, result.stderr).toBe(130);
      const { received, stored, deleted, restarts, error } = outcomeOf(result);
      expect({ stored, deleted, restarts, error }).toEqual({
        stored: received,
        deleted: received,
        restarts: 0,
        error: undefined,
      });
      expect(received).toBeGreaterThan(0);
      expect(await pipeline.rows()).toBe(stored);
    });
    await until("nothing is in flight", async () => (await sqs.count(pipeline.queue.url)).inFlight === 0);
  });

  it("SIGTERM under load: all of them finish what they received", async () => {
    const MESSAGES = 2_000;
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const run = startCli(["run", "--workers", "2", "--json"], pipeline);
    await until("some rows are stored", async () => (await pipeline.rows()) >= 100);
    run.process.kill("SIGTERM");
    const result = await run.ended;
    expect(result.code, result.stderr).toBe(0);
    const { received, stored, deleted } = outcomeOf(result);
    expect(stored).toBe(received);
    expect(deleted).toBe(received);
    expect(stored).toBeLessThan(MESSAGES);
    expect(await pipeline.rows()).toBe(stored);
    await until("nothing is in flight", async () => (await sqs.count(pipeline.queue.url)).inFlight === 0);
    expect((await sqs.count(pipeline.queue.url)).visible).toBe(MESSAGES - stored);
  });

  it("a second signal to the supervisor stops all of them at once", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(300));
    await withClient(pipeline.databaseUrl, async (client) => {
      await client.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
      const run = startCli(["run", "--workers", "2", "--json", "--log-level", "debug"], pipeline);
      await run.printed("deliveries.received");
      run.process.kill("SIGTERM");
      await run.printed("pipeline.draining");
      const again = setInterval(() => run.process.kill("SIGTERM"), 350);
      await run.printed("pipeline.aborted").finally(() => clearInterval(again));
      const result = await run.ended;
      expect(result.code, result.stderr).toBe(130);
      expect(outcomeOf(result)).toMatchObject({ stored: 0, deleted: 0, error: { code: "interrupted" } });
      await client.query("ROLLBACK");
    });
    expect(await pipeline.rows()).toBe(0);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(300);
  });

  it("too many events refused: all of them end with exit code 5, and none is started again", async () => {
    const MESSAGES = 1_000;
    await sqs.send(
      pipeline.queue.url,
      Array.from({ length: MESSAGES }, () => "{}"),
    );
    const result = await runProcess(["run", "--workers", "2", "--json"], pipeline);
    expect(result.code, result.stderr).toBe(5);
    expect(outcomeOf(result)).toMatchObject({
      stored: 0,
      workers: 2,
      restarts: 0,
      error: { code: "data.beyond-limit" },
    });
    expect(result.stderr.match(/^error:/gm)).toHaveLength(1);
    // One that was stopped before it had seen enough to halt by itself has finished what it held.
    const left = (await sqs.count(pipeline.queue.url)).total;
    expect(left).toBeGreaterThan(0);
    expect(left + (await pipeline.quarantined()).length).toBe(MESSAGES);
  });
});

describe("a worker that is killed", () => {
  it("is started again; nothing is lost or doubled", async () => {
    const MESSAGES = 1_000;
    // Short, so that what the killed worker held comes back soon.
    await emptyPipeline(sqs, pipeline, 3);
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const run = startCli(["run", "--workers", "2", "--until-empty", "--json"], pipeline);
    await haveStarted(run, 2);
    await until("some rows are stored", async () => (await pipeline.rows()) >= 100);
    const [pid = 0] = pidsOf(run);
    process.kill(pid, "SIGKILL");
    const result = await run.ended;
    expect(result.code, result.stderr).toBe(0);
    expect(outcomeOf(result)).toMatchObject({ workers: 2, restarts: 1 });
    expect(linesOf(result.stderr)).toContainEqual(
      expect.objectContaining({ type: "worker.replaced", worker: 1, signal: "SIGKILL", delayMs: 1_000 }),
    );
    expect(pidsOf(run)).toHaveLength(3);
    expect(await pipeline.rows()).toBe(MESSAGES);
    expect(await distinctUsers(pipeline)).toBe(MESSAGES);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });
});
