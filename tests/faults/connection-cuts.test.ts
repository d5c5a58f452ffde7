import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import type { Batch, WriteOutcome } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { checkTable } from "../../src/write/check-table.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { drainLogins } from "../support/drain-logins.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { batchOf, column, record } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import { type PostgresProxy, startPostgresProxy, WIRE_POINTS, type WirePoint } from "../support/postgres-proxy.ts";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const NEVER = new AbortController().signal;
const STORED: WriteOutcome = { kind: "stored" };
const DUPLICATE: WriteOutcome = { kind: "duplicate" };

describe("a connection in the middle of a write", () => {
  const ROWS = 20;
  /** In place of a minute and a half: how long a reply may take until its connection counts as dead. */
  const REPLY_TIMEOUT_MS = 1_500;
  const DELAY_MS = 50;
  const COLUMNS = [column("test", "uuid"), column("n", "integer")];
  /** The server has committed. */
  const IS_COMMITTED: ReadonlySet<WirePoint> = new Set(["before the reply to COMMIT", "after the reply to COMMIT"]);

  let database: TestDatabase;
  let proxy: PostgresProxy;
  let pool: PostgresPool;
  let sink: PostgresSink;
  /** Tells the rows of one test from those of the others. */
  let mark: string;
  let batch: Batch;
  beforeAll(async () => {
    database = await createTestDatabase("migrated");
    await query(database.url, "CREATE TABLE events (test uuid, n integer)");
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    proxy = await startPostgresProxy(database.url);
    pool = openPool({ url: new Secret(proxy.url), connectionsMax: 2, replyTimeoutMs: REPLY_TIMEOUT_MS });
    const table = await readTargetTable(pool, { schema: null, name: "events" });
    checkTable(table, COLUMNS, new Map());
    sink = new PostgresSink({ pool, written: writtenOne(table, COLUMNS), sourceName: "events", claim: "ledger" });
    mark = randomUUID();
    batch = batchOf(Array.from({ length: ROWS }, (_, n) => record([mark, n])));
  });
  afterEach(async () => {
    await pool.close();
    await proxy.close();
  });

  const write = async (): Promise<readonly WriteOutcome[]> => (await sink.write(batch, NEVER)).records;
  const numbers = async (): Promise<readonly number[]> => {
    const rows = await query<{ n: number }>(database.url, "SELECT n FROM events WHERE test = $1 ORDER BY n", [mark]);
    return rows.map(({ n }) => n);
  };
  const each = (outcome: WriteOutcome): readonly WriteOutcome[] => Array<WriteOutcome>(ROWS).fill(outcome);

  describe.each(WIRE_POINTS)("%s", (point) => {
    it.each(["cut", "half-open"] as const)("%s: the same batch again tells what became of it", async (effect) => {
      proxy.arm({ point, effect });
      if (point === "after the reply to COMMIT") {
        expect(await write()).toEqual(each(STORED));
        // Until the pool has noticed, it may give out the dead connection once more.
        await write().catch((error: unknown) => expect(error).toMatchObject({ code: "database.unreachable" }));
      } else {
        await expect(write()).rejects.toMatchObject({ code: "database.unreachable", retryable: true });
      }
      expect(proxy.fired).toEqual(new Map([[`${effect} ${point}`, 1]]));
      expect(await write()).toEqual(each(IS_COMMITTED.has(point) ? DUPLICATE : STORED));
      expect(await numbers()).toEqual([...Array(ROWS).keys()]);
    });

    it("late: it is waited for", async () => {
      proxy.arm({ point, effect: { delayMs: DELAY_MS } });
      const startedMs = performance.now();
      expect(await write()).toEqual(each(STORED));
      expect(await write()).toEqual(each(DUPLICATE));
      // A timer may fire a millisecond early.
      expect(performance.now() - startedMs).toBeGreaterThan(DELAY_MS - 2);
      expect(proxy.fired).toEqual(new Map([[`delay ${point}`, 1]]));
    });
  });
});

describe("a run whose connections are", () => {
  const CUTS_AT_EACH = 2;

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

  it("cut at every point stores every message once", async () => {
    const { duplicate } = await drainLogins(pipeline, 1_500, proxy.url, () => {
      // Not before: a start that loses its connection ends.
      for (const point of WIRE_POINTS) {
        for (let cut = 0; cut < CUTS_AT_EACH; cut += 1) proxy.arm({ point, effect: "cut" });
      }
    });
    expect(proxy.fired).toEqual(new Map(WIRE_POINTS.map((point) => [`cut ${point}`, CUTS_AT_EACH])));
    // Committed, but not known to be: their batch was written again.
    expect(duplicate).toBeGreaterThan(0);
  });
});
