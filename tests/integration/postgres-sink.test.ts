import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import type { Column, MaskedRecord, WriteOutcome } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { inTransaction } from "../../src/postgres/transaction.ts";
import { checkTable } from "../../src/write/check-table.ts";
import { PostgresSink, type PostgresSinkOptions } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { batchOf, column, record, refusedEvent, SENT_AT_MS } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import {
  createTestDatabase,
  directUrl,
  postgresMajor,
  query,
  renewSessions,
  type TestDatabase,
  withClient,
} from "../support/postgres.ts";
import { until } from "../support/until.ts";

const NEVER = new AbortController().signal;
const STORED: WriteOutcome = { kind: "stored" };
const DUPLICATE: WriteOutcome = { kind: "duplicate" };
const REJECTED: WriteOutcome = {
  kind: "rejected",
  rejection: { code: "database.constraint", path: "n (constraint events_n_check)" },
};

let template: TestDatabase;
let database: TestDatabase;
let pool: PostgresPool;
const pools: PostgresPool[] = [];

function poolOf(url: string, connectionsMax = 4): PostgresPool {
  const opened = openPool({ url: new Secret(url), connectionsMax });
  pools.push(opened);
  return opened;
}

beforeAll(async () => {
  template = await createTestDatabase("migrated");
});

afterAll(() => template.drop());

beforeEach(async () => {
  database = await createTestDatabase(template);
  pool = poolOf(database.url);
});

afterEach(async () => {
  await Promise.all(pools.splice(0).map((opened) => opened.close()));
  await database.drop();
});

async function sql(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
  return query<Record<string, unknown>>(database.url, text, values);
}

async function count(from: string): Promise<number> {
  return Number((await sql(`SELECT count(*) AS n FROM ${from}`))[0]?.["n"]);
}

/** Makes the table and a sink on it, with the checks of a real start. */
async function sinkOn(
  ddl: string,
  columns: readonly Column[],
  via = pool,
  options: Pick<PostgresSinkOptions, "rejectedMax" | "statementTimeoutMs" | "isTrial"> = {},
): Promise<PostgresSink> {
  await sql(ddl);
  return sinkOver("events", columns, via, options);
}

async function sinkOver(
  name: string,
  columns: readonly Column[],
  via = pool,
  options: Pick<PostgresSinkOptions, "rejectedMax" | "statementTimeoutMs" | "isTrial"> = {},
): Promise<PostgresSink> {
  const table = await readTargetTable(via, { schema: null, name });
  checkTable(table, columns, new Map());
  return new PostgresSink({
    pool: via,
    written: writtenOne(table, columns),
    sourceName: "arn:aws:sqs:eu-west-1:000000000000:events",
    claim: "ledger",
    ...options,
  });
}

/** Counts transactions by the connections taken for them. */
function counting(inner: PostgresPool): { readonly pool: PostgresPool; readonly transactions: () => number } {
  let transactions = 0;
  const connect: PostgresPool["connect"] = (abort) => {
    transactions += 1;
    return inner.connect(abort);
  };
  return { pool: { ...inner, connect }, transactions: () => transactions };
}

const NUMBERED = [column("n", "integer")];

function numbered(rows: number): MaskedRecord[] {
  return Array.from({ length: rows }, (_, n) => record([n]));
}

test("a batch is stored once, however often it is written", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  const batch = batchOf(numbered(50));
  expect((await sink.write(batch, NEVER)).records).toEqual(Array(50).fill(STORED));
  expect((await sink.write(batch, NEVER)).records).toEqual(Array(50).fill(DUPLICATE));
  expect(await sql("SELECT count(*)::int AS rows, sum(n)::int AS sum FROM events")).toEqual([{ rows: 50, sum: 1225 }]);
});

test("outcomes are in the batch's order when only some records are new", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  const [first, second, third] = numbered(3) as [MaskedRecord, MaskedRecord, MaskedRecord];
  await sink.write(batchOf([second]), NEVER);
  expect((await sink.write(batchOf([first, second, third]), NEVER)).records).toEqual([STORED, DUPLICATE, STORED]);
});

