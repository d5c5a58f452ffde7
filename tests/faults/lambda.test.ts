import { expect, it, onTestFinished } from "vitest";
import { workOff } from "../support/function-chaos.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { testSqs } from "../support/sqs.ts";
import { distinctUsers } from "../support/worker-run.ts";

const MESSAGES = 250;

const sqs = testSqs();

it("a function whose time ends, whose answers are lost and whose database goes away stores each event once", async () => {
  const seed = Date.now() % 1_000_000;
  console.info(`seed ${seed}`);
  const pipeline = await createLoginPipeline(sqs, {
    queueAttributes: { VisibilityTimeout: "20" },
    settings: "batch: { rows: 25 }",
  });
  onTestFinished(() => pipeline.remove());
  await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
  const batchSizes = [10, 60, 120];
  const report = await workOff(pipeline, { seed, messages: MESSAGES, environments: 2, batchSizes, hasProcess: false });
  expect(report.outages).toBe(2);
  expect(await pipeline.rows()).toBe(MESSAGES);
  expect(await distinctUsers(pipeline)).toBe(MESSAGES);
  expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
});
