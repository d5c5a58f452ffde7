import { expect, it, onTestFinished } from "vitest";
import { startCommand } from "../support/cli.ts";
import { startWorker } from "../support/doomed-worker.ts";
import { createOrderPipeline, itemsUpTo, orderEvents } from "../support/order-pipeline.ts";
import { testSqs } from "../support/sqs.ts";

const ORDERS = 400;

const sqs = testSqs();

it("an order is stored with all of its items or not at all, and once, when its worker is killed on either side of COMMIT", async () => {
  const pipeline = await createOrderPipeline(sqs, { VisibilityTimeout: "2" }, "batch: { rows: 100 }");
  onTestFinished(() => pipeline.remove());
  await sqs.send(pipeline.queue.url, orderEvents(0, ORDERS));
  await startWorker(["run"], pipeline).killAt("claimed");
  expect(await pipeline.count()).toEqual({ orders: 0, items: 0, torn: 0 });
  await startWorker(["run"], pipeline).killAt("after COMMIT");
  const stored = await pipeline.count();
  expect(stored).toMatchObject({ torn: 0 });
  expect(stored.orders).toBeGreaterThan(0);
  const last = startCommand(["run", "--until-empty", "--json"], pipeline);
  expect(await last.ended).toMatchObject({ code: 0 });
  expect(await pipeline.count()).toEqual({ orders: ORDERS, items: itemsUpTo(ORDERS), torn: 0 });
  expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
});
