import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import type { PipelineConfig } from "../../src/config/pipeline-config.ts";
import type { BatchOutcome } from "../../src/pipeline/contracts.ts";
import { migratedDatabase, query } from "../support/postgres.ts";
import { openStore } from "../support/store-events.ts";

const database = migratedDatabase();
const sql = (text: string) => query<Record<string, unknown>>(database.url, text);

beforeEach(async () => {
  await sql(`DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    CREATE TABLE orders (order_id text PRIMARY KEY, email text NOT NULL);
    CREATE TABLE order_items (
      order_id text NOT NULL REFERENCES orders,
      position integer NOT NULL,
      sku text NOT NULL CHECK (sku <> 'refused'),
      PRIMARY KEY (order_id, position)
    );
    CREATE TABLE logins (user_id text NOT NULL)`);
});

/** The items are named first: foreign keys hold in whichever order. */
const TABLES: NonNullable<PipelineConfig["tables"]> = {
  order_items: {
    when: { type: "order" },
    each: "items",
    columns: {
      order_id: { from: "^.order_id", type: "text" },
      position: { from: "@index", type: "integer" },
      sku: { type: "text" },
    },
  },
  orders: {
    when: { type: "order" },
    columns: { order_id: { type: "text" }, email: { type: "text", mask: "hmac-sha256" } },
  },
  logins: { when: { type: ["login", "logout"] }, columns: { user_id: { type: "text" } } },
};

function configOf(settings: Partial<PipelineConfig> = {}): Config {
  return parseConfig(
    {
      source: { sqs: { queue: "orders" } },
      sink: { postgres: { url: "postgres://localhost/db" } },
      tables: TABLES,
      ...settings,
    },
    { baseFolder: "/" },
  );
}

const order = (id: string, ...skus: readonly string[]) => ({
  type: "order",
  order_id: id,
  email: `${id}@example.com`,
  items: skus.map((sku) => ({ sku })),
});

/** Takes events the way that a run takes them, in one batch. */
async function store(config: Config, events: readonly object[], ids?: readonly string[]): Promise<BatchOutcome> {
  const opened = await openStore(config, database.pool);
  return opened.store(events.map((event, index) => ({ id: ids?.[index] ?? randomUUID(), event })));
}

const items = (): Promise<unknown[]> =>
  sql("SELECT order_id, position, sku FROM order_items ORDER BY order_id, position");
const kinds = ({ records }: BatchOutcome): readonly string[] => records.map(({ kind }) => kind);

describe("a message with rows in several tables", () => {
  it("is stored as a whole, once, whatever order the tables are named in", async () => {
    const events = [order("a", "x", "y"), { type: "logout", user_id: "u" }, order("b"), order("c", "z")];
    const ids = events.map(() => randomUUID());
    expect(kinds(await store(configOf(), events, ids))).toEqual(["stored", "stored", "stored", "stored"]);
    expect(kinds(await store(configOf(), events, ids))).toEqual(["duplicate", "duplicate", "duplicate", "duplicate"]);
    expect(await items()).toEqual([
      { order_id: "a", position: 0, sku: "x" },
      { order_id: "a", position: 1, sku: "y" },
      { order_id: "c", position: 0, sku: "z" },
    ]);
    expect(await sql("SELECT order_id FROM orders ORDER BY 1")).toEqual([
      { order_id: "a" },
      { order_id: "b" },
      { order_id: "c" },
    ]);
    expect(await sql("SELECT user_id FROM logins")).toEqual([{ user_id: "u" }]);
  });

  it("a row that PostgreSQL refuses takes its whole message, and no other", async () => {
    const outcome = await store(configOf(), [order("a", "x"), order("b", "y", "refused", "z"), order("c", "z")]);
    expect(kinds(outcome)).toEqual(["stored", "rejected", "stored"]);
    expect(outcome.records[1]).toMatchObject({
      rejection: { code: "database.constraint", path: "sku (constraint order_items_sku_check)" },
    });
    expect(await items()).toEqual([
      { order_id: "a", position: 0, sku: "x" },
      { order_id: "c", position: 0, sku: "z" },
    ]);
    expect(await sql("SELECT order_id FROM orders ORDER BY 1")).toEqual([{ order_id: "a" }, { order_id: "c" }]);
  });

  it("goes into tables with triggers of their own, parents first, and what those keep out is counted", async () => {
    await sql(`
      CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.sku = 'kept out' THEN RETURN NULL; END IF; RETURN NEW; END $$;
      CREATE TRIGGER keep_out BEFORE INSERT ON order_items FOR EACH ROW EXECUTE PROCEDURE keep_out()`);
    const outcome = await store(configOf(), [order("a", "x", "kept out"), order("b", "y")]);
    await sql("DROP FUNCTION keep_out CASCADE");
    expect(outcome).toMatchObject({ records: [{ kind: "stored" }, { kind: "stored" }], skipped: 1 });
    expect(await items()).toEqual([
      { order_id: "a", position: 0, sku: "x" },
      { order_id: "b", position: 0, sku: "y" },
    ]);
  });

  it("a refused row takes its whole message where each table has a statement of its own, too", async () => {
    await sql(`
      CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
      CREATE TRIGGER pass BEFORE INSERT ON orders FOR EACH ROW EXECUTE PROCEDURE pass()`);
    const outcome = await store(configOf(), [order("a", "x"), order("b", "refused")]);
    await sql("DROP FUNCTION pass CASCADE");
    expect(kinds(outcome)).toEqual(["stored", "rejected"]);
    expect(await sql("SELECT order_id FROM orders")).toEqual([{ order_id: "a" }]);
  });

  it("what no table takes is refused, or dropped with a claim", async () => {
    await expect(store(configOf(), [{ type: "other" }])).rejects.toThrow("event.unmatched");
    const dropping = configOf({ unmatched: "drop" });
    const ids = [randomUUID(), randomUUID()];
    const events = [{ type: "other" }, { type: "login", user_id: "u" }];
    expect(await store(dropping, events, ids)).toMatchObject({ dropped: 1 });
    expect(kinds(await store(dropping, events, ids))).toEqual(["duplicate", "duplicate"]);
  });

  it("elements of a body are events of one message", async () => {
    const config = configOf({ source: { sqs: { queue: "orders" }, each: "Records" } });
    await store(config, [{ Records: [order("a", "x"), order("b", "y", "z"), { type: "login", user_id: "u" }] }]);
    expect(await items()).toHaveLength(3);
    const outcome = await store(config, [{ Records: [order("c", "x"), order("d", "refused")] }]);
    expect(kinds(outcome)).toEqual(["rejected"]);
    expect(await sql("SELECT order_id FROM orders ORDER BY 1")).toEqual([{ order_id: "a" }, { order_id: "b" }]);
  });
});
