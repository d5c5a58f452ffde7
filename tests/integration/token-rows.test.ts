import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import type { Column, MaskedRecord } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import type { ClaimName } from "../../src/storage/ledger/claim.ts";
import { checkTable } from "../../src/write/check-table.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { batchOf, record, refusedEvent } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.ts";
import { testColumn } from "../support/test-column.ts";

const NEVER = new AbortController().signal;
const SOURCE = "arn:aws:sqs:eu-west-1:000000000000:events";
const TOKEN: readonly Column[] = [testColumn({ name: "token", type: "text", mask: "hmac-sha256", nullable: true })];

let template: TestDatabase;
let database: TestDatabase;
let pool: PostgresPool;

beforeAll(async () => {
  template = await createTestDatabase("migrated");
});
afterAll(() => template.drop());
beforeEach(async () => {
  database = await createTestDatabase(template);
  pool = openPool({ url: new Secret(database.url), connectionsMax: 10 });
});
afterEach(async () => {
  await pool.close();
  await database.drop();
});

const sql = (text: string): Promise<Record<string, unknown>[]> => query<Record<string, unknown>>(database.url, text);

async function sinkOn(ddl: string | null, columns = TOKEN, claim: ClaimName = "ledger"): Promise<PostgresSink> {
  if (ddl !== null) await sql(ddl);
  const table = await readTargetTable(pool, { schema: null, name: "events" });
  checkTable(table, columns, new Map());
  return new PostgresSink({ pool, written: writtenOne(table, columns), sourceName: SOURCE, claim });
}

/** A record as it is while version 1 is being linked to version 2, in a column with `reveal`. */
function linked(value: number, id?: string): MaskedRecord {
  const oldToken = `h1_${value}`;
  const newToken = `h2_${value}`;
  return {
    ...record([newToken], id),
    links: [{ domain: "events", column: "token", oldToken, newToken }],
    originals: [{ domain: "events", column: "token", token: newToken, sealed: Buffer.from([value % 256, 0, 92, 34]) }],
  };
}

const links = (): Promise<Record<string, unknown>[]> =>
  sql("SELECT column_name, old_token, new_token, domain FROM piipe.key_links ORDER BY old_token");
const originals = (): Promise<Record<string, unknown>[]> =>
  sql("SELECT column_name, token, sealed FROM piipe.vault ORDER BY token");

test("links and sealed originals are stored with the rows, once for each value", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text)");
  await sink.write(batchOf([linked(1), linked(2), linked(1)]), NEVER);
  await sink.write(batchOf([linked(2), linked(3)]), NEVER);
  expect(await links()).toEqual(
    [1, 2, 3].map((n) => ({ column_name: "token", old_token: `h1_${n}`, new_token: `h2_${n}`, domain: "events" })),
  );
  expect(await originals()).toEqual(
    [1, 2, 3].map((n) => ({ column_name: "token", token: `h2_${n}`, sealed: Buffer.from([n, 0, 92, 34]) })),
  );
});

test("a message that comes again does not bring back what was erased", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text)");
  const batch = batchOf([linked(1), linked(2)]);
  await sink.write(batch, NEVER);
  await sql("DELETE FROM piipe.vault; DELETE FROM piipe.key_links; DELETE FROM events");
  await sink.write(batch, NEVER);
  expect([await links(), await originals(), await sql("SELECT * FROM events")]).toEqual([[], [], []]);
});

test("an erased value that a new message brings is stored, linked and sealed anew", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text)");
  await sink.write(batchOf([linked(1)]), NEVER);
  await sql("DELETE FROM piipe.vault; DELETE FROM piipe.key_links; DELETE FROM events");
  await sink.write(batchOf([linked(1)]), NEVER);
  expect([await links(), await originals(), await sql("SELECT * FROM events")].map((rows) => rows.length)).toEqual([
    1, 1, 1,
  ]);
});

test("a row that PostgreSQL refuses leaves neither link nor original", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text CHECK (token <> 'h2_7'))");
  const { records } = await sink.write(batchOf(Array.from({ length: 20 }, (_, n) => linked(n))), NEVER);
  expect(records.filter(({ kind }) => kind === "rejected")).toHaveLength(1);
  expect((await links()).map(({ old_token: token }) => token)).not.toContain("h1_7");
  expect(await links()).toHaveLength(19);
  expect(await originals()).toHaveLength(19);
});

test("eight writers with the same values in other orders do not deadlock", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text)");
  const values = Array.from({ length: 300 }, (_, n) => n);
  // A deadlock would end one of the writes with an error.
  await Promise.all(
    Array.from({ length: 8 }, (_, writer) => {
      const order = values.toSorted((a, b) => ((a * 7919 + writer * 31) % 307) - ((b * 7919 + writer * 31) % 307));
      return sink.write(batchOf(order.map((value) => linked(value))), NEVER);
    }),
  );
  expect(await links()).toHaveLength(values.length);
});

