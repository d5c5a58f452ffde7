import { expect, it, onTestFinished } from "vitest";
import { drainLogins } from "../support/drain-logins.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { startPostgresProxy } from "../support/postgres-proxy.ts";
import { testSqs } from "../support/sqs.ts";

// Up to a minute and a half, when the worker takes the dead connection for its last word.
it("a run whose connection is dead after the last COMMIT ends all the same", async () => {
  const pipeline = await createLoginPipeline(testSqs(), { settings: "batch: { rows: 50 }" });
  onTestFinished(() => pipeline.remove());
  const proxy = await startPostgresProxy(pipeline.databaseUrl);
  onTestFinished(() => proxy.close());
  proxy.arm({ point: "after the reply to COMMIT", effect: "half-open" });
  await drainLogins(pipeline, 20, proxy.url);
  expect(proxy.fired).toEqual(new Map([["half-open after the reply to COMMIT", 1]]));
});