/** What the table holds, in the order in which it was stored. */
async function storedInOrder(): Promise<unknown[]> {
  return (await sql("SELECT n FROM events ORDER BY seq")).map(({ n }) => n);
}

test("a serial column numbers a batch's rows in the batch's order, also around those that are there already", async () => {
  const sink = await sinkOn("CREATE TABLE events (seq bigserial, n integer)", NUMBERED);
  const records = numbered(1_000);
  await sink.write(batchOf(records.filter((_, n) => n % 10 === 7)), NEVER);
  await sink.write(batchOf(records), NEVER);
  const order = records.map((_, n) => n);
  expect(await storedInOrder()).toEqual([...order.filter((n) => n % 10 === 7), ...order.filter((n) => n % 10 !== 7)]);
});

test("a serial column numbers rows in the batch's order, also when bad ones among them split it", async () => {
  const sink = await sinkOn("CREATE TABLE events (seq bigserial, n integer CHECK (n % 100 <> 50))", NUMBERED);
  const records = numbered(300);
  await sink.write(batchOf(records), NEVER);
  expect(await storedInOrder()).toEqual(records.map((_, n) => n).filter((n) => n % 100 !== 50));
});

test("ids that are no UUIDs are claimed as well", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  const batch = batchOf([record([1], "login:1"), record([2], "login:2"), record([3], 'a,"b\\{}')]);
  expect((await sink.write(batch, NEVER)).records).toEqual([STORED, STORED, STORED]);
  expect((await sink.write(batch, NEVER)).records).toEqual([DUPLICATE, DUPLICATE, DUPLICATE]);
});

test("the same id of another source is another message", async () => {
  await sql("CREATE TABLE events (n integer)");
  const table = await readTargetTable(pool, { schema: null, name: "events" });
  const records = numbered(1);
  for (const sourceName of ["a", "b"]) {
    const sink = new PostgresSink({ pool, written: writtenOne(table, NUMBERED), sourceName, claim: "ledger" });
    expect((await sink.write(batchOf(records), NEVER)).records).toEqual([STORED]);
  }
});

test("an empty batch needs no connection", async () => {
  const counted = counting(pool);
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED, counted.pool);
  expect(await sink.write(batchOf([]), NEVER)).toEqual({ records: [], refused: [] });
  expect(counted.transactions()).toBe(0);
});

test("refused events are quarantined once, in the records' transaction; another receipt is noted", async () => {
  const counted = counting(pool);
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED, counted.pool);
  const event = refusedEvent();
  const outcome = await sink.write(batchOf(numbered(2), [event, refusedEvent("no uuid")]), NEVER);
  expect(outcome).toEqual({ records: [STORED, STORED], refused: Array(2).fill({ kind: "quarantined" }) });
  expect(counted.transactions()).toBe(1);

  const again = await sink.write(batchOf([], [{ ...event, attempt: 3 }]), NEVER);
  expect(again).toEqual({ records: [], refused: [DUPLICATE] });
  const rows = await sql(
    `SELECT source, sent_at, reason, path, attempt, sealed_body, state, last_seen > first_seen AS is_seen_again
     FROM piipe.quarantine WHERE message_id = $1`,
    [event.id],
  );
  expect(rows).toEqual([
    {
      source: "arn:aws:sqs:eu-west-1:000000000000:events",
      sent_at: new Date(SENT_AT_MS),
      reason: "field.type",
      path: "ip",
      attempt: 3,
      sealed_body: Buffer.of(0, 1, 92, 255),
      state: "pending",
      is_seen_again: true,
    },
  ]);
  expect(await count("piipe.quarantine")).toBe(2);
});

