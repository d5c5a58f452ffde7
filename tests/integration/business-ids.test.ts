import { createHash, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import type { Keyring } from "../../src/keys/keyring.ts";
import { businessKeyCheckOf } from "../../src/mask/key-checks.ts";
import type { BusinessIdField, MaskedRecord, WriteOutcome } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import type { ClaimName } from "../../src/storage/ledger/claim.ts";
import { maintainLedger } from "../../src/storage/ledger/ledger-maintenance.ts";
import { noteKeys } from "../../src/storage/rotation/key-checks.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { keyringOf } from "../support/keyring-of.ts";
import { batchOf, column, record, refusedEvent } from "../support/masked-records.ts";
import { maskOf, writtenOne } from "../support/one-table.ts";
import { createTestDatabase, query, type TestDatabase, withClient } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { until } from "../support/until.ts";

const NEVER = new AbortController().signal;
const DAY_MS = 86_400_000;
/** Now, so that maintenance takes no claim for an old one. */
const SENT_AT_MS = Date.now();
const STORED: WriteOutcome = { kind: "stored" };
const DUPLICATE: WriteOutcome = { kind: "duplicate" };
const COLUMNS = [column("n", "integer")];

let template: TestDatabase;
let database: TestDatabase;
let pool: PostgresPool;

beforeAll(async () => {
  template = await createTestDatabase("migrated");
});
afterAll(() => template.drop());

beforeEach(async () => {
  database = await createTestDatabase(template);
  pool = openPool({ url: new Secret(database.url), connectionsMax: 8 });
  await sql("CREATE TABLE events (seq bigserial, n integer CHECK (n <> -1))");
});
afterEach(async () => {
  await pool.close();
  await database.drop();
});

const sql = (text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
  query<Record<string, unknown>>(database.url, text, values);

const stored = async (table = "events"): Promise<unknown[]> =>
  (await sql(`SELECT n FROM ${table} ORDER BY seq`)).map(({ n }) => n);

const count = async (table: string): Promise<number> =>
  Number((await sql(`SELECT count(*) AS n FROM ${table}`))[0]?.["n"]);

async function sinkOn(name = "events", queue = "orders", claim: ClaimName = "ledger"): Promise<PostgresSink> {
  const table = await readTargetTable(pool, { schema: null, name });
  return new PostgresSink({ pool, written: writtenOne(table, COLUMNS), sourceName: `arn:aws:sqs:x:0:${queue}`, claim });
}

/** A new message with the business id, whose row is `n`. */
const message = (id: string, n: number): MaskedRecord => record([n], randomUUID(), SENT_AT_MS, [keyOf(id)]);

const keyOf = (id: string): string => createHash("sha256").update(id).digest("hex").slice(0, 32);

const write = async (sink: PostgresSink, ...records: readonly MaskedRecord[]): Promise<readonly WriteOutcome[]> =>
  (await sink.write(batchOf(records), NEVER)).records;

test("of the messages of one batch with the same business id, the first in order is stored", async () => {
  const sink = await sinkOn();
  const records = [message("b", 1), message("a", 2), message("b", 3), message("c", 4), message("a", 5)];
  expect(await write(sink, ...records)).toEqual([STORED, STORED, DUPLICATE, STORED, DUPLICATE]);
  expect(await stored()).toEqual([1, 2, 4]);
  expect(await count("piipe.ledger")).toBe(5);
  expect(await count("piipe.business_ids")).toBe(3);
});

test("an event that is sent again is stored once, in whatever batch and from whatever queue it comes", async () => {
  const sink = await sinkOn();
  const first = message("a", 1);
  expect(await write(sink, first)).toEqual([STORED]);
  expect(await write(sink, message("a", 2), message("b", 3))).toEqual([DUPLICATE, STORED]);
  expect(await write(await sinkOn("events", "redriven"), message("b", 4), message("a", 5))).toEqual([
    DUPLICATE,
    DUPLICATE,
  ]);
  expect(await write(sink, first)).toEqual([DUPLICATE]);
  expect(await stored()).toEqual([1, 3]);
});

test("a duplicate says so when its content is known to be another one", async () => {
  const sink = await sinkOn();
  const withContent = (id: string, n: number, ...contentChecks: readonly string[]): MaskedRecord => ({
    ...message(id, n),
    contentChecks,
  });
  const DIFFERING: WriteOutcome = { kind: "duplicate", differs: true };
  const first = withContent("a", 1, "-9223372036854775808");
  expect(await write(sink, first, withContent("a", 2, "7"), withContent("a", 3, "-9223372036854775808"))).toEqual([
    STORED,
    DIFFERING,
    DUPLICATE,
  ]);
  const other = withContent("a", 4, "9223372036854775807");
  expect(await write(sink, other, withContent("b", 5, "7"))).toEqual([DIFFERING, STORED]);
  // Only delivered again: told before.
  expect(await write(sink, other, first)).toEqual([DUPLICATE, DUPLICATE]);
  // By, or after, a worker that does not know it.
  expect(await write(sink, message("b", 6), message("c", 7))).toEqual([DUPLICATE, STORED]);
  expect(await write(sink, withContent("c", 8, "7"))).toEqual([DUPLICATE]);
});

test("a trial knows the ids that are there, and claims none", async () => {
  await write(await sinkOn(), message("a", 1));
  const table = await readTargetTable(pool, { schema: null, name: "events" });
  const options = {
    pool,
    written: writtenOne(table, COLUMNS),
    sourceName: "arn",
    claim: "ledger",
    isTrial: true,
  } as const;
  const records = [message("a", 2), message("b", 3), message("b", 4), message("c", -1)];
  const outcomes = [DUPLICATE, STORED, DUPLICATE, expect.objectContaining({ kind: "rejected" })];
  expect(await write(new PostgresSink(options), ...records)).toEqual(outcomes);
  expect([await stored(), await count("piipe.business_ids"), await count("piipe.ledger")]).toEqual([[1], 1, 1]);
  expect(await write(await sinkOn(), ...records)).toEqual(outcomes);
});

test("a message that is only delivered again claims nothing: its id was another event's when it came first", async () => {
  const sink = await sinkOn();
  const before = record([1]);
  await write(sink, before);
  const again = { ...before, businessKeys: [keyOf("a")] } as MaskedRecord;
  expect(await write(sink, again, message("a", 2))).toEqual([DUPLICATE, STORED]);
});

test("tables do not share their ids", async () => {
  await sql("CREATE TABLE others (seq bigserial, n integer)");
  await sql("CREATE SCHEMA tenant; CREATE TABLE tenant.events (seq bigserial, n integer)");
  await write(await sinkOn(), message("a", 1));
  expect(await write(await sinkOn("others"), message("a", 2))).toEqual([STORED]);
  const table = await readTargetTable(pool, { schema: "tenant", name: "events" });
  const tenant = new PostgresSink({ pool, written: writtenOne(table, COLUMNS), sourceName: "arn", claim: "ledger" });
  expect(await write(tenant, message("a", 3))).toEqual([STORED]);
});

test("a table is one, whether its schema is written or found by the search path", async () => {
  await write(await sinkOn(), message("a", 1));
  const table = await readTargetTable(pool, { schema: "public", name: "events" });
  const written = new PostgresSink({ pool, written: writtenOne(table, COLUMNS), sourceName: "arn", claim: "ledger" });
  expect(await write(written, message("a", 2))).toEqual([DUPLICATE]);
});

test("equal events with different business ids are different rows", async () => {
  const sink = await sinkOn();
  expect(await write(sink, message("a", 7), message("b", 7))).toEqual([STORED, STORED]);
});

test("only what is stored gets its links and originals", async () => {
  const sink = await sinkOn();
  const withTokens = (id: string, n: number): MaskedRecord => ({
    ...message(id, n),
    links: [{ domain: "d", column: "c", oldToken: `h1_${n}`, newToken: `h2_${n}` }],
    originals: [{ domain: "d", column: "c", token: `h2_${n}`, sealed: Uint8Array.of(n) }],
  });
  await write(sink, withTokens("a", 1), withTokens("a", 2));
  await write(sink, withTokens("a", 3));
  expect(await sql("SELECT old_token, new_token FROM piipe.key_links")).toEqual([
    { old_token: "h1_1", new_token: "h2_1" },
  ]);
  expect(await sql("SELECT token FROM piipe.vault")).toEqual([{ token: "h2_1" }]);
});

test("refused events claim no business id, and are quarantined beside duplicates", async () => {
  const sink = await sinkOn();
  await write(sink, message("a", 1));
  const { records, refused } = await sink.write(batchOf([message("a", 2)], [refusedEvent(), refusedEvent()]), NEVER);
  expect(records).toEqual([DUPLICATE]);
  expect(refused).toEqual([{ kind: "quarantined" }, { kind: "quarantined" }]);
  expect(await count("piipe.business_ids")).toBe(1);
});

test("when PostgreSQL refuses the first of two, the second is stored, and the id is its", async () => {
  const sink = await sinkOn();
  const outcomes = await write(sink, message("x", 1), message("a", -1), message("a", 2), message("y", -1));
  expect(outcomes.map(({ kind }) => kind)).toEqual(["stored", "rejected", "stored", "rejected"]);
  expect(await stored()).toEqual([1, 2]);
  expect(await write(sink, message("a", 3), message("y", 4))).toEqual([DUPLICATE, STORED]);
});

test("bad rows among many resends: of each id that has a good row, the first good one is stored", async () => {
  const sink = await sinkOn();
  const random = new SeededRandom(7);
  const events = Array.from({ length: 300 }, (_, n) => ({
    id: `id-${random.below(120)}`,
    n: random.chance(0.03) ? -1 : n,
  }));
  const outcomes = await write(sink, ...events.map(({ id, n }) => message(id, n)));
  const firstGood = new Map<string, number>();
  for (const { id, n } of events) if (n !== -1 && !firstGood.has(id)) firstGood.set(id, n);
  expect(await stored()).toEqual([...firstGood.values()]);
  expect(outcomes.filter(({ kind }) => kind === "stored")).toHaveLength(firstGood.size);
  expect(await count("piipe.business_ids")).toBe(firstGood.size);
});

describe("retention", () => {
  const backdate = (days: number): Promise<unknown> =>
    sql("UPDATE piipe.business_ids SET claimed_day = (now() AT TIME ZONE 'UTC')::date - $1::integer", [days]);

  test("an id holds across days, for 16 of them; then it is pruned, and the event can be stored again", async () => {
    const sink = await sinkOn();
    await write(sink, message("a", 1));
    await backdate(16);
    expect(await maintainLedger(pool, Date.now())).toMatchObject({ pruned: 0, failure: null });
    expect(await write(sink, message("a", 2))).toEqual([DUPLICATE]);
    await backdate(17);
    expect(await maintainLedger(pool, Date.now())).toMatchObject({ pruned: 1, failure: null });
    expect(await write(sink, message("a", 3), message("a", 4))).toEqual([STORED, DUPLICATE]);
    expect(await stored()).toEqual([1, 3]);
  });

  test("a worker's clock that runs ahead prunes nothing that is live", async () => {
    await write(await sinkOn(), message("a", 1));
    expect(await maintainLedger(pool, Date.now() + 400 * DAY_MS)).toMatchObject({ pruned: 0 });
  });

  test("more than one round deletes", async () => {
    await sql(
      `INSERT INTO piipe.business_ids SELECT 1, md5(n::text)::uuid, DATE '2026-01-01' + n % 2
       FROM generate_series(1, 25000) AS n`,
    );
    expect(await maintainLedger(pool, Date.UTC(2026, 5, 15))).toMatchObject({ pruned: 25_000, hasMore: false });
    expect(await count("piipe.business_ids")).toBe(0);
  });

  test("needs the right to delete where ids are claimed, and none where they are not", async () => {
    const role = await createTestRole(database.url);
    const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
    const denied = { code: "database.denied" };
    try {
      // As of PostgreSQL 11 only the owner makes partitions: with them at hand, nothing else is left to be denied.
      await maintainLedger(pool, Date.now());
      await sql(`GRANT USAGE ON SCHEMA piipe TO ${role.name}`);
      await sql(`GRANT SELECT, INSERT, DELETE ON piipe.ledger TO ${role.name}`);
      expect((await maintainLedger(limited, Date.now())).failure).toBeNull();
      await sql(`GRANT SELECT, INSERT ON piipe.business_ids TO ${role.name}`);
      expect((await maintainLedger(limited, Date.now())).failure).toMatchObject(denied);
      await sql(`GRANT DELETE ON piipe.business_ids TO ${role.name}`);
      expect((await maintainLedger(limited, Date.now())).failure).toBeNull();
    } finally {
      await limited.close();
      await role.drop();
    }
  });
});

// A deadlock would make one of the writes throw.
test("eight writers whose batches share business ids: a row for each id, no deadlock, while old ones are pruned", async () => {
  const random = new SeededRandom(20_260_131);
  const ids = Array.from({ length: 400 }, (_, n) => `id-${n}`);
  await sql(
    `INSERT INTO piipe.business_ids SELECT 1, md5(n::text)::uuid, '2026-01-01' FROM generate_series(1, 500) AS n`,
  );
  const sinks = [await sinkOn("events", "one"), await sinkOn("events", "two")];
  const outcomes: WriteOutcome[] = [];
  const writer = async (): Promise<void> => {
    for (let round = 0; round < 12; round += 1) {
      const chosen = random.shuffle(ids).slice(0, 120);
      const records = [...chosen, ...chosen.slice(0, 30)].map((id) => message(id, ids.indexOf(id)));
      outcomes.push(...(await write(random.pick(sinks), ...random.shuffle(records))));
    }
  };
  await Promise.all([...Array.from({ length: 8 }, writer), maintainLedger(pool, Date.now())]);
  const seen = await stored();
  expect(new Set(seen).size).toBe(seen.length);
  expect(outcomes.filter(({ kind }) => kind === "stored")).toHaveLength(seen.length);
  expect(seen.length).toBeGreaterThan(390);
  expect(outcomes.every(({ kind }) => kind === "stored" || kind === "duplicate")).toBe(true);
});

test.each([
  ["COMMIT", DUPLICATE],
  ["ROLLBACK", STORED],
] as const)(
  "of two writers with one id, the second waits for the first: after its %s it has %j",
  async (end, outcome) => {
    const sink = await sinkOn();
    await write(sink, message("other", 0));
    await withClient(database.url, async (first) => {
      await first.query("BEGIN");
      await first.query(
        "INSERT INTO piipe.business_ids SELECT table_id, $1::uuid, claimed_day FROM piipe.business_ids",
        [keyOf("a")],
      );
      const writing = write(sink, message("a", 1));
      const waiting = "SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
      await until("the second waits", async () => (await first.query(waiting)).rowCount === 1);
      await first.query(end);
      expect(await writing).toEqual([outcome]);
    });
  },
);

describe("key versions", () => {
  const FIELD: BusinessIdField = { from: "id", origin: { kind: "field", path: ["id"] } };

  /** A worker with a keyring, which masks and writes as a run does. */
  async function workerWith(keyring: Keyring): Promise<(...ids: readonly string[]) => Promise<readonly string[]>> {
    const sink = await sinkOn();
    const mask = maskOf(COLUMNS, { keyring, domain: "orders", seal: null, dedupeBy: FIELD });
    return async (...ids) => {
      const records = ids.map((businessId) => {
        const masked = mask({ id: randomUUID(), sentAtMs: SENT_AT_MS, values: [1], unknownFields: [], businessId });
        if (!masked.ok) throw new Error(masked.error.code);
        return masked.value;
      });
      return (await write(sink, ...records)).map(({ kind }) => kind);
    };
  }

  const ids = (from: number, to: number): readonly string[] =>
    Array.from({ length: to - from }, (_, n) => `order-${from + n}`);

  test.each([
    ["link", {}, [{ 1: "primary" }, { 1: "primary", 2: "pending" }, { 1: "linking", 2: "primary" }]],
    [
      "link, at its end",
      {},
      [
        { 1: "primary", 2: "pending" },
        { 1: "lookup", 2: "primary" },
        { 1: "destroyed", 2: "primary" },
      ],
    ],
    [
      "rewrap",
      { 2: 1 },
      [
        { 1: "primary", 2: "pending" },
        { 1: "lookup", 2: "primary" },
      ],
    ],
  ] as const)(
    "%s: workers on either side of each step write at once, and each event is one row",
    async (_way, over, states) => {
      const workers = await Promise.all(states.map((state) => workerWith(keyringOf(state, over))));
      const random = new SeededRandom(11);
      for (const [step, pair] of workers.slice(1).map((worker, index) => [index, [workers[index], worker]] as const)) {
        const before = await count("events");
        const own = ids(step * 100, step * 100 + 100);
        const outcomes = await Promise.all(
          [...pair, ...pair].map(async (worker) => {
            const kinds: string[] = [];
            for (let round = 0; round < 4; round += 1) {
              kinds.push(...((await worker?.(...random.shuffle(own).slice(0, 60))) ?? []));
            }
            return [...kinds, ...((await worker?.(...random.shuffle(own))) ?? [])];
          }),
        );
        expect(outcomes.flat().filter((kind) => kind === "stored")).toHaveLength(100);
        expect((await count("events")) - before).toBe(100);
      }
    },
  );

  test("an event from before a rotation is recognised after each of its steps", async () => {
    await (
      await workerWith(keyringOf({ 1: "primary" }))
    )("a");
    for (const states of [{ 1: "linking", 2: "primary" } as const, { 1: "lookup", 2: "primary" } as const]) {
      expect(await (await workerWith(keyringOf(states)))("a")).toEqual(["duplicate"]);
    }
    // Its second sending noted it under the new key.
    expect(await (await workerWith(keyringOf({ 1: "destroyed", 2: "primary" })))("a")).toEqual(["duplicate"]);
  });

  test("what was claimed under a destroyed key alone is forgotten", async () => {
    await (
      await workerWith(keyringOf({ 1: "primary" }))
    )("a");
    expect(await (await workerWith(keyringOf({ 1: "destroyed", 2: "primary" })))("a")).toEqual(["stored"]);
  });

  test("a leaked key's claims are recognised, and no more are made with it", async () => {
    await (
      await workerWith(keyringOf({ 1: "primary" }))
    )("a");
    const worker = await workerWith(keyringOf({ 1: "lookup", 2: "primary" }, { 2: 1 }));
    expect(await worker("a", "b", "b", "a")).toEqual(["duplicate", "stored", "duplicate", "duplicate"]);
    const leaked = maskOf([], {
      keyring: keyringOf({ 1: "primary" }),
      domain: "orders",
      seal: null,
      dedupeBy: FIELD,
    });
    const masked = leaked({ id: "m", sentAtMs: 0, values: [], unknownFields: [], businessId: "b" });
    if (!masked.ok) throw new Error("refused");
    const rows = await sql("SELECT FROM piipe.business_ids WHERE business_key = ANY ($1::uuid[])", [
      masked.value.businessKeys,
    ]);
    expect(rows).toHaveLength(0);
  });

  test("another keyring is refused, as it would recognise nothing", async () => {
    await noteKeys(pool, [businessKeyCheckOf(FIELD, keyringOf({ 1: "primary" }), "orders")]);
    await noteKeys(pool, [businessKeyCheckOf(FIELD, keyringOf({ 1: "linking", 2: "primary" }), "orders")]);
    const other = businessKeyCheckOf(FIELD, keyringOf({ 1: "primary" }, {}, "other"), "orders");
    await expect(noteKeys(pool, [other])).rejects.toMatchObject({
      code: "keys.mismatch",
      message: "version 1 of the keyring is not the key that claimed the business ids of dedupeBy: id",
    });
  });
});

describe("a refused event's second way", () => {
  test("claims the business id too, and ends as a duplicate when it was stored meanwhile", async () => {
    const queue = await sinkOn();
    const [a, b, c] = ["a", "b", "b"].map((id, n) => message(id, n)) as [MaskedRecord, MaskedRecord, MaskedRecord];
    await queue.write(
      batchOf(
        [],
        [a, b, c].map(({ id }) => refusedEvent(id)),
      ),
      NEVER,
    );
    await write(queue, message("a", 10));
    const replay = await sinkOn("events", "orders", "quarantine");
    expect(await write(replay, a, b, c)).toEqual([DUPLICATE, STORED, DUPLICATE]);
    expect(await write(replay, a, b, c)).toEqual([DUPLICATE, DUPLICATE, DUPLICATE]);
    expect(await sql("SELECT state, sealed_body FROM piipe.quarantine")).toEqual(
      Array(3).fill({ state: "replayed", sealed_body: null }),
    );
    expect(await stored()).toEqual([10, 1]);
    expect(await write(queue, message("b", 11))).toEqual([DUPLICATE]);
  });

  test("two replays and the queue at once store one of the events with an id", async () => {
    const queue = await sinkOn();
    const held = Array.from({ length: 40 }, (_, n) => message(`id-${n % 20}`, n));
    await queue.write(
      batchOf(
        [],
        held.map(({ id }) => refusedEvent(id)),
      ),
      NEVER,
    );
    const replay = await sinkOn("events", "orders", "quarantine");
    const resent = Array.from({ length: 20 }, (_, n) => message(`id-${19 - n}`, 100 + n));
    const outcomes = await Promise.all([write(replay, ...held), write(queue, ...resent), write(replay, ...held)]);
    expect(outcomes.flat().filter(({ kind }) => kind === "stored")).toHaveLength(20);
    expect(await count("events")).toBe(20);
    expect(await count("piipe.quarantine WHERE state = 'pending'")).toBe(0);
  });
});
