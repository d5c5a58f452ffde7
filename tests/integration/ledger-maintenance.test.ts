import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import type { WriteOutcome } from "../../src/pipeline/contracts.ts";
import { type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import { addDays, maintainLedger } from "../../src/storage/ledger/ledger-maintenance.ts";
import { migrate } from "../../src/storage/schema/migrations.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { batchOf, column, record } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import { type TestDatabase, createTestDatabase, postgresMajor, query, withClient } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { until } from "../support/until.ts";

const NOW_MS = Date.UTC(2026, 5, 15, 12);
const TODAY = "2026-06-15";

let database: TestDatabase;
let pool: PostgresPool;

beforeEach(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: new Secret(database.url), connectionsMax: 4 });
  await migrate(pool);
});

afterEach(async () => {
  await pool.close();
  await database.drop();
});

async function claim(day: string, rows = 1): Promise<void> {
  const ids = Array.from({ length: rows }, () => randomUUID());
  await query(database.url, "INSERT INTO piipe.ledger SELECT $1::date, 1, unnest($2::uuid[])", [day, ids]);
}

async function claims(from = "piipe.ledger"): Promise<string[]> {
  const rows = await query<{ day: string }>(
    database.url,
    `SELECT DISTINCT to_char(sent_day, 'YYYY-MM-DD') AS day FROM ${from} ORDER BY day`,
  );
  return rows.map(({ day }) => day);
}

async function partitions(): Promise<string[]> {
  const rows = await query<{ name: string }>(
    database.url,
    `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid
     WHERE inhparent = 'piipe.ledger'::regclass AND relname <> 'ledger_default' ORDER BY name`,
  );
  return rows.map(({ name }) => name);
}

const NOTHING = { created: 0, dropped: 0, pruned: 0, hasMore: false, failure: null };

test("rows older than 16 days go, the others stay", async () => {
  for (const age of [0, 1, 16, 17, 40]) await claim(addDays(TODAY, -age));
  const { failure } = await maintainLedger(pool, NOW_MS);
  expect(failure).toBeNull();
  expect(await claims()).toEqual([addDays(TODAY, -16), addDays(TODAY, -1), TODAY]);
});

test("more rows than one round deletes", async () => {
  await claim("2026-01-01", 25_000);
  expect(await maintainLedger(pool, NOW_MS)).toMatchObject({ pruned: 25_000, hasMore: false });
});

test("a stop ends it while it waits for the server", async () => {
  const stop = new AbortController();
  await withClient(database.url, async (blocker) => {
    await blocker.query("BEGIN; LOCK TABLE pg_catalog.pg_inherits IN ACCESS EXCLUSIVE MODE");
    const maintaining = expect(maintainLedger(pool, NOW_MS, stop.signal)).rejects.toMatchObject({
      code: "interrupted",
    });
    await until("it waits for the lock", async () => {
      const { rows } = await blocker.query(
        "SELECT 1 FROM pg_locks WHERE relation = 'pg_inherits'::regclass AND NOT granted",
      );
      return rows.length > 0;
    });
    stop.abort();
    await maintaining;
    await blocker.query("ROLLBACK");
  });
});

test("a worker's clock that runs ahead of the database's drops nothing that is live", async () => {
  const today = new Date().toISOString().slice(0, 10);
  await claim(today);
  await maintainLedger(pool, Date.now() + 400 * 86_400_000);
  expect(await claims()).toEqual([today]);
});

test("without the schema it says what to do", async () => {
  await query(database.url, "DROP SCHEMA piipe CASCADE");
  await expect(maintainLedger(pool, NOW_MS)).rejects.toMatchObject({ code: "database.not-migrated" });
});

test("without rights it reports, and claims go on", async () => {
  const role = await createTestRole(database.url);
  await query(database.url, `GRANT USAGE ON SCHEMA piipe TO ${role.name}`);
  await query(database.url, `GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA piipe TO ${role.name}`);
  await claim("2026-01-01");
  const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
  try {
    const report = await maintainLedger(limited, NOW_MS);
    // Deleting rows needs no ownership.
    expect(report).toMatchObject({ created: 0, dropped: 0, pruned: 1 });
    if (postgresMajor() >= 11) expect(report.failure).toMatchObject({ code: "database.denied" });
    await limited.query("claiming", "INSERT INTO piipe.ledger VALUES ($1::date, 1, $2::uuid)", [TODAY, randomUUID()]);
    expect(await claims()).toEqual([TODAY]);
  } finally {
    await limited.close();
    await role.drop();
  }
});

