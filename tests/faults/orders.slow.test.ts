import { expect, it, onTestFinished } from "vitest";
import { runCli } from "../support/cli.ts";
import { KILL_POINTS, startWorker } from "../support/doomed-worker.ts";
import { createOrderPipeline, itemsUpTo, orderEvents, type OrderPipeline } from "../support/order-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

/** `npm run test:faults` gives a larger number. */
const ORDERS = Number(process.env["PIIPE_ORDERS"] ?? 4_000);
const SENT_AT_ONCE = 2_000;
const CUT_EVERY_MS = 1_500;
const LOOK_EVERY_MS = 200;
const TIMEOUT_MS = 1_800_000;

const sqs = testSqs();

/** Calls `work` again and again until `stop` fires, one call after the other. */
async function repeatedly(everyMs: number, stop: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!stop.aborted) {
    await work();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Ends the connections that write: a worker that is only starting would rather end than wait. */
async function cut(pipeline: OrderPipeline): Promise<number> {
  const rows = await query(
    pipeline.databaseUrl,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() 
       AND (query LIKE '%WITH claimed AS%' OR query = 'COMMIT')`,
  );
  return rows.length;
}

it(
  `no order of ${ORDERS} is ever without its items, and none is lost or doubled, under kills, cuts and redeliveries`,
  async () => {
    const pipeline = await createOrderPipeline(sqs, { VisibilityTimeout: "3" }, "batch: { rows: 200 }");
    onTestFinished(() => pipeline.remove());
    for (let first = 0; first < ORDERS; first += SENT_AT_ONCE) {
      await sqs.send(pipeline.queue.url, orderEvents(first, Math.min(SENT_AT_ONCE, ORDERS - first)));
    }
    const stop = new AbortController();
    let [looks, torn, cuts] = [0, 0, 0];
    const looking = repeatedly(LOOK_EVERY_MS, stop.signal, async () => {
      looks += 1;
      torn += (await pipeline.count()).torn;
    });
    const cutting = repeatedly(CUT_EVERY_MS, stop.signal, async () => void (cuts += await cut(pipeline)));
    const dieAtEachPoint = async (): Promise<void> => {
      for (const point of KILL_POINTS) await startWorker(["run", "--json"], pipeline).killAt(point);
    };
    await Promise.all([dieAtEachPoint(), dieAtEachPoint()]);
    const last = await runCli(["run", "--until-empty", "--json"], pipeline);
    stop.abort();
    await Promise.all([looking, cutting]);
    expect(last.code, last.stderr).toBe(0);
    expect(await pipeline.count()).toEqual({ orders: ORDERS, items: itemsUpTo(ORDERS), torn: 0 });
    expect(torn).toBe(0);
    expect(Math.min(looks, cuts)).toBeGreaterThan(3);
    expect(await pipeline.quarantined()).toEqual([]);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  },
  TIMEOUT_MS,
);