test("a COMMIT that PostgreSQL answers with ROLLBACK is no success", async () => {
  await sql("CREATE TABLE events (n integer)");
  const options = { doing: "writing", statementTimeoutMs: 1_000, lockTimeoutMs: 1_000 };
  const writing = inTransaction(pool, options, async (run) => {
    await run("INSERT INTO events VALUES (1)");
    await run("SELECT 1/0").catch(() => {});
  });
  await expect(writing).rejects.toMatchObject({ code: "database.busy", retryable: true });
  expect(await count("events")).toBe(0);
});

test("a statement waits for no session state: settings end with the transaction", async () => {
  const single = poolOf(database.url, 1);
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED, single);
  const before = await single.query("asking", "SELECT current_setting('statement_timeout') AS timeout");
  await sink.write(batchOf(numbered(1)), NEVER);
  const after = await single.query("asking", "SELECT current_setting('statement_timeout') AS timeout");
  expect(after.rows).toEqual(before.rows);
});

test("one bad row in 1,000 is found in 21 transactions, and the others are stored", async () => {
  const counted = counting(pool);
  const sink = await sinkOn("CREATE TABLE events (n integer CHECK (n <> 777))", NUMBERED, counted.pool);
  const { records } = await sink.write(batchOf(numbered(1_000)), NEVER);
  const expected = Array<WriteOutcome>(1_000).fill(STORED);
  expected[777] = REJECTED;
  expect(records).toEqual(expected);
  expect(counted.transactions()).toBeLessThanOrEqual(21);
  expect(await count("events")).toBe(999);
  expect(await count("piipe.ledger")).toBe(999);
});

test("bad rows beside refused events: the refused ones are quarantined with the others, once", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer CHECK (n % 3 > 0))", NUMBERED);
  expect(await sink.write(batchOf(numbered(4), [refusedEvent()]), NEVER)).toEqual({
    records: [REJECTED, STORED, STORED, REJECTED],
    refused: [{ kind: "quarantined" }],
  });
  expect(await count("piipe.quarantine")).toBe(1);
});

test("refused events are not quarantined when every row beside them is bad: the engine judges first", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer CHECK (n < 0))", NUMBERED);
  const outcome = await sink.write(batchOf(numbered(2), [refusedEvent()]), NEVER);
  expect(outcome).toEqual({ records: [REJECTED, REJECTED], refused: [] });
  expect(await count("piipe.quarantine")).toBe(0);
  expect(await count("piipe.ledger")).toBe(0);
});

test("a limit of rejected rows ends the write with the last of them", async () => {
  await sql("CREATE TABLE events (n integer CHECK (n % 10 <> 5))");
  const table = await readTargetTable(pool, { schema: null, name: "events" });
  const sink = new PostgresSink({
    pool,
    written: writtenOne(table, NUMBERED),
    sourceName: "events",
    claim: "ledger",
    rejectedMax: 2,
  });
  const { records } = await sink.write(batchOf(numbered(40)), NEVER);
  expect(records.map(({ kind }) => kind)).toEqual([
    ...Array<string>(5).fill("stored"),
    "rejected",
    ...Array<string>(9).fill("stored"),
    "rejected",
  ]);
  expect(await count("events")).toBe(14);
});

const TEXT = [column("t", "text", { nullable: true })];

