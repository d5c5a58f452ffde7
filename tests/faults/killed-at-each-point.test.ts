import { expect, it, onTestFinished } from "vitest";
import { KILL_POINTS, startWorker } from "../support/doomed-worker.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { testSqs } from "../support/sqs.ts";

const BATCH_ROWS = 40;

const sqs = testSqs();

it("a worker killed at a point has stored and deleted what the point says", async () => {
  // Long: what one of them held does not come back to the next.
  const pipeline = await createLoginPipeline(sqs, {
    queueAttributes: { VisibilityTimeout: "600" },
    settings: `batch: { rows: ${BATCH_ROWS} }`,
  });
  onTestFinished(() => pipeline.remove());
  let sent = 0;
  const left: Record<string, { stored: boolean; deleted: "none" | "some" | "all" }> = {};
  for (const point of KILL_POINTS) {
    const before = { rows: await pipeline.rows(), queued: (await sqs.count(pipeline.queue.url)).total };
    // A worker begins with a few: some of what follows fills batches, whose deletes take several requests.
    const events = loginEvents(sent + 4 * BATCH_ROWS).slice(sent);
    sent += events.length;
    await sqs.send(pipeline.queue.url, events);
    await startWorker(["run", "--json"], pipeline).killAt(point);
    const stored = (await pipeline.rows()) - before.rows;
    const deleted = before.queued + events.length - (await sqs.count(pipeline.queue.url)).total;
    left[point] = { stored: stored > 0, deleted: deleted === 0 ? "none" : deleted < stored ? "some" : "all" };
  }
  const nothing = { stored: false, deleted: "none" };
  expect(left).toEqual({
    received: nothing,
    masked: nothing,
    claimed: nothing,
    "before COMMIT": nothing,
    "after COMMIT": { stored: true, deleted: "none" },
    "mid-delete": { stored: true, deleted: "some" },
  });
});
