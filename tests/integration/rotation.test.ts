import { createHash, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Secret } from "../../src/config/secret.ts";
import type { Keyring } from "../../src/keys/keyring.ts";
import { isMasked, type MaskedColumn } from "../../src/mask/column-tokens.ts";
import { rewrapOf, type RewriteKeys, takeoverOf } from "../../src/mask/token-rewrites.ts";
import { valueTokensOf } from "../../src/mask/value-tokens.ts";
import type { Column, MaskName, MaskedRecord, TokenRewrite } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { rewriteTokens, type RewriteReport } from "../../src/storage/rotation/rewrite-tokens.ts";
import { checkTable } from "../../src/write/check-table.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { keyringOf } from "../support/keyring-of.ts";
import { maskOf, writtenOne } from "../support/one-table.ts";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.ts";
import { testColumn } from "../support/test-column.ts";
import { columnPlace } from "../support/token-place.ts";

const NEVER = new AbortController().signal;
const DOMAIN = "logins";
const BATCH_ROWS = 1_000;
const EVENTS = 50_000;

/** Who sent which device's id. What a value is, only this file knows: the table has tokens. */
interface Login {
  readonly user: number;
  readonly value: string;
}

let template: TestDatabase;
let database: TestDatabase;
let pool: PostgresPool;
let logins: Login[];
let random: () => number;

beforeAll(async () => {
  template = await createTestDatabase("migrated");
});
afterAll(() => template.drop());

beforeEach(async () => {
  database = await createTestDatabase(template);
  pool = openPool({ url: new Secret(database.url), connectionsMax: 4 });
  logins = [];
  random = seededRandom(20_260_131);
});
afterEach(async () => {
  await pool.close();
  await database.drop();
});

const sql = (text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
  query<Record<string, unknown>>(database.url, text, values);

function maskedColumn(mask: MaskName): MaskedColumn {
  const column = testColumn({ name: "device", type: "text", mask });
  if (!isMasked(column)) throw new Error("no mask");
  return column;
}
const columnsWith = (mask: MaskName): readonly Column[] => [
  testColumn({ name: "user_id", type: "integer" }),
  maskedColumn(mask),
];

const TABLE = "CREATE TABLE logins (user_id bigint, device text)";

/** A worker with a keyring: masks and writes as a run does. */
interface Worker {
  readonly write: (values: readonly string[]) => Promise<void>;
}

async function workerWith(keyring: Keyring, mask: MaskName = "hmac-sha256"): Promise<Worker> {
  const columns = columnsWith(mask);
  const table = await readTargetTable(pool, { schema: null, name: "logins" });
  checkTable(table, columns, new Map());
  const sink = new PostgresSink({
    pool,
    written: writtenOne(table, columns),
    sourceName: "arn:aws:sqs:x:0:logins",
    claim: "ledger",
  });
  const toMasked = maskOf(columns, { keyring, domain: DOMAIN, seal: null });
  return {
    async write(values) {
      for (let at = 0; at < values.length; at += BATCH_ROWS) {
        const records = values.slice(at, at + BATCH_ROWS).map((value): MaskedRecord => {
          const user = logins.push({ user: logins.length + 1, value });
          const raw = {
            id: randomUUID(),
            sentAtMs: Date.now(),
            values: [user, value],
            unknownFields: [],
            businessId: null,
          };
          const masked = toMasked(raw);
          if (!masked.ok) throw new Error(`refused: ${masked.error.code}`);
          return masked.value;
        });
        const { records: outcomes } = await sink.write({ records, refused: [] }, NEVER);
        expect(outcomes.every(({ kind }) => kind === "stored")).toBe(true);
      }
    },
  };
}

/**
 * Devices as they occur: most once or twice, some hundreds of times. With a range so wide that many are seen only before,
 * only after, or on both sides of a rotation.
 */
const devices = (count: number): readonly string[] =>
  Array.from({ length: count }, () => `device-${Math.floor(random() ** 3 * EVENTS)}`);

/** Users of the same device, as the events had it. */
function trueGroups(): readonly string[] {
  const users = new Map<string, number[]>();
  for (const { user, value } of logins) {
    const group = users.get(value);
    if (group) group.push(user);
    else users.set(value, [user]);
  }
  return [...users.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.join(","))
    .toSorted();
}

/** Users of the same device, as the database shows it. */
async function foundGroups(token: string): Promise<readonly string[]> {
  const rows = await sql(
    `SELECT string_agg(user_id::text, ',' ORDER BY user_id) AS users FROM logins GROUP BY ${token} HAVING count(*) > 1`,
  );
  return rows.map(({ users }) => String(users)).toSorted();
}
const LINKED = "piipe.canonical('device', device)";

/** How many of the groups have members before and after the login with this number: those that a rotation could lose. */
const spanning = (groups: readonly string[], boundary: number): number =>
  groups.filter((group) => {
    const users = group.split(",").map(Number);
    return (users[0] ?? 0) <= boundary && (users.at(-1) ?? 0) > boundary;
  }).length;

function rewrite(what: TokenRewrite | null, options: { readonly stopAfter?: number } = {}): Promise<RewriteReport> {
  if (what === null) throw new Error("cannot be rewritten");
  const stop = new AbortController();
  let batches = 0;
  return rewriteTokens(
    pool,
    { table: { schema: null, name: "logins" }, place: columnPlace("device"), replaceInside: null, rewrite: what },
    {
      clock: systemClock,
      stop: stop.signal,
      abort: NEVER,
      onProgress: () => {
        batches += 1;
        if (batches === options.stopAfter) stop.abort();
      },
    },
  );
}

const keysOf = (keyring: Keyring): RewriteKeys =>
  ({ keyring, primary: keyring.primary, domain: DOMAIN }) as RewriteKeys;

test("link: every duplicate found before a rotation is found after it, and none is invented", async () => {
  await sql(TABLE);
  const before = await workerWith(keyringOf({ 1: "primary" }));
  await before.write(devices(20_000));

  // Workers get the new primary key one after the other: both write for a while, at once.
  const after = await workerWith(keyringOf({ 1: "linking", 2: "primary" }));
  await Promise.all([before.write(devices(5_000)), after.write(devices(5_000))]);
  const boundary = logins.length;
  await after.write(devices(10_000));

  // And once more, while the first version is still linked.
  const third = await workerWith(keyringOf({ 1: "linking", 2: "linking", 3: "primary" }));
  await third.write(devices(EVENTS - logins.length));

  const expected = trueGroups();
  expect(spanning(expected, 20_000)).toBeGreaterThan(1_000);
  expect(spanning(expected, boundary)).toBeGreaterThan(1_000);
  expect(await foundGroups(LINKED)).toEqual(expected);
  // Without the links they would be lost: the test can fail.
  expect(await foundGroups("device")).not.toEqual(expected);
  expect(logins).toHaveLength(EVENTS);
}, 60_000);

test("rewrap: every duplicate is found after it, beside a writer with either keyring, with an interruption", async () => {
  await sql(TABLE);
  const before = await workerWith(keyringOf({ 1: "primary" }));
  await before.write(devices(25_000));

  const keyring = keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 });
  const after = await workerWith(keyring);
  const rewrap = rewrapOf(maskedColumn("hmac-sha256"), keysOf(keyring));

  // Two workers write, one of them still with the old keyring, while the first attempt is cut short.
  const [interrupted] = await Promise.all([
    rewrite(rewrap, { stopAfter: 2 }),
    before.write(devices(5_000)),
    after.write(devices(5_000)),
  ]);
  expect(interrupted.left).toBeNull();
  const [resumed] = await Promise.all([rewrite(rewrap), after.write(devices(10_000))]);
  await after.write(devices(EVENTS - logins.length));

  expect(resumed.left).toEqual({ remaining: 0, unreadable: 0 });
  expect(interrupted.rows + resumed.rows).toBe(30_000);
  const expected = trueGroups();
  expect(spanning(expected, 25_000)).toBeGreaterThan(1_000);
  expect(await foundGroups("device")).toEqual(expected);
  // A link would lead from the leaked key's tokens to the new ones.
  expect(await sql("SELECT FROM piipe.key_links")).toEqual([]);
  expect(logins).toHaveLength(EVENTS);
}, 60_000);