test.each([
  ["22001", "CREATE TABLE events (t varchar(4))", "abcde", { code: "database.value", path: null }],
  ["22021", "CREATE TABLE events (t text)", "a\0b", { code: "database.value", path: null }],
  ["23502", "CREATE TABLE events (t text)", null, { code: "database.constraint", path: "t" }],
  [
    "23503",
    "CREATE TABLE known (t text PRIMARY KEY); INSERT INTO known VALUES ('good'); CREATE TABLE events (t text REFERENCES known)",
    "bad",
    { code: "database.constraint", path: "t (constraint events_t_fkey)" },
  ],
  [
    "23503 at COMMIT",
    "CREATE TABLE known (t text PRIMARY KEY); INSERT INTO known VALUES ('good'); CREATE TABLE events (t text REFERENCES known DEFERRABLE INITIALLY DEFERRED)",
    "bad",
    { code: "database.constraint", path: "t (constraint events_t_fkey)" },
  ],
  [
    "23505",
    "CREATE TABLE events (t text UNIQUE); INSERT INTO events VALUES ('taken')",
    "taken",
    { code: "database.constraint", path: "t (constraint events_t_key)" },
  ],
  [
    "23514",
    "CREATE TABLE events (t text CHECK (t <> 'bad'))",
    "bad",
    { code: "database.constraint", path: "t (constraint events_t_check)" },
  ],
  [
    "23514 of a domain",
    "CREATE DOMAIN word AS text CHECK (value <> 'bad'); CREATE TABLE events (t word)",
    "bad",
    { code: "database.constraint", path: "t (constraint word_check)" },
  ],
  [
    "23505 of an index",
    "CREATE TABLE events (t text); CREATE UNIQUE INDEX one_each ON events (t); INSERT INTO events VALUES ('taken')",
    "taken",
    { code: "database.constraint", path: "t (constraint one_each)" },
  ],
  [
    "23514 of a partition",
    "CREATE TABLE events (t text) PARTITION BY LIST (t); CREATE TABLE part PARTITION OF events (CONSTRAINT no_bad CHECK (t <> 'bad')) FOR VALUES IN ('good', 'bad')",
    "bad",
    { code: "database.constraint", path: "t (constraint no_bad)" },
  ],
  [
    "54000",
    "CREATE TABLE events (t text); CREATE INDEX ON events (t)",
    randomBytes(9_000).toString("hex"),
    { code: "database.limit", path: null },
  ],
] as const)("a row that fails with %s is rejected, the other is stored; a trial says so before", async (...refused) => {
  const [sqlState, ddl, bad, rejection] = refused;
  const sink = await sinkOn(ddl, TEXT);
  // With one connection: what a trial looks up must not wait for the trial.
  const trial = await sinkOver("events", TEXT, poolOf(database.url, 1), { isTrial: true });
  const before = await count("events");
  // NOT NULL that came after the start, on a column that the configuration fills.
  if (sqlState === "23502") await sql("ALTER TABLE events ALTER COLUMN t SET NOT NULL");
  const batch = batchOf([record(["good"]), record([bad])]);
  for (const each of [trial, sink]) {
    expect(await count("events")).toBe(before);
    expect((await each.write(batch, NEVER)).records).toEqual([STORED, { kind: "rejected", rejection }]);
  }
  expect(await count("events")).toBe(before + 1);
});

test("a trial finds the rows of a batch that are in each other's way, and leaves neither rows nor claims", async () => {
  const trial = await sinkOn("CREATE TABLE events (n integer UNIQUE)", NUMBERED, pool, { isTrial: true });
  const records = [1, 2, 1, 3, 2, 4].map((n) => record([n]));
  const batch = batchOf(records, [refusedEvent()]);
  const taken = { kind: "rejected", rejection: { code: "database.constraint", path: "n (constraint events_n_key)" } };
  const outcome = { records: [STORED, STORED, taken, STORED, taken, STORED], refused: [{ kind: "quarantined" }] };
  expect(await trial.write(batch, NEVER)).toEqual(outcome);
  for (const table of ["events", "piipe.ledger", "piipe.quarantine"]) expect(await count(table)).toBe(0);
  const sink = await sinkOver("events", NUMBERED);
  expect(await sink.write(batch, NEVER)).toEqual(outcome);
  // What is stored is a duplicate to the next trial.
  expect((await trial.write(batchOf(records), NEVER)).records).toEqual(
    outcome.records.map((each) => (each === taken ? taken : DUPLICATE)),
  );
});