describe.skipIf(postgresMajor() < 11)("with partitions (PostgreSQL 11 and newer)", () => {
  test("partitions are made from 15 days back to 3 days ahead, once", async () => {
    expect(await maintainLedger(pool, NOW_MS)).toEqual({ ...NOTHING, created: 19 });
    const names = await partitions();
    expect([names[0], names.at(-1), names.length]).toEqual(["ledger_20260531", "ledger_20260618", 19]);
    expect(await maintainLedger(pool, NOW_MS)).toEqual(NOTHING);
    await claim(TODAY);
    expect(await claims("piipe.ledger_20260615")).toEqual([TODAY]);
  });

  test("the next day makes one and drops what is too old", async () => {
    await maintainLedger(pool, NOW_MS);
    const later = NOW_MS + 5 * 86_400_000;
    expect(await maintainLedger(pool, later)).toEqual({ ...NOTHING, created: 5, dropped: 4 });
    expect((await partitions())[0]).toBe("ledger_20260604");
  });

  test("a day whose claims are in the default partition already stays there", async () => {
    await claim(TODAY);
    expect(await maintainLedger(pool, NOW_MS)).toEqual({ ...NOTHING, created: 18 });
    expect(await partitions()).not.toContain("ledger_20260615");
    await claim(TODAY);
    expect(await claims("piipe.ledger_default")).toEqual([TODAY]);
  });

  test("many workers at once make each partition once", async () => {
    const reports = await Promise.all(Array.from({ length: 4 }, () => maintainLedger(pool, NOW_MS)));
    expect(reports.map(({ failure }) => failure)).toEqual([null, null, null, null]);
    expect(reports.reduce((sum, { created }) => sum + created, 0)).toBeLessThanOrEqual(19);
    await maintainLedger(pool, NOW_MS);
    expect(await partitions()).toHaveLength(19);
  });

  test("a partition in use is left for the next time, and its writers do not wait for long", async () => {
    await maintainLedger(pool, NOW_MS);
    await withClient(database.url, async (writer) => {
      await writer.query("BEGIN");
      await writer.query("INSERT INTO piipe.ledger VALUES ('2026-05-31', 1, $1)", [randomUUID()]);
      const report = await maintainLedger(pool, NOW_MS + 2 * 86_400_000);
      expect(report).toMatchObject({
        dropped: 0,
        failure: { code: "database.busy", sqlState: "55P03", retryable: true },
      });
      await writer.query("COMMIT");
    });
    expect((await maintainLedger(pool, NOW_MS + 2 * 86_400_000)).dropped).toBe(1);
  });

  test("while a dump reads the ledger it reports, throws nothing, and still prunes", async () => {
    await claim("2026-01-01");
    await withClient(database.url, async (dump) => {
      // As pg_dump does with every table, until it ends.
      await dump.query("BEGIN; LOCK TABLE piipe.ledger, piipe.ledger_default IN ACCESS SHARE MODE");
      expect(await maintainLedger(pool, NOW_MS)).toMatchObject({
        created: 0,
        pruned: 1,
        failure: { code: "database.busy", sqlState: "55P03", retryable: true },
      });
      await dump.query("COMMIT");
    });
    expect(await maintainLedger(pool, NOW_MS)).toEqual({ ...NOTHING, created: 19 });
  });

  test("messages are stored once while partitions come and go under the writers", async () => {
    await query(database.url, "CREATE TABLE events (n integer)");
    const columns = [column("n", "integer")];
    const table = await readTargetTable(pool, { schema: null, name: "events" });
    const sink = new PostgresSink({ pool, written: writtenOne(table, columns), sourceName: "events", claim: "ledger" });
    const never = new AbortController().signal;
    // Some days get a partition, and some stay in the default one, whoever comes first.
    const batches = Array.from({ length: 40 }, (_, batch) =>
      batchOf(
        Array.from({ length: 20 }, (_row, row) =>
          record([batch * 20 + row], undefined, NOW_MS - (row % 18) * 86_400_000),
        ),
      ),
    );
    await claim("2026-01-01");
    const queue = [...batches, ...batches];
    const outcomes: WriteOutcome[] = [];
    const writer = async (): Promise<void> => {
      for (let batch = queue.shift(); batch; batch = queue.shift()) {
        outcomes.push(...(await sink.write(batch, never)).records);
      }
    };
    const writing = Promise.all([writer(), writer(), writer()]);
    const reports = [];
    for (let day = 0; day < 4; day += 1) reports.push(await maintainLedger(pool, NOW_MS + (day - 3) * 86_400_000));
    await writing;
    expect(outcomes.filter(({ kind }) => kind === "stored")).toHaveLength(800);
    expect(
      await query(database.url, "SELECT count(*)::int AS rows, count(DISTINCT n)::int AS ids FROM events"),
    ).toEqual([{ rows: 800, ids: 800 }]);
    expect(reports.some(({ created }) => created > 0)).toBe(true);
  });
});