/** All tokens that someone can make of a guess with the roots of a keyring and what the links lead to from there. */
async function reachable(keyring: Keyring, value: string): Promise<readonly string[]> {
  const column = maskedColumn("hmac-sha256");
  const tokens = valueTokensOf(column, { keyring, domain: DOMAIN })(value) ?? [];
  return (
    await pool.query("a test", "SELECT piipe.canonical('device', guess) AS token FROM unnest($1::text[]) AS guess", [
      `{${tokens.join(",")}}`,
    ])
  ).rows.flatMap(({ token }) => [...tokens, token ?? ""]);
}

test("link, then a leak of the whole keyring: duplicates are found, and the leaked roots lead nowhere", async () => {
  await sql(TABLE);
  const leaked = keyringOf({ 1: "linking", 2: "primary" });
  await (await workerWith(keyringOf({ 1: "primary" }))).write(devices(4_000));
  await (await workerWith(leaked)).write(devices(4_000));
  const keyring = keyringOf({ 1: "linking", 2: "lookup", 3: "primary" }, { 3: 2 });
  const after = await workerWith(keyring);
  await after.write(devices(2_000));
  const report = await rewrite(rewrapOf(maskedColumn("hmac-sha256"), keysOf(keyring)));
  await after.write(devices(2_000));
  expect(report).toMatchObject({ rows: 8_000, left: { remaining: 0, unreadable: 0 } });
  expect(report.links).toBeGreaterThan(1_000);
  const expected = trueGroups();
  expect(await foundGroups(LINKED)).toEqual(expected);
  expect(await foundGroups("device")).not.toEqual(expected);

  const value = logins.at(-1)?.value ?? "";
  expect(await sql("SELECT FROM logins WHERE device = ANY ($1)", [await reachable(keyring, value)])).not.toEqual([]);
  expect(await sql("SELECT FROM logins WHERE device = ANY ($1)", [await reachable(leaked, value)])).toEqual([]);
  expect(await sql("SELECT FROM logins WHERE device !~ '^h3_'")).toEqual([]);

  // The next rotation joins what both leave behind.
  const next = await workerWith(keyringOf({ 1: "linking", 2: "lookup", 3: "linking", 4: "primary" }, { 3: 2 }));
  await next.write(devices(2_000));
  expect(await foundGroups(LINKED)).toEqual(trueGroups());
}, 60_000);