test("a trial tells of rows that a table keeps out, and tries again where it is cut short", async () => {
  const trial = await sinkOn(
    `CREATE TABLE events (n integer);
     CREATE FUNCTION keeps_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       RETURN CASE WHEN NEW.n > 1 THEN NEW END;
     END $$;
     CREATE TRIGGER keeps_out BEFORE INSERT ON events FOR EACH ROW EXECUTE PROCEDURE keeps_out()`,
    NUMBERED,
    pool,
    { isTrial: true },
  );
  const batch = batchOf(numbered(5));
  expect(await trial.write(batch, NEVER)).toMatchObject({ records: Array(5).fill(STORED), skipped: 2 });
  await withClient(database.url, async (other) => {
    await other.query("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE");
    const cut = new AbortController();
    const cutShort = trial.write(batch, cut.signal);
    cut.abort();
    await expect(cutShort).rejects.toMatchObject({ code: "interrupted" });
    await other.query("ROLLBACK");
  });
  expect(await trial.write(batch, NEVER)).toMatchObject({ skipped: 2 });
  expect(await count("events")).toBe(0);
});

test("names of a constraint that a trigger makes up are not shown: they may be a value", async () => {
  const sink = await sinkOn(
    `CREATE TABLE events (t text CONSTRAINT known CHECK (t <> ''));
     CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF NEW.t = 'real' THEN RAISE check_violation USING CONSTRAINT = 'known', TABLE = 'events', SCHEMA = 'public'; END IF;
       RAISE check_violation USING CONSTRAINT = NEW.t, TABLE = 'events', SCHEMA = 'public', COLUMN = NEW.t;
     END $$;
     CREATE TRIGGER refuses BEFORE INSERT ON events FOR EACH ROW EXECUTE PROCEDURE refuses()`,
    TEXT,
  );
  const { records } = await sink.write(batchOf([record(["a@example.org"]), record(["real"])]), NEVER);
  expect(records).toEqual([
    { kind: "rejected", rejection: { code: "database.constraint", path: null } },
    { kind: "rejected", rejection: { code: "database.constraint", path: "t (constraint known)" } },
  ]);
});

const OUT_OF_RANGE = { kind: "rejected", rejection: { code: "database.value", path: null } };

test("values of every type that its column cannot hold are rejected", async () => {
  const columns = [
    column("i", "integer", { nullable: true }),
    column("u", "uuid", { nullable: true }),
    column("d", "date", { nullable: true }),
    column("a", "ip", { nullable: true }),
    column("j", "json", { nullable: true }),
    column("b", "boolean", { nullable: true }),
    column("f", "number", { nullable: true }),
  ];
  const sink = await sinkOn(
    "CREATE TABLE events (i smallint, u uuid, d date, a inet, j jsonb, b boolean, f double precision)",
    columns,
  );
  const bad = [40_000, "no uuid", "2026-02-30", "300.1.1.1", "{", "perhaps", "1e400"];
  const records = bad.map((value, at) => record(bad.map((_, index) => (index === at ? value : null))));
  const good = record(bad.map(() => null));
  expect((await sink.write(batchOf([good, ...records]), NEVER)).records).toEqual([
    STORED,
    ...bad.map(() => OUT_OF_RANGE),
  ]);
});

