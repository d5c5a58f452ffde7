import { beforeEach, describe, expect, it } from "vitest";
import { checkConflictKeys, openTables, requireSameConflictKeys } from "../../src/app/open-tables.ts";
import type { Config } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import type { PipelineConfig } from "../../src/config/pipeline-config.ts";
import type { PiipeError } from "../../src/errors.ts";
import type { BatchOutcome } from "../../src/pipeline/contracts.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { keyringOf } from "../support/keyring-of.ts";
import { batchOf, record } from "../support/masked-records.ts";
import { migratedDatabase, postgresMajor, query } from "../support/postgres.ts";
import { openStore, type SentEvent, sent } from "../support/store-events.ts";

const database = migratedDatabase(2);
const sql = (text: string) => query<Record<string, unknown>>(database.url, text);

beforeEach(async () => {
  await sql(`DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    CREATE TABLE orders (order_id text PRIMARY KEY, status text, updated_at timestamptz, own text DEFAULT 'kept')`);
});

const COLUMNS: NonNullable<PipelineConfig["columns"]> = {
  order_id: { type: "text" },
  status: { type: "text", nullable: true },
  updated_at: { type: "timestamp", nullable: true },
};
const NEWEST = { key: "order_id", do: "update", newest: "updated_at" } as const;

function configOf(onConflict: PipelineConfig["onConflict"], settings: Partial<PipelineConfig> = {}): Config {
  const parsed = { source: { sqs: { queue: "orders" } }, columns: COLUMNS, ...settings };
  const sink = { postgres: { url: "postgres://localhost/db", ...(parsed.columns && { table: "orders" }) } };
  return parseConfig({ ...parsed, sink, ...(onConflict && { onConflict }) }, { baseFolder: "/" });
}

/** The minute is the time of the change; null: the event has none. */
const order = (id: string, status: string, minute: number | null): SentEvent =>
  sent({ order_id: id, status, updated_at: minute === null ? null : `2026-03-01T10:${10 + minute}:00Z` });

async function store(config: Config, ...batches: readonly (readonly SentEvent[])[]): Promise<readonly BatchOutcome[]> {
  const opened = await openStore(config, database.pool);
  const outcomes: BatchOutcome[] = [];
  for (const batch of batches) outcomes.push(await opened.store(batch));
  return outcomes;
}

const rows = async (): Promise<readonly string[]> =>
  (await sql("SELECT order_id || ' ' || status AS row FROM orders ORDER BY 1")).map(({ row }) => String(row));
const kinds = (outcome: BatchOutcome | undefined): readonly string[] => outcome?.records.map(({ kind }) => kind) ?? [];
const counts = ({ inserted, updated, ignored }: BatchOutcome): readonly (number | undefined)[] => [
  inserted,
  updated,
  ignored,
];

