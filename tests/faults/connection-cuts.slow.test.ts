import { afterEach, beforeEach, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { type PostgresProxy, startPostgresProxy } from "../support/postgres-proxy.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;
let proxy: PostgresProxy;
beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs, { settings: "batch: { rows: 50 }" });
  proxy = await startPostgresProxy(pipeline.databaseUrl);
});
afterEach(async () => {
  await proxy.close();
  await pipeline.remove();
});

/** Runs until the queue is empty. */
async function drain(messages: number): Promise<void> {
  await sqs.send(pipeline.queue.url, loginEvents(messages));
  const environment = { ...pipeline.environment, DATABASE_URL: proxy.url };
  const { code, stderr } = await runCli(["run", "--until-empty", "--json"], { ...pipeline, environment });
  expect(code, stderr).toBe(0);
  const counts = "SELECT count(*)::integer AS rows, count(DISTINCT user_id)::integer AS users FROM user_logins";
  expect(await query(pipeline.databaseUrl, counts)).toEqual([{ rows: messages, users: messages }]);
  expect(await pipeline.quarantined()).toEqual([]);
  expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
}

// Up to a minute and a half, when the worker takes the dead connection for its last word.
it("a run whose connection is dead after the last COMMIT ends all the same", async () => {
  proxy.arm({ point: "after the reply to COMMIT", effect: "half-open" });
  await drain(20);
  expect(proxy.fired).toEqual(new Map([["half-open after the reply to COMMIT", 1]]));
});