test("every type arrives as it was sent, whatever the session's TimeZone", async () => {
  const name = new URL(database.url).pathname.slice(1);
  await sql(`ALTER DATABASE ${name} SET timezone = 'America/New_York'`);
  await sql(`ALTER DATABASE ${name} SET datestyle = 'SQL, DMY'`);
  await renewSessions(database.url);
  const columns = [
    column("t", "text"),
    column("i", "integer"),
    column("f", "number"),
    column("b", "boolean"),
    column("ts", "timestamp"),
    column("wall", "timestamp"),
    column("ts_text", "timestamp"),
    column("d", "date"),
    column("d_wall", "date"),
    column("u", "uuid"),
    column("a", "ip"),
    column("v", "version"),
    column("j", "json"),
    column("token", "ip", { mask: "hmac-sha256" }),
  ];
  const sink = await sinkOn(
    `CREATE TABLE events (t varchar(200), i bigint, f double precision, b boolean, ts timestamptz, wall timestamp,
      ts_text text, d date, d_wall timestamp, u uuid, a inet, v integer, j jsonb, token text)`,
    columns,
    poolOf(database.url),
  );
  const text = "'quote' \"double\" \\back\\slash {brace} , comma\n\ttab NULL é 日本 👩‍🚀";
  const instant = "2026-01-31T23:30:00.123456Z";
  const uuid = randomUUID();
  const json = JSON.stringify({ text, list: [1, null, "}"] });
  const values = [
    text,
    Number.MAX_SAFE_INTEGER,
    1e-7,
    true,
    instant,
    instant,
    instant,
    "2026-01-31",
    "2026-01-31",
    uuid,
    "2001:db8::1",
    2_003_000,
    json,
    "h1_token",
  ];
  expect((await sink.write(batchOf([record(values)]), NEVER)).records).toEqual([STORED]);
  const rows =
    await sql(`SELECT t, i::text, f::text, b, to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS ts,
    to_char(wall, 'YYYY-MM-DD HH24:MI:SS.US') AS wall, ts_text, to_char(d, 'YYYY-MM-DD') AS d,
    to_char(d_wall, 'YYYY-MM-DD HH24:MI') AS d_wall, u, host(a) AS a, v, j, token FROM events`);
  expect(rows).toEqual([
    {
      t: text,
      i: "9007199254740991",
      f: "1e-07",
      b: true,
      ts: "2026-01-31 23:30:00.123456",
      wall: "2026-01-31 23:30:00.123456",
      ts_text: instant,
      d: "2026-01-31",
      d_wall: "2026-01-31 00:00",
      u: uuid,
      a: "2001:db8::1",
      v: 2_003_000,
      j: JSON.parse(json),
      token: "h1_token",
    },
  ]);
});

test("NULL and the text NULL stay apart", async () => {
  const sink = await sinkOn("CREATE TABLE events (t text)", TEXT);
  await sink.write(batchOf([record([null]), record(["NULL"]), record([""])]), NEVER);
  expect(await sql("SELECT t FROM events ORDER BY t NULLS FIRST")).toEqual([{ t: null }, { t: "" }, { t: "NULL" }]);
});

test("a read-only server is left for a writable one", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  const name = new URL(database.url).pathname.slice(1);
  const batch = batchOf(numbered(3));
  // The setting holds for connections made after it: take new ones.
  await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await renewSessions(database.url);
  const readOnly = await sinkOver("events", NUMBERED, poolOf(database.url, 1));
  await expect(readOnly.write(batch, NEVER)).rejects.toMatchObject({
    code: "database.unavailable",
    retryable: true,
    sqlState: "25006",
  });
  await withClient(directUrl(database.url), async (client) => {
    await client.query("SET default_transaction_read_only = off");
    await client.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  });
  await renewSessions(database.url);
  expect((await readOnly.write(batch, NEVER)).records).toEqual(Array(3).fill(STORED));
  expect((await sink.write(batch, NEVER)).records).toEqual(Array(3).fill(DUPLICATE));
});

test("a table that goes missing halts, and says which", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  await sql("DROP TABLE events");
  await expect(sink.write(batchOf(numbered(2)), NEVER)).rejects.toMatchObject({
    code: "database.table-missing",
    retryable: false,
  });
  await sql("CREATE TABLE events (n integer); DROP SCHEMA piipe CASCADE");
  await expect(sink.write(batchOf(numbered(2)), NEVER)).rejects.toMatchObject({
    code: "database.not-migrated",
    retryable: false,
  });
});