describe("onConflict in a batch and over several", () => {
  it("update with newest: only a later value overwrites, of equal ones the stored row stays, NULL loses", async () => {
    const outcomes = await store(
      configOf(NEWEST),
      [
        order("a", "one", 1),
        order("b", "none", null),
        order("a", "three", 3),
        order("a", "two", 2),
        order("b", "none too", null),
      ],
      [order("a", "late", 2), order("a", "equal", 3), order("a", "no time", null), order("b", "one", 1)],
      [order("a", "four", 4), order("c", "new", 1), order("b", "zero", 0)],
    );
    expect(await rows()).toEqual(["a four", "b one", "c new"]);
    expect(outcomes.map(kinds)).toEqual([
      ["duplicate", "stored", "stored", "duplicate", "duplicate"],
      ["duplicate", "duplicate", "duplicate", "stored"],
      ["stored", "stored", "duplicate"],
    ]);
    expect(outcomes.map(counts)).toEqual([
      [2, undefined, 3],
      [undefined, 1, 3],
      [1, 1, 1],
    ]);
    expect(await sql("SELECT DISTINCT own FROM orders")).toEqual([{ own: "kept" }]);
  });

  it("update without newest: the last wins, in a batch as over several", async () => {
    const outcomes = await store(
      configOf({ key: "order_id", do: "update" }),
      [order("a", "one", 9), order("a", "two", 1)],
      [order("a", "three", 5), order("b", "one", 1), order("a", "four", 0)],
    );
    expect(await rows()).toEqual(["a four", "b one"]);
    expect(outcomes.map(counts)).toEqual([
      [1, undefined, 1],
      [1, 1, 1],
    ]);
  });

  it("ignore: the first stays, and what is ignored is a duplicate", async () => {
    const outcomes = await store(
      configOf({ key: "order_id", do: "ignore" }),
      [order("a", "one", 1), order("a", "two", 2)],
      [order("a", "three", 3), order("b", "one", 1)],
    );
    expect(await rows()).toEqual(["a one", "b one"]);
    expect(outcomes.map(kinds)).toEqual([
      ["stored", "duplicate"],
      ["duplicate", "stored"],
    ]);
    expect(outcomes.map(counts)).toEqual([
      [1, undefined, 1],
      [1, undefined, 1],
    ]);
  });

  it("without onConflict a row whose key is there is refused, with the constraint's name", async () => {
    const [, outcome] = await store(
      configOf(undefined),
      [order("a", "one", 1)],
      [order("a", "two", 2), order("b", "one", 1)],
    );
    expect(outcome?.records).toEqual([
      { kind: "rejected", rejection: { code: "database.constraint", path: "order_id (constraint orders_pkey)" } },
      { kind: "stored" },
    ]);
    expect(outcome).not.toHaveProperty("inserted");
  });

  it("a message that comes again changes nothing, whatever was stored since", async () => {
    const first = order("a", "one", 1);
    const [, , again] = await store(
      configOf({ key: "order_id", do: "update" }),
      [first],
      [order("a", "two", 2)],
      [first],
    );
    expect(kinds(again)).toEqual(["duplicate"]);
    expect(again).not.toHaveProperty("ignored");
    expect(await rows()).toEqual(["a two"]);
  });

  it("the rows around a refused one are stored as if it were not there", async () => {
    await sql("ALTER TABLE orders ADD CHECK (status <> 'refused')");
    const [outcome] = await store(configOf(NEWEST), [
      order("a", "one", 1),
      order("a", "refused", 4),
      order("b", "one", 1),
      order("a", "three", 3),
    ]);
    expect(kinds(outcome)).toEqual([expect.anything(), "rejected", "stored", "stored"]);
    expect(await rows()).toEqual(["a three", "b one"]);
  });

  it("a dry run says what would be, and leaves the rows as they were", async () => {
    const opened = await openStore(configOf(NEWEST), database.pool);
    await opened.store([order("a", "one", 1)]);
    const outcome = await opened.store([order("a", "two", 2), order("b", "one", 1), order("a", "zero", 0)], {
      isTrial: true,
    });
    expect(counts(outcome)).toEqual([1, 1, 1]);
    expect(await rows()).toEqual(["a one"]);
  });

  it("of an ignored message no link between tokens is noted", async () => {
    const config = configOf({ key: "order_id", do: "ignore" });
    const written = await openTables(config, null, database.pool);
    const sink = new PostgresSink({ pool: database.pool, written, sourceName: "queue", claim: "ledger" });
    const linked = (id: string) => {
      const link = { domain: "d", column: "status", oldToken: `h1_${id}`, newToken: `h2_${id}` };
      return { ...record([id, "one", null]), links: [link] };
    };
    await sink.write(batchOf([record(["a", "one", null])]), new AbortController().signal);
    await sink.write(batchOf([linked("a"), linked("b")]), new AbortController().signal);
    expect(await sql("SELECT new_token FROM piipe.key_links WHERE domain = 'd'")).toEqual([{ new_token: "h2_b" }]);
  });

  it("with dedupeBy, an event that was sent again does not overwrite", async () => {
    const config = configOf({ key: "order_id", do: "update" }, { dedupeBy: "event_id" });
    const event = (eventId: string, status: string) =>
      sent({ event_id: eventId, order_id: "a", status, updated_at: null });
    const [, , again] = await store(config, [event("1", "one")], [event("2", "two")], [event("1", "one")]);
    expect(kinds(again)).toEqual(["duplicate"]);
    expect(await rows()).toEqual(["a two"]);
  });
});

