import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openPipeline } from "../../src/app/open-pipeline.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import type { Totals } from "../../src/pipeline/totals.ts";
import type { TelemetryEventType } from "../../src/telemetry/events.ts";
import { type PostgresProxy, type WireEffect, startPostgresProxy } from "../support/postgres-proxy.ts";
import { type TestDatabase, createTestDatabase, query } from "../support/postgres.ts";
import { type SqsProxy, sqsError, startSqsProxy } from "../support/sqs-proxy.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

/** One receive brings them all. */
const MESSAGES = 10;
/** Long enough for a heartbeat in time on a machine that does other work. */
const VISIBILITY_SECONDS = 4;
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" } as const;
const REGION = "us-west-1";
const NO_MESSAGES = { status: 200, body: "{}" } as const;

const sqs = testSqs();
let template: TestDatabase;
beforeAll(async () => {
  template = await createTestDatabase("migrated");
  await query(template.url, "CREATE TABLE events (n integer)");
});
afterAll(async () => {
  await template.drop();
});

interface Scene {
  readonly databaseUrl: string;
  /** Before the slow worker's database. */
  readonly database: PostgresProxy;
  /** Before the slow worker's queue. */
  readonly front: SqsProxy;
  readonly slow: Worker;
  readonly quick: Worker;
}

interface Worker {
  /** Until the queue is empty. */
  run(): Promise<Totals>;
  count(type: TelemetryEventType): number;
}

/** Two workers on one queue and one table, and what they must leave there in any case: each message once. */
async function play(act: (scene: Scene) => Promise<void>): Promise<void> {
  const shared = await createTestDatabase(template);
  const databaseUrl = shared.url;
  const queue = await sqs.createTestQueue();
  const database = await startPostgresProxy(databaseUrl);
  const front = await startSqsProxy(sqs.endpoint);
  const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  const abort = new AbortController();
  const worker = (endpoint: string, url: string): Worker => {
    const counts = new Map<TelemetryEventType, number>();
    const source = {
      sqs: { queue: queue.name, region: REGION, endpoint, visibilityTimeoutSeconds: VISIBILITY_SECONDS },
    };
    const sink = { postgres: { url, table: "events" } };
    const config = parseConfig({ source, sink, columns: { n: { type: "integer" } } }, { baseFolder: folder });
    return {
      count: (type) => counts.get(type) ?? 0,
      async run() {
        const pipeline = await openPipeline(config, {
          keysJson: undefined,
          emit: ({ type }) => void counts.set(type, (counts.get(type) ?? 0) + 1),
          stop: abort.signal,
          untilEmpty: true,
          credentials: CREDENTIALS,
        });
        try {
          return await pipeline.run({ stop: abort.signal, abort: abort.signal });
        } finally {
          await pipeline.close();
        }
      },
    };
  };
  try {
    await sqs.send(
      queue.url,
      Array.from({ length: MESSAGES }, (_, n) => JSON.stringify({ n })),
    );
    const slow = worker(front.endpoint, database.url);
    await act({ databaseUrl, database, front, slow, quick: worker(sqs.endpoint, databaseUrl) });
    const rows = await query<{ n: number }>(databaseUrl, "SELECT n FROM events ORDER BY n");
    expect(rows.map(({ n }) => n)).toEqual([...Array(MESSAGES).keys()]);
    expect(await query(databaseUrl, "SELECT 1 FROM piipe.quarantine")).toEqual([]);
    expect((await sqs.count(queue.url)).total).toBe(0);
  } finally {
    abort.abort();
    await front.stop();
    await database.close();
    await shared.drop();
    await rm(folder, { recursive: true });
  }
}

/** Gets no heartbeat through, and no message twice: its messages become visible again, for others to receive. */
function answerNothingMore(): SqsProxy["answer"] {
  let receives = 0;
  return ({ action }) => {
    if (action === "ChangeMessageVisibilityBatch") return sqsError("InternalFailure", 500);
    if (action !== "ReceiveMessage") return undefined;
    receives += 1;
    return receives === 1 ? undefined : NO_MESSAGES;
  };
}

/** A delay until it is released. */
function hold(): { readonly effect: WireEffect; readonly release: () => void } {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  return { effect: { until: released }, release: () => release() };
}

// Mostly waiting: at once, they take as long as one of them.
describe.concurrent("a database slower than the visibility timeout, beside a quick worker", () => {
  it("the heartbeat keeps to itself what is being written", () =>
    play(async ({ database, slow, quick }) => {
      const { effect, release } = hold();
      database.arm({ point: "before COMMIT arrives", effect });
      const slowRun = slow.run();
      await until("the slow worker is in COMMIT", () => database.fired.size > 0);
      const quickRun = quick.run();
      const startedMs = performance.now();
      const isOverdue = (): boolean => performance.now() - startedMs > VISIBILITY_SECONDS * 1_500;
      await until("the messages would long be visible", isOverdue);
      release();
      expect(await slowRun).toMatchObject({ received: MESSAGES, stored: MESSAGES, deleted: MESSAGES });
      expect((await quickRun).received).toBe(0);
      expect(slow.count("visibility.extended")).toBeGreaterThan(0);
    }));

  it("uncommitted, without a heartbeat: both hold the messages, and the quick one waits for the other's claim", () =>
    play(async ({ databaseUrl, database, front, slow, quick }) => {
      front.answer = answerNothingMore();
      const { effect, release } = hold();
      database.arm({ point: "before COMMIT arrives", effect });
      const slowRun = slow.run();
      await until("the slow worker is in COMMIT", () => database.fired.size > 0);
      const quickRun = quick.run();
      const waiting = `SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%WITH claimed%'`;
      await until("the quick one waits", async () => (await query(databaseUrl, waiting)).length > 0);
      release();
      expect(await slowRun).toMatchObject({ received: MESSAGES, stored: MESSAGES });
      expect(await quickRun).toMatchObject({ stored: 0, duplicate: MESSAGES, deleted: MESSAGES });
    }));

  it("committed, without a heartbeat: both hold the messages, and the quick one finds them in the ledger", () =>
    play(async ({ database, front, slow, quick }) => {
      front.answer = answerNothingMore();
      const { effect, release } = hold();
      database.arm({ point: "before the reply to COMMIT", effect });
      const slowRun = slow.run();
      await until("the slow worker has committed", () => database.fired.size > 0);
      expect(await quick.run()).toMatchObject({ stored: 0, duplicate: MESSAGES, deleted: MESSAGES });
      release();
      expect(await slowRun).toMatchObject({ received: MESSAGES, stored: MESSAGES });
    }));
});