test.each([
  ["a column is renamed", "ALTER TABLE events RENAME n TO m", "database.table-mismatch"],
  [
    "a NOT NULL column is added that nobody fills",
    "ALTER TABLE events ADD COLUMN m integer; ALTER TABLE events ALTER COLUMN m SET NOT NULL",
    "database.table-mismatch",
  ],
  [
    "the table gives way to a view that takes no rows",
    "ALTER TABLE events RENAME TO other; CREATE VIEW events AS SELECT n, 1 AS one FROM other UNION SELECT n, 2 FROM other",
    "database.refused",
  ],
])("when %s during the run, no row is blamed", async (_, change, code) => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  await sql(change);
  await expect(sink.write(batchOf(numbered(4)), NEVER)).rejects.toMatchObject({ code, retryable: false });
  expect(await count("piipe.ledger")).toBe(0);
});

test("rows that no partition of the target takes are rejected, unless no row has one", async () => {
  const sink = await sinkOn(
    "CREATE TABLE events (n integer) PARTITION BY RANGE (n); CREATE TABLE events_low PARTITION OF events FOR VALUES FROM (0) TO (2)",
    NUMBERED,
  );
  const { records } = await sink.write(batchOf(numbered(4)), NEVER);
  const rejected = { kind: "rejected", rejection: { code: "database.partition", path: null } };
  expect(records).toEqual([{ kind: "stored" }, { kind: "stored" }, rejected, rejected]);
  await sql("DROP TABLE events_low");
  await expect(sink.write(batchOf(numbered(8).slice(4)), NEVER)).rejects.toMatchObject({
    code: "database.refused",
    retryable: false,
    mayBeData: true,
    sqlState: "23514",
  });
});

test("what is tried and rolled back leaves neither a row nor a claim", async () => {
  const sink = await sinkOn(
    "CREATE TABLE events (n integer) PARTITION BY RANGE (n); CREATE TABLE events_high PARTITION OF events FOR VALUES FROM (1) TO (9)",
    NUMBERED,
    pool,
    { rejectedMax: 1 },
  );
  const batch = batchOf(numbered(4));
  expect((await sink.write(batch, NEVER)).records).toMatchObject([{ kind: "rejected" }]);
  expect(await count("events")).toBe(0);
  expect(await count("piipe.ledger")).toBe(0);
});

test.skipIf(postgresMajor() < 11)("what was stored before tells of a row that is alone, when it is asked", async () => {
  const sink = await sinkOn(
    "CREATE TABLE events (n integer UNIQUE) PARTITION BY RANGE (n); CREATE TABLE events_low PARTITION OF events FOR VALUES FROM (0) TO (2)",
    NUMBERED,
  );
  await sink.write(batchOf(numbered(2)), NEVER);
  const alone = batchOf(numbered(3).slice(2));
  await expect(sink.write(alone, NEVER)).rejects.toMatchObject({ sqlState: "23514" });
  expect((await sink.write(alone, NEVER, { earlierTell: true })).records).toMatchObject([{ kind: "rejected" }]);
  expect(await count("events")).toBe(2);
  expect(await count("piipe.ledger")).toBe(2);
});

test("a constraint added to piipe's own tables blames no row", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  await sql("ALTER TABLE piipe.ledger ADD CONSTRAINT strange CHECK (sent_day > '2100-01-01')");
  await expect(sink.write(batchOf(numbered(4)), NEVER)).rejects.toMatchObject({
    code: "database.refused",
    retryable: false,
  });
});

/** Resolves when the sink's backend waits for a lock; gives its process id. */
async function waitingBackend(): Promise<number> {
  for (;;) {
    const rows = await sql(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    );
    if (rows.length > 0) return Number(rows[0]?.["pid"]);
  }
}

test.each(["abort", "pg_terminate_backend"])(
  "a write cut by %s in its statement leaves nothing, and can be run again",
  async (means) => {
    const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
    const batch = batchOf(numbered(5));
    const abort = new AbortController();
    await withClient(database.url, async (blocker) => {
      await blocker.query("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE");
      const writing = expect(sink.write(batch, abort.signal)).rejects.toMatchObject(
        means === "abort" ? { code: "interrupted" } : { code: "database.unavailable", retryable: true },
      );
      const pid = await waitingBackend();
      if (means === "abort") abort.abort();
      else await sql("SELECT pg_terminate_backend($1)", [pid]);
      await writing;
      await blocker.query("COMMIT");
    });
    await sink.write(batch, NEVER);
    expect(await count("events")).toBe(5);
  },
);