describe("onConflict beside other tables and the table's own means", () => {
  const TABLES: NonNullable<PipelineConfig["tables"]> = {
    order_items: {
      each: "items",
      onConflict: { key: ["order_id", "position"], do: "update" },
      columns: {
        order_id: { from: "^.order_id", type: "text" },
        position: { from: "@index", type: "integer" },
        sku: { type: "text" },
      },
    },
    orders: { onConflict: NEWEST, columns: COLUMNS },
    changes: { columns: { order_id: { type: "text" } } },
  };
  const withItems = (id: string, status: string, minute: number, ...skus: readonly string[]): SentEvent => {
    const { id: messageId, event } = order(id, status, minute);
    return { id: messageId, event: { ...event, items: skus.map((sku) => ({ sku })) } };
  };
  const items = async (): Promise<unknown> =>
    (
      await sql(
        "SELECT string_agg(order_id || position || sku, ' ' ORDER BY order_id, position) AS all FROM order_items",
      )
    )[0]?.["all"];

  beforeEach(async () => {
    await sql(`CREATE TABLE order_items (
      order_id text NOT NULL REFERENCES orders, position integer, sku text, UNIQUE (position, order_id)
    ); CREATE TABLE changes (order_id text NOT NULL)`);
  });

  it("rows of `each` overwrite those of their key, and a message with a row in any table is stored", async () => {
    const outcomes = await store(
      configOf(undefined, { tables: TABLES, columns: undefined }),
      [withItems("a", "one", 1, "x", "y"), withItems("b", "one", 1)],
      [withItems("a", "zero", 0, "z")],
    );
    expect(outcomes.map(kinds)).toEqual([["stored", "stored"], ["stored"]]);
    expect(outcomes.map(counts)).toEqual([
      [4, undefined, undefined],
      [undefined, 1, 1],
    ]);
    expect(await rows()).toEqual(["a one", "b one"]);
    expect(await items()).toBe("a0z a1y");
    expect(await sql("SELECT count(*)::integer AS n FROM changes")).toEqual([{ n: 3 }]);
  });

  it("the same with triggers, which keep rows out or give them another key", async () => {
    await sql(`
      CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.status = 'kept out' THEN RETURN NULL; END IF;
        NEW.order_id := lower(NEW.order_id);
        RETURN NEW; END $$;
      CREATE TRIGGER change BEFORE INSERT ON orders FOR EACH ROW EXECUTE PROCEDURE change()`);
    const outcomes = await store(
      configOf(NEWEST),
      [order("a", "one", 1), order("b", "kept out", 1), order("c", "one", 1)],
      [order("a", "zero", 0), order("c", "two", 2)],
      [order("A", "two", 2)],
    );
    expect(outcomes[0]).toMatchObject({ inserted: 2, skipped: 1 });
    expect(outcomes.map(kinds)).toEqual([["stored", "stored", "stored"], ["duplicate", "stored"], ["stored"]]);
    expect(outcomes.slice(1).map(counts)).toEqual([
      [undefined, 1, 1],
      [undefined, 1, undefined],
    ]);
    expect(await rows()).toEqual(["a two", "c two"]);
  });

  it("partitions take it where PostgreSQL gives them unique indexes", async ({ skip }) => {
    if (postgresMajor() < 11) skip("before PostgreSQL 11 partitioned tables have no unique index");
    await sql(`DROP TABLE orders CASCADE;
      CREATE TABLE orders (updated_at timestamptz, status text, order_id text UNIQUE) PARTITION BY HASH (order_id);
      CREATE TABLE orders_0 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE orders_1 PARTITION OF orders FOR VALUES WITH (MODULUS 2, REMAINDER 1)`);
    const [first, second] = await store(
      configOf(NEWEST),
      [order("a", "one", 1), order("b", "one", 1), order("c", "one", 1)],
      [order("a", "two", 2), order("b", "zero", 0), order("d", "one", 1)],
    );
    expect([first, second].map((outcome) => outcome && counts(outcome))).toEqual([
      [3, undefined, undefined],
      [1, 1, 1],
    ]);
    expect(await rows()).toEqual(["a two", "b one", "c one", "d one"]);
  });

  it("what is equal in the table is equal in a batch: other collations and types", async ({ skip }) => {
    if (postgresMajor() < 12) skip("before PostgreSQL 12 equality is that of the bytes");
    await sql(`CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      DROP TABLE orders CASCADE;
      CREATE TABLE orders (order_id varchar(40) COLLATE blind UNIQUE, status char(9), updated_at timestamp)`);
    const [outcome] = await store(configOf(NEWEST), [order("a", "one", 1), order("A", "two", 2), order("b", "one", 1)]);
    expect(outcome && counts(outcome)).toEqual([2, undefined, 1]);
    expect(await sql("SELECT status FROM orders ORDER BY order_id")).toEqual([
      { status: "two      " },
      { status: "one      " },
    ]);
  });
});