test("rewrap of a reversible column: every duplicate is found after it", async () => {
  await sql(TABLE);
  await (await workerWith(keyringOf({ 1: "primary" }), "aes-siv")).write(devices(3_000));
  const keyring = keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 });
  const after = await workerWith(keyring, "aes-siv");
  await after.write(devices(1_000));
  expect(await rewrite(rewrapOf(maskedColumn("aes-siv"), keysOf(keyring)))).toMatchObject({
    rows: 3_000,
    left: { remaining: 0, unreadable: 0 },
  });
  await after.write(devices(1_000));
  expect(await foundGroups("device")).toEqual(trueGroups());
}, 60_000);

test("rewrap of a partitioned table beside a writer", async () => {
  await sql("CREATE TABLE logins (user_id bigint, device text) PARTITION BY RANGE (user_id)");
  for (const part of [0, 1, 2]) {
    await sql(
      `CREATE TABLE logins_${part} PARTITION OF logins FOR VALUES FROM (${part * 4_000}) TO (${(part + 1) * 4_000})`,
    );
  }
  await (await workerWith(keyringOf({ 1: "primary" }))).write(devices(6_000));
  const keyring = keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 });
  const after = await workerWith(keyring);
  const rewrap = rewrapOf(maskedColumn("hmac-sha256"), keysOf(keyring));
  const [report] = await Promise.all([rewrite(rewrap), after.write(devices(4_000))]);
  expect(report).toMatchObject({ rows: 6_000, left: { remaining: 0, unreadable: 0 } });
  expect(await foundGroups("device")).toEqual(trueGroups());
}, 60_000);

/** As the original wrote: the lower-case hex SHA-256 of the value. */
async function writeBare(values: readonly string[]): Promise<void> {
  const rows = values.map((value) => ({
    user: logins.push({ user: logins.length + 1, value }),
    digest: createHash("sha256").update(value).digest("hex"),
  }));
  await sql(
    'INSERT INTO logins SELECT row."user", row.digest FROM json_to_recordset($1::json) AS row ("user" bigint, digest text)',
    [JSON.stringify(rows)],
  );
}

test("takeover: a column of bare SHA-256 gets tokens, and new events land on the same", async () => {
  await sql("CREATE TABLE logins (user_id bigint, device varchar(64))");
  await writeBare(devices(12_000));
  const boundary = logins.length;
  const keyring = keyringOf({ 1: "primary" });
  const worker = await workerWith(keyring, "hmac-over-sha256");
  const takeover = takeoverOf(maskedColumn("hmac-over-sha256"), keysOf(keyring));
  await worker.write(devices(2_000));
  const [report] = await Promise.all([rewrite(takeover), worker.write(devices(4_000))]);
  expect(report).toMatchObject({ rows: 12_000, links: 0, left: { remaining: 0, unreadable: 0 } });
  const expected = trueGroups();
  expect(spanning(expected, boundary)).toBeGreaterThan(500);
  expect(await foundGroups("device")).toEqual(expected);
  expect(await sql("SELECT FROM logins WHERE device !~ '^w1_[A-Za-z0-9_-]{43}$'")).toEqual([]);
}, 60_000);

test("takeover after rotations: what every key version made of the value is found with it", async () => {
  await sql(TABLE);
  await writeBare(devices(5_000));
  // Version 1 was rotated to 2 by links, and 2 leaked: 3 is over it. Nobody had taken the old rows over yet.
  await (await workerWith(keyringOf({ 1: "primary" }), "hmac-over-sha256")).write(devices(3_000));
  const second = keyringOf({ 1: "linking", 2: "primary" });
  await (await workerWith(second, "hmac-over-sha256")).write(devices(3_000));
  const keyring = keyringOf({ 1: "linking", 2: "lookup", 3: "primary" }, { 3: 2 });
  const column = maskedColumn("hmac-over-sha256");
  const worker = await workerWith(keyring, "hmac-over-sha256");
  await worker.write(devices(1_000));
  expect(await rewrite(rewrapOf(column, keysOf(keyring)))).toMatchObject({ left: { remaining: 0, unreadable: 0 } });
  expect(await rewrite(takeoverOf(column, keysOf(keyring)))).toMatchObject({ rows: 5_000 });
  await worker.write(devices(1_000));
  expect(await foundGroups(LINKED)).toEqual(trueGroups());
}, 60_000);

/** Mulberry32: a small generator whose numbers are the same in every run. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
