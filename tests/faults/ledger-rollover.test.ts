import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Secret } from "../../src/config/secret.ts";
import { definePipeline } from "../../src/define-pipeline.ts";
import type { Batch, Clock, WriteOutcome } from "../../src/pipeline/contracts.ts";
import { writeWithRetry } from "../../src/pipeline/write-with-retry.ts";
import { type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import {
  MIGRATED_DAYS_AHEAD,
  addDays,
  keepLedger,
  maintainLedger,
} from "../../src/storage/ledger/ledger-maintenance.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { type InnerPipeline, createInnerPipeline } from "../support/inner-pipeline.ts";
import { batchOf, column, record } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import { type TestDatabase, createTestDatabase, postgresMajor, query } from "../support/postgres.ts";
import { type TestRole, createTestRole } from "../support/roles.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const MS_PER_DAY = 86_400_000;
const NEVER = new AbortController().signal;

let template: TestDatabase;
let database: TestDatabase;
const pools: PostgresPool[] = [];

beforeAll(async () => {
  template = await createTestDatabase("migrated");
  await query(template.url, "CREATE TABLE events (n integer)");
});
afterAll(() => template.drop());
beforeEach(async () => {
  database = await createTestDatabase(template);
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  await database.drop();
});

function poolOf(url: string, connectionsMax = 4): PostgresPool {
  const pool = openPool({ url: new Secret(url), connectionsMax });
  pools.push(pool);
  return pool;
}

/** The days that have a partition. */
async function partitions(url: string): Promise<string[]> {
  const rows = await query<{ day: string }>(
    url,
    `SELECT substr(relname, 8) AS day FROM pg_inherits JOIN pg_class ON oid = inhrelid
     WHERE inhparent = 'piipe.ledger'::regclass AND relname <> 'ledger_default' ORDER BY day`,
  );
  return rows.map(({ day }) => `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`);
}

async function claims(url: string, table = "piipe.ledger"): Promise<number> {
  return Number((await query<{ n: string }>(url, `SELECT count(*) AS n FROM ${table}`))[0]?.n);
}

const daysFrom = (first: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => addDays(first, index));

/** What deploy/postgres/roles.sql grants the workers' user. */
async function createWorkerRole(url: string): Promise<TestRole> {
  const role = await createTestRole(url);
  await query(
    url,
    `GRANT USAGE ON SCHEMA piipe TO ${role.name};
     GRANT SELECT ON piipe.migrations TO ${role.name};
     GRANT SELECT, INSERT, DELETE ON piipe.ledger TO ${role.name};
     GRANT SELECT, INSERT, UPDATE ON piipe.quarantine TO ${role.name};
     GRANT SELECT, INSERT ON piipe.key_checks TO ${role.name};
     GRANT SELECT, INSERT, UPDATE, DELETE ON piipe.workers TO ${role.name};
     GRANT INSERT ON events TO ${role.name}`,
  );
  return role;
}

it("messages from around midnight, redelivered for two weeks while partitions come and go: each stored once", async () => {
  const seed = Date.now() % 1_000_000;
  const random = new SeededRandom(seed);
  const pool = poolOf(database.url, 8);
  const table = await readTargetTable(pool, { schema: null, name: "events" });
  const columns = [column("n", "integer")];
  const sink = new PostgresSink({ pool, written: writtenOne(table, columns), sourceName: "events", claim: "ledger" });
  const firstMidnightMs = Date.UTC(2026, 1, 20);
  const retried: TelemetryEvent[] = [];
  const outcomes: WriteOutcome[] = [];
  const write = async (batch: Batch): Promise<void> => {
    const options = { clock: systemClock, emit: (event: TelemetryEvent) => void retried.push(event) };
    const never = { stop: NEVER, abort: NEVER, failed: NEVER, giveUpAfterMs: null };
    outcomes.push(...(await writeWithRetry(sink, batch, { ...options, ...never })).records);
  };
  const sent: Array<Batch["records"][number]> = [];
  const counts = { created: 0, dropped: 0, failed: 0 };
  const maintain = async (nowMs: number): Promise<void> => {
    const { created, dropped, failure } = await maintainLedger(pool, nowMs);
    counts.created += created;
    counts.dropped += dropped;
    // Waited in vain for the writers: it comes back.
    if (failure !== null) expect(failure, `seed ${seed}`).toMatchObject({ code: "database.busy" });
    if (failure !== null) counts.failed += 1;
  };

  // Over the end of a month and that of daylight saving time in some time zones; longer than the retention.
  for (let day = 0; day < 40; day += 1) {
    const midnightMs = firstMidnightMs + day * MS_PER_DAY;
    for (const offsetMs of [-2, -1, 0, 1, 3_600_000]) {
      sent.push(record([sent.length], undefined, midnightMs + offsetMs));
    }
    const redeliverable = sent.filter(({ sentAtMs }) => sentAtMs > midnightMs - 14 * MS_PER_DAY);
    const writers = [1, 2, 3].map(() => write(batchOf(random.shuffle(redeliverable).slice(0, 40))));
    // Clocks of workers differ: one is still before midnight.
    const maintainers = [maintain(midnightMs - 1_000), maintain(midnightMs + 1_000)];
    await Promise.all([...writers, ...maintainers, write(batchOf(redeliverable.slice(-5)))]);
  }

  const rows = await query<{ n: number }>(database.url, "SELECT n FROM events ORDER BY n");
  expect(
    rows.map(({ n }) => n),
    `seed ${seed}`,
  ).toEqual([...sent.keys()]);
  expect(outcomes.filter(({ kind }) => kind === "stored")).toHaveLength(sent.length);
  expect(outcomes.filter(({ kind }) => kind === "duplicate").length).toBeGreaterThan(sent.length);
  for (const event of retried) expect(event, `seed ${seed}`).toMatchObject({ code: "database.busy" });
  if (postgresMajor() >= 11) {
    expect(counts.created, JSON.stringify(counts)).toBeGreaterThan(19);
    expect(counts.dropped, JSON.stringify(counts)).toBeGreaterThan(10);
  }
});

describe.skipIf(postgresMajor() < 11)("with partitions (PostgreSQL 11 and newer)", () => {
  const sqs = testSqs();
  let pipeline: InnerPipeline;
  beforeAll(async () => {});
  beforeEach(async () => {
    pipeline = await createInnerPipeline(sqs, { template, columns: { n: { type: "integer" } } });
  });
  afterEach(() => pipeline.remove());

  const today = (): string => new Date().toISOString().slice(0, 10);

  it("a run after weeks makes what is missing and drops what has expired, beside its work", async () => {
    const pool = poolOf(pipeline.databaseUrl);
    await maintainLedger(pool, Date.now() - 40 * MS_PER_DAY);
    // One id in a partition, and one of a day that has none.
    for (const age of [41, 60]) {
      const claim = "INSERT INTO piipe.ledger VALUES ($1, 1, $2)";
      await query(pipeline.databaseUrl, claim, [addDays(today(), -age), randomUUID()]);
    }
    await sqs.send(
      pipeline.queue.url,
      Array.from({ length: 200 }, (_, n) => JSON.stringify({ n })),
    );
    const worker = pipeline.start({ untilEmpty: false });
    await until("the ledger is maintained and all is stored", async () => {
      const rows = await query(pipeline.databaseUrl, "SELECT 1 FROM events");
      return rows.length === 200 && worker.events.some(({ type }) => type === "ledger.maintained");
    });
    worker.stop();
    await worker.ended;
    expect(worker.events.filter(({ type }) => type === "ledger.maintenance-failed")).toEqual([]);
    // Of 19 partitions from 55 to 37 days ago; the id without one is deleted alone.
    expect(worker.events).toContainEqual({
      type: "ledger.maintained",
      created: expect.any(Number),
      dropped: 19,
      pruned: 1,
    });
    const days = await partitions(pipeline.databaseUrl);
    // Today's stays in the default partition if the first claim was faster.
    expect(daysFrom(addDays(today(), -15), 19).filter((day) => day !== today() && !days.includes(day))).toEqual([]);
    expect(days.length).toBeLessThanOrEqual(19);
    expect(await claims(pipeline.databaseUrl)).toBe(200);
  });

  it("a worker without rights to make partitions says so, and what to do; everything is stored all the same", async () => {
    const role = await createWorkerRole(pipeline.databaseUrl);
    try {
      await sqs.send(
        pipeline.queue.url,
        Array.from({ length: 50 }, (_, n) => JSON.stringify({ n })),
      );
      const worker = pipeline.start({ untilEmpty: false, databaseUrl: role.url });
      await until("it has tried, and stored all", async () => {
        const rows = await query(pipeline.databaseUrl, "SELECT 1 FROM events");
        return rows.length === 50 && worker.events.some(({ type }) => type === "ledger.maintenance-failed");
      });
      worker.stop();
      expect(await worker.ended).toMatchObject({ stored: 50, deleted: 50 });
      expect(await claims(pipeline.databaseUrl, "piipe.ledger_default")).toBe(50);

      const lines: string[] = [];
      const log = createLog({ write: (line) => lines.push(line), format: "text", level: "warn" });
      for (const event of worker.events) log(event);
      expect(lines).toHaveLength(1);
      for (const part of ["database.denied", "default one", "piipe migrate", "stored once"]) {
        expect(lines[0]).toContain(part);
      }

      // Its owner migrates: every day gets a partition but the one whose ids are in the default partition already.
      const owner = definePipeline({
        source: { sqs: { queue: pipeline.queue.name } },
        sink: { postgres: { url: pipeline.databaseUrl, table: "events" } },
        columns: { n: { type: "integer" } },
      });
      expect((await owner.migrate()).ledger).toEqual({ created: 15 + MIGRATED_DAYS_AHEAD, dropped: 0, pruned: 0 });
      const days = await partitions(pipeline.databaseUrl);
      expect(days.at(-1)).toBe(addDays(today(), MIGRATED_DAYS_AHEAD));
      expect((await owner.migrate()).ledger).toEqual({ created: 0, dropped: 0, pruned: 0 });
    } finally {
      await role.drop();
    }
  });

  it("a worker without rights warns again and again, and ever more rarely", async () => {
    const role = await createWorkerRole(database.url);
    try {
      const lines: string[] = [];
      const stop = new AbortController();
      let hours = 0;
      const clock: Clock = {
        ...systemClock,
        sleep: async () => {
          hours += 1;
          if (hours === 48) stop.abort();
        },
      };
      const log = createLog({ write: (line) => lines.push(line), format: "text", level: "warn" });
      await keepLedger(poolOf(role.url), clock, log, stop.signal);
      expect(lines.map((line) => /\((\d+) times so far\)/.exec(line)?.[1])).toEqual([undefined, "10"]);
    } finally {
      await role.drop();
    }
  });

  it("with `piipe migrate` once a week and no rights, ids of all later days are in partitions, and none stays too long", async () => {
    const role = await createWorkerRole(database.url);
    try {
      const [owner, worker] = [poolOf(database.url), poolOf(role.url)];
      const firstMs = Date.UTC(2026, 2, 1, 12);
      const dayOf = (day: number): string => addDays("2026-03-01", day);
      const failures = [];
      for (let day = 0; day < 60; day += 1) {
        const nowMs = firstMs + day * MS_PER_DAY;
        // The first day begins without a partition.
        await worker.query("claiming", "INSERT INTO piipe.ledger VALUES ($1::date, 1, $2::uuid)", [
          dayOf(day),
          randomUUID(),
        ]);
        if (day % 7 === 0) {
          const { failure } = await maintainLedger(owner, nowMs, undefined, MIGRATED_DAYS_AHEAD);
          expect(failure).toBeNull();
        }
        failures.push((await maintainLedger(worker, nowMs)).failure?.code);
      }
      expect(await claims(database.url, "piipe.ledger_default")).toBe(0);
      const kept = await query<{ day: string }>(
        database.url,
        "SELECT to_char(sent_day, 'YYYY-MM-DD') AS day FROM piipe.ledger ORDER BY 1",
      );
      expect(kept.map(({ day }) => day)).toEqual(daysFrom(dayOf(59 - 16), 17));
      // It may not drop what has expired, and deletes its rows; the next migration drops it.
      expect(new Set(failures)).toEqual(new Set([undefined, "database.denied"]));
      expect((await partitions(database.url)).length).toBeLessThanOrEqual(16 + 1 + MIGRATED_DAYS_AHEAD + 7);
    } finally {
      await role.drop();
    }
  });
});