describe("a start with onConflict", () => {
  const open = (config: Config) =>
    openTables(config, null, database.pool).then(
      () => null,
      (error: PiipeError) => ({ code: error.code, message: error.message, hint: error.hint }),
    );
  const withIndex = (ddl: string) => sql(`ALTER TABLE orders DROP CONSTRAINT orders_pkey; ${ddl}`);

  it.each([
    ["no index", ""],
    ["a partial one", "CREATE UNIQUE INDEX ON orders (order_id) WHERE status IS NOT NULL"],
    ["one over an expression", "CREATE UNIQUE INDEX ON orders (lower(order_id))"],
    ["a constraint that may wait", "ALTER TABLE orders ADD UNIQUE (order_id) DEFERRABLE"],
    ["one over more columns", "CREATE UNIQUE INDEX ON orders (order_id, status)"],
    ["one that is not unique", "CREATE INDEX ON orders (order_id)"],
    ["one with another collation", `CREATE UNIQUE INDEX ON orders (order_id COLLATE "POSIX")`],
  ])("is stopped by %s, with the statement that makes it", async (_, ddl) => {
    await withIndex(ddl);
    const found = await open(configOf(NEWEST));
    expect(found).toMatchObject({
      code: "database.table-mismatch",
      message: "public.orders has no unique index over exactly order_id, by which onConflict finds rows",
    });
    const statement = /CREATE UNIQUE INDEX ON [^;]+;/.exec(found?.hint ?? "")?.[0] ?? "";
    await sql(statement);
    expect(await open(configOf(NEWEST))).toBeNull();
  });

  it("takes a constraint or an index over the columns in whichever order, with others carried along", async () => {
    await withIndex("CREATE UNIQUE INDEX ON orders (status, order_id)");
    const columns = { ...COLUMNS, status: { type: "text" } } as const;
    expect(await open(configOf({ key: ["order_id", "status"], do: "ignore" }, { columns }))).toBeNull();
    if (postgresMajor() < 11) return;
    await sql("CREATE UNIQUE INDEX ON orders (order_id) INCLUDE (status)");
    expect(await open(configOf(NEWEST))).toBeNull();
  });

  it.each([
    ["rules", "CREATE RULE r AS ON INSERT TO orders DO ALSO NOTIFY x", /has rules for INSERT or UPDATE/],
    ["tables that inherit", "CREATE TABLE child () INHERITS (orders)", /other tables inherit from public\.orders/],
    [
      "a text as the newest",
      "ALTER TABLE orders ALTER updated_at TYPE text",
      /texts do not say which row is the newest/,
    ],
  ])("is stopped by %s", async (_, ddl, message) => {
    await sql(ddl);
    expect(await open(configOf(NEWEST))).toMatchObject({
      code: "database.table-mismatch",
      message: expect.stringMatching(message) as string,
    });
  });

  it("is stopped by tokens of another key version in the key", async () => {
    const columns = { ...COLUMNS, order_id: { type: "text", mask: "hmac-sha256" } } as const;
    const config = configOf({ key: "order_id", do: "update" }, { columns });
    const start = async (versions: Parameters<typeof keyringOf>[0]): Promise<void> => {
      const keyring = keyringOf(versions);
      await checkConflictKeys(await openTables(config, keyring, database.pool), keyring, database.pool);
    };
    await sql(`INSERT INTO orders VALUES ('h1_${"a".repeat(43)}')`);
    await start({ 1: "primary" });
    await start({ 1: "primary", 2: "pending" });
    await expect(start({ 1: "lookup", 2: "primary" })).rejects.toMatchObject({ code: "keys.mismatch" });
    await sql(`UPDATE orders SET order_id = 'h2_${"a".repeat(43)}'`);
    await start({ 1: "lookup", 2: "primary" });
    // A running worker that reads its keyring anew.
    const written = await openTables(config, null, database.pool);
    const [one, pending, two] = [
      keyringOf({ 1: "primary" }),
      keyringOf({ 1: "primary", 2: "pending" }),
      keyringOf({ 1: "linking", 2: "primary" }),
    ];
    requireSameConflictKeys(written, one, pending);
    expect(() => requireSameConflictKeys(written, pending, two)).toThrow("order_id is in the key of onConflict");
  });
});