describe("statements that take too long", () => {
  const sleepy = (rows: string): string => `
    CREATE TABLE events (n integer);
    CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF ${rows} THEN PERFORM pg_sleep(600); END IF; RETURN NEW;
    END $$;
    CREATE TRIGGER sleep BEFORE INSERT ON events FOR EACH ROW EXECUTE PROCEDURE sleep()`;
  const timedOut = { code: "database.busy", sqlState: "57014", retryable: true };

  test("one row for which it does so again and again is refused alone", async () => {
    const sink = await sinkOn(sleepy("NEW.n = 3"), NUMBERED, pool, { statementTimeoutMs: 100 });
    const batch = batchOf(numbered(20));
    for (let tries = 0; tries < 3; tries += 1) await expect(sink.write(batch, NEVER)).rejects.toMatchObject(timedOut);
    const { records } = await sink.write(batch, NEVER);
    expect(records.map(({ kind }) => kind === "rejected")).toEqual(records.map((_, index) => index === 3));
    expect(records[3]).toEqual({ kind: "rejected", rejection: { code: "database.row", path: null } });
    expect(await count("events")).toBe(19);
  });

  test("a server on which every row does so is asked for few, and blames none", async () => {
    const { pool: counted, transactions } = counting(pool);
    const sink = await sinkOn(sleepy("true"), NUMBERED, counted, { statementTimeoutMs: 20 });
    const batch = batchOf(numbered(50));
    for (let tries = 0; tries < 8; tries += 1) await expect(sink.write(batch, NEVER)).rejects.toMatchObject(timedOut);
    expect(transactions()).toBeLessThan(60);
    await sql("DROP TRIGGER sleep ON events");
    expect((await sink.write(batch, NEVER)).records.every(({ kind }) => kind === "stored")).toBe(true);
  });
});

const SLEEPING = "pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";

test("an abort ends the search for what is missing as well", async () => {
  const abort = new AbortController();
  const slow: PostgresPool = {
    ...pool,
    query: (doing, text, values, signal) =>
      // Only the sink's own question is asked for so long; the table is read through the pool itself.
      pool.query(doing, `SELECT pg_sleep(600)::text FROM (${text}) AS asked`, values, signal),
  };
  await sql("CREATE TABLE events (n integer)");
  const table = await readTargetTable(pool, { schema: null, name: "events" });
  const sink = new PostgresSink({
    pool: slow,
    written: writtenOne(table, NUMBERED),
    sourceName: "events",
    claim: "ledger",
  });
  await sql("DROP TABLE events");
  const writing = expect(sink.write(batchOf(numbered(1)), abort.signal)).rejects.toMatchObject({ sqlState: "42P01" });
  await until("the question is asked", async () => (await count(SLEEPING)) > 0);
  abort.abort();
  await writing;
});

test("an aborted signal writes nothing", async () => {
  const sink = await sinkOn("CREATE TABLE events (n integer)", NUMBERED);
  await expect(sink.write(batchOf(numbered(1)), AbortSignal.abort())).rejects.toMatchObject({ code: "interrupted" });
  expect(await count("events")).toBe(0);
});

test("no error of the database quotes a value", async () => {
  const secret = "canary-7f3a";
  const sink = await sinkOn("CREATE TABLE events (t text)", TEXT);
  await sql(
    "CREATE FUNCTION quote() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', NEW.t; END $$",
  );
  await sql("CREATE TRIGGER quote BEFORE INSERT ON events FOR EACH ROW EXECUTE PROCEDURE quote()");
  const error: unknown = await sink.write(batchOf([record([secret])]), NEVER).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "database.refused", sqlState: "P0001", retryable: false });
  const { inspect } = await import("node:util");
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret);
});