test("every kind of masked value finds its column, typed or not", async () => {
  const columns: readonly Column[] = [
    testColumn({ name: "net", type: "ip", mask: "generalize" }),
    testColumn({ name: "net_text", type: "ip", mask: "generalize" }),
    testColumn({ name: "hour", type: "timestamp", mask: "generalize", precision: "hour" }),
    testColumn({ name: "wall", type: "timestamp", mask: "generalize", precision: "hour" }),
    testColumn({ name: "address", type: "ip", mask: "ipcrypt-deterministic" }),
    testColumn({ name: "gone", type: "text", mask: "drop", nullable: true }),
    testColumn({ name: "const", type: "text", mask: "redact" }),
  ];
  const sink = await sinkOn(
    `CREATE TABLE events (net cidr, net_text text, hour timestamptz, wall timestamp, address inet,
       gone integer DEFAULT 5, const varchar(10))`,
    columns,
  );
  const hour = "2026-01-31T23:00:00.000000Z";
  const values = ["192.0.2.0/24", "2001:db8:1::/48", hour, hour, "100.115.72.131", null, "[redacted]"];
  expect((await sink.write(batchOf([record(values)]), NEVER)).records).toEqual([{ kind: "stored" }]);
  expect(
    await sql(`SELECT net::text, net_text, hour = '2026-01-31 23:00+00' AS hour, wall = '2026-01-31 23:00' AS wall,
       host(address) AS address, gone, const FROM events`),
  ).toEqual([
    {
      net: "192.0.2.0/24",
      net_text: "2001:db8:1::/48",
      hour: true,
      wall: true,
      address: "100.115.72.131",
      gone: null,
      const: "[redacted]",
    },
  ]);
});

test("a replay stores a waiting event once, and nothing that does not wait", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text)");
  const ids = ["waiting", "discarded", 'strange,"id{}'];
  await sink.write(
    batchOf(
      [],
      ids.map((id) => refusedEvent(id)),
    ),
    NEVER,
  );
  await sql("UPDATE piipe.quarantine SET state = 'discarded' WHERE message_id = 'discarded'");
  const replay = await sinkOn(null, TOKEN, "quarantine");
  const batch = batchOf([...ids, "unknown"].map((id) => linked(1, id)));
  const outcomes = await Promise.all([replay.write(batch, NEVER), replay.write(batch, NEVER)]);
  const stored = outcomes.map(({ records }) => records.filter(({ kind }) => kind === "stored").length);
  expect(stored.toSorted()).toEqual([0, 2]);
  expect(await sql("SELECT * FROM events")).toHaveLength(2);
  expect(
    await sql(`SELECT message_id, state, sealed_body IS NULL AS is_gone, settled_at IS NOT NULL AS is_settled
       FROM piipe.quarantine ORDER BY message_id COLLATE "C"`),
  ).toEqual([
    { message_id: "discarded", state: "discarded", is_gone: false, is_settled: false },
    { message_id: 'strange,"id{}', state: "replayed", is_gone: true, is_settled: true },
    { message_id: "waiting", state: "replayed", is_gone: true, is_settled: true },
  ]);
});

test("a replayed row that PostgreSQL refuses goes on waiting", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text CHECK (token <> 'h2_7'))");
  await sink.write(batchOf([], [refusedEvent("a"), refusedEvent("b")]), NEVER);
  const replay = await sinkOn(null, TOKEN, "quarantine");
  const { records } = await replay.write(batchOf([linked(7, "a"), linked(8, "b")]), NEVER);
  expect(records.map(({ kind }) => kind)).toEqual(["rejected", "stored"]);
  expect(await sql("SELECT message_id FROM piipe.quarantine WHERE state = 'pending'")).toEqual([{ message_id: "a" }]);
});

test("a message that the ledger has forgotten, and that is refused anew, waits anew", async () => {
  const sink = await sinkOn("CREATE TABLE events (token text)");
  await sink.write(batchOf([], [refusedEvent("a")]), NEVER);
  const replay = await sinkOn(null, TOKEN, "quarantine");
  await replay.write(batchOf([linked(1, "a")]), NEVER);
  await sql("DELETE FROM piipe.ledger");
  await sink.write(batchOf([], [refusedEvent("a", 9)]), NEVER);
  expect(await sql("SELECT state, attempt, sealed_body, settled_at FROM piipe.quarantine")).toEqual([
    { state: "pending", attempt: 9, sealed_body: Buffer.of(0, 1, 92, 255), settled_at: null },
  ]);
});
