import { expect, it, onTestFinished } from "vitest";
import { runCli } from "../support/cli.ts";
import { KILL_POINTS, startWorker } from "../support/doomed-worker.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const MESSAGES = 2_500;
/** Short, so that what a killed worker held comes back soon. */
const VISIBILITY_SECONDS = 3;
/** A worker holds five batches at most: the next one must find messages in the queue. */
const BATCH_ROWS = 40;

const sqs = testSqs();

async function dieAtEachPoint(pipeline: LoginPipeline): Promise<void> {
  // Those that leave stored messages in the queue come last: the worker that survives meets these.
  for (const point of KILL_POINTS) await startWorker(["run", "--json"], pipeline).killAt(point);
}

it("two workers at a time, killed and replaced at every point of their work, lose and double nothing", async () => {
  const pipeline = await createLoginPipeline(sqs, {
    queueAttributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) },
    settings: `batch: { rows: ${BATCH_ROWS} }`,
  });
  onTestFinished(() => pipeline.remove());
  await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
  await Promise.all([dieAtEachPoint(pipeline), dieAtEachPoint(pipeline)]);
  expect(await pipeline.rows()).toBeLessThan(MESSAGES);

  const last = await runCli(["run", "--until-empty", "--json"], pipeline);
  expect(last.code).toBe(0);
  const { received, stored, duplicate, deleted } = JSON.parse(last.stdout) as Record<string, number>;
  expect(duplicate).toBeGreaterThan(0);
  expect({ stored, deleted }).toEqual({ stored: (received ?? 0) - (duplicate ?? 0), deleted: received });
  const counts = "SELECT count(*)::integer AS rows, count(DISTINCT user_id)::integer AS users FROM user_logins";
  expect(await query(pipeline.databaseUrl, counts)).toEqual([{ rows: MESSAGES, users: MESSAGES }]);
  expect(await query(pipeline.databaseUrl, "SELECT count(*)::integer AS ids FROM piipe.ledger")).toEqual([
    { ids: MESSAGES },
  ]);
  expect(await pipeline.quarantined()).toEqual([]);
  expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
});
