import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load-config.ts";
import { openDashboardData } from "../../src/dashboard/open-dashboard-data.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";

/** What commands do over all tables of a pipeline: orders with their items, and logins, which no foreign key ties to them. */
const TABLES = `
  public.order_items:
    when: { type: order }
    each: items
    columns:
      order_id: { from: ^.order_id, type: text }
      position: { from: "@index", type: integer }
      sku: { type: text }
      gift_to: { type: text, mask: hmac-sha256, key: email, reveal: true, nullable: true }
  orders:
    when: { type: order }
    columns:
      order_id: { type: text }
      user_id: { type: text }
      email: { type: text, mask: hmac-sha256, reveal: true, nullable: true }
      card: { type: text, mask: aes-siv, nullable: true }
      sent_at: { from: "@sent_at", type: timestamp }
  logins:
    when: { type: login }
    columns:
      user_id: { type: text }
      email: { type: text, mask: hmac-sha256, reveal: true }
      context: { type: json, nullable: true, masks: { ip: { type: ip, mask: hmac-sha256 }, "devices[].id": hmac-sha256 } }
`;

const SCHEMA = `
  DROP TABLE IF EXISTS order_items, orders, logins;
  CREATE TABLE orders (order_id text PRIMARY KEY, user_id text NOT NULL, email text, card text, sent_at timestamptz);
  CREATE TABLE order_items (
    order_id text NOT NULL REFERENCES orders, position integer NOT NULL, sku text NOT NULL, gift_to text,
    PRIMARY KEY (order_id, position));
  CREATE TABLE logins (user_id text NOT NULL, email text NOT NULL, context jsonb)`;

const JANE = "jane@example.com";
const EVE = "eve@example.com";
const EVENTS = [
  {
    type: "order",
    order_id: "a",
    user_id: "u1",
    email: JANE,
    card: "c-jane",
    items: [{ sku: "x" }, { sku: "y", gift_to: EVE }],
  },
  {
    type: "order",
    order_id: "b",
    user_id: "u2",
    email: EVE,
    card: "c-eve",
    items: [{ sku: "x", gift_to: JANE }, { sku: "z" }],
  },
  { type: "order", order_id: "c", user_id: "u3", email: "joe@example.com", card: "c-joe", items: [{ sku: "x" }] },
  {
    type: "login",
    user_id: "u1",
    email: JANE,
    context: { ip: "192.0.2.1", devices: [{ id: "d1", os: "x" }, { id: "d2" }] },
  },
  { type: "login", user_id: "u1", email: "jane2@example.com", context: { ip: "192.0.2.2", devices: [] } },
  { type: "login", user_id: "u2", email: EVE, context: null },
];

const sqs = testSqs();
let pipeline: LoginPipeline;
let steps: TokenScenario;
const sql = (text: string) => query<Record<string, unknown>>(pipeline.databaseUrl, text);
const json = async (...args: readonly string[]): Promise<Record<string, unknown>> =>
  JSON.parse((await steps.must(...args, "--json")).stdout) as Record<string, unknown>;

async function configure(tables: string): Promise<void> {
  const file = join(pipeline.folder, "piipe.yaml");
  const text = await readFile(file, "utf8");
  const head = text.slice(0, text.search(/^(?:columns|tables):/m)).replace(", table: user_logins", "");
  await writeFile(file, `${head}tables:${tables}`);
}

/** The rows as they came. */
async function refill(): Promise<void> {
  await sql(
    "TRUNCATE orders, order_items, logins, piipe.vault, piipe.key_links; INSERT INTO orders SELECT * FROM kept.orders; " +
      "INSERT INTO order_items SELECT * FROM kept.order_items; INSERT INTO logins SELECT * FROM kept.logins; " +
      "INSERT INTO piipe.vault SELECT * FROM kept.vault",
  );
}

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs);
  steps = tokenScenario(pipeline, sqs);
  await configure(TABLES);
  await sql(SCHEMA);
  await steps.must("migrate");
  await sqs.send(
    pipeline.queue.url,
    EVENTS.map((event) => JSON.stringify(event)),
  );
  await steps.must("run", "--until-empty");
  await sql("CREATE SCHEMA kept");
  for (const [name, table] of [
    ["orders", "orders"],
    ["order_items", "order_items"],
    ["logins", "logins"],
    ["vault", "piipe.vault"],
  ])
    await sql(`CREATE TABLE kept.${name} AS TABLE ${table}`);
});
afterAll(() => pipeline.remove());

describe("over all tables of a pipeline", () => {
  it("lookup finds a column of one name in each, one that is named with its table, and those that share a key", async () => {
    expect(await json("lookup", "email", JANE)).toMatchObject({
      rows: 3,
      userColumn: "user_id",
      users: 1,
      tables: [
        {
          table: "public.order_items",
          rows: 1,
          users: null,
          tokens: [{ column: "public.order_items.gift_to", rows: 1 }],
        },
        { table: "orders", rows: 1, users: 1, timeColumn: "sent_at", tokens: [{ column: "orders.email", rows: 1 }] },
        { table: "logins", rows: 1, users: 1, tokens: [{ column: "logins.email", rows: 1 }] },
      ],
    });
    expect(await json("lookup", "orders.email", JANE)).toMatchObject({ rows: 1, tables: [{ table: "orders" }] });
    expect(await json("lookup", "order_items.gift_to", EVE)).toMatchObject({
      rows: 1,
      tables: [{ table: "public.order_items" }],
    });
    expect(await json("lookup", "logins.context.ip", "192.0.2.1")).toMatchObject({
      rows: 1,
      tables: [{ table: "logins" }],
    });
    const { stdout } = await steps.must("lookup", "email", JANE);
    for (const text of ["orders.email", "3 rows of 1 user (user_id)", "public.order_items: 1 row", "logins: 1 row"]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).not.toContain(JANE);
    expect((await steps.cli(["lookup", "orders.gift_to", JANE])).stderr).toContain("public.order_items.gift_to");
    expect((await steps.audit()).at(-1)?.details).toMatchObject({
      table: "public.order_items, public.orders, public.logins",
      rows: 3,
    });
  });

  it("duplicates are listed for each column of each table", async () => {
    const found = await json("duplicates");
    expect(found).toMatchObject({
      min: 2,
      tables: [
        {
          table: "public.order_items",
          userColumn: null,
          columns: [{ column: "public.order_items.gift_to", valuesFound: 0 }],
        },
        {
          table: "public.orders",
          userColumn: "user_id",
          columns: [{ column: "orders.email" }, { column: "orders.card" }],
        },
        {
          table: "public.logins",
          columns: [
            { column: "logins.email" },
            { column: "logins.context.ip" },
            { column: "logins.context.devices[].id" },
          ],
        },
      ],
    });
    await sql("INSERT INTO logins SELECT 'u9', email FROM logins WHERE user_id = 'u2'");
    expect(await json("duplicates", "--column", "email")).toMatchObject({
      tables: [
        { table: "public.orders", columns: [{ column: "orders.email", values: [] }] },
        { table: "public.logins", columns: [{ column: "logins.email", values: [{ rows: 2, users: 2 }] }] },
      ],
    });
    const { stdout } = await steps.must("duplicates", "--column", "logins.email");
    expect(stdout).toContain("logins.email: 1 value in 2 rows");
    expect(stdout).toContain("Total: 1 value in 1 column of public.logins");
    expect((await steps.cli(["duplicates", "--column", "sku"])).stderr).toContain("has no mask");
    const opened = openDashboardData({
      config: await loadConfig(join(pipeline.folder, "piipe.yaml"), pipeline.environment),
      keysJson: undefined,
      credentials: null,
      ownWorkers: () => [],
      allowsActions: false,
      privateKey: null,
      emit: () => {},
      abort: new AbortController().signal,
    });
    try {
      expect(opened.data.duplicateColumns).toEqual([
        "public.order_items.gift_to",
        "orders.email",
        "orders.card",
        "logins.email",
        "logins.context.ip",
        "logins.context.devices[].id",
      ]);
      const { signal } = new AbortController();
      expect(await opened.data.duplicates("logins.email", signal)).toMatchObject({ valuesFound: 1, rowsFound: 2 });
      expect(await opened.data.duplicates("orders.email", signal)).toMatchObject({ valuesFound: 0 });
    } finally {
      await opened.close();
    }
    await refill();
  });

  it("reveal opens a token of either table, as they share a key", async () => {
    const [row] = await sql(
      "SELECT email, (SELECT gift_to FROM order_items WHERE order_id = 'b' AND position = 0) AS gift FROM logins WHERE user_id = 'u1' AND context ->> 'ip' IS NOT NULL ORDER BY email = (SELECT email FROM orders WHERE order_id = 'a') DESC",
    );
    expect(row?.["gift"]).toBe(row?.["email"]);
    for (const column of ["email", "logins.email", "gift_to"]) {
      expect(await json("reveal", column, String(row?.["email"]), "--reason", "test")).toMatchObject({
        column: column === "gift_to" ? "public.order_items.gift_to" : column,
        value: JANE,
      });
    }
    const [order] = await sql("SELECT card FROM orders WHERE order_id = 'a'");
    expect(await json("reveal", "card", String(order?.["card"]), "--reason", "test")).toMatchObject({
      column: "orders.card",
      value: "c-jane",
    });
  });
});

describe("what was there before", () => {
  it("status finds the workers, and names all tables", async () => {
    expect(await json("status")).toMatchObject({
      table: "public.order_items, orders, logins",
      workers: { ok: true, value: [{ state: "stopped", figures: { stored: 6 } }] },
    });
  });

  it("mask prints each table's rows below its name", async () => {
    const { stdout } = await steps.cli(["mask"], JSON.stringify(EVENTS[0]));
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { "public.order_items": { order_id: "a", position: 0 } },
      { "public.order_items": { order_id: "a", position: 1 } },
      { orders: { order_id: "a" } },
    ]);
  });

  it("check looks at a sample of each table's columns", async () => {
    await sql("UPDATE order_items SET sku = 'someone@example.com'");
    const { stdout } = await steps.cli(["check", "--json"]);
    const { findings } = JSON.parse(stdout) as { findings: readonly { text: string }[] };
    const texts = findings.map(({ text }) => text);
    expect(texts.find((text) => text.startsWith("public.order_items: sku is stored as it is"))).toContain("email");
    expect(texts.find((text) => text.includes("columns masked with a key"))).toContain("orders.email, orders.card");
    expect(stdout).not.toContain("someone@");
    await refill();
  });
});

describe("piipe erase over all tables", () => {
  it("takes the person's rows everywhere, and first the rows that refer to them", async () => {
    const erased = await json("erase", "orders.email", JANE, "--yes");
    expect(erased).toMatchObject({
      tables: [
        { table: "public.order_items", rows: 3 },
        { table: "public.orders", rows: 1 },
        { table: "public.logins", rows: 1 },
      ],
      columns: ["public.order_items.gift_to", "orders.email", "logins.email"],
      // Her original; Eve's stays, as other rows have it.
      deleted: { rows: 5, links: 0, vault: 1 },
      remaining: { userColumn: "user_id", users: 1, rowsOfSameUsers: 1 },
    });
    expect(await sql("SELECT order_id, position FROM order_items ORDER BY 1, 2")).toEqual([
      { order_id: "b", position: 1 },
      { order_id: "c", position: 0 },
    ]);
    expect(await sql("SELECT order_id FROM orders ORDER BY 1")).toEqual([{ order_id: "b" }, { order_id: "c" }]);
    expect(await sql("SELECT user_id FROM logins ORDER BY 1")).toEqual([{ user_id: "u1" }, { user_id: "u2" }]);
    expect((await steps.must("erase", "email", JANE, "--yes")).stdout).toContain("Nothing was there to delete.");
    await refill();
  });

  it("deletes an original with the last row in any table that has its token", async () => {
    const vault = async () => (await sql("SELECT count(*)::integer AS n FROM piipe.vault"))[0]?.["n"];
    const before = Number(await vault());
    // Order b goes by its card, and with it items; Eve's address is still in logins, Jane's in orders.
    expect(await json("erase", "card", "c-eve", "--yes")).toMatchObject({ deleted: { rows: 3, vault: 0 } });
    await sql("DELETE FROM logins WHERE user_id = 'u2'; UPDATE order_items SET gift_to = NULL WHERE order_id = 'c'");
    await sql("DELETE FROM order_items WHERE order_id = 'a'; UPDATE orders SET order_id = 'a2' WHERE order_id = 'a'");
    const { deleted } = (await json("erase", "card", "c-joe", "--yes")) as { deleted: object };
    expect(deleted).toEqual({ rows: 2, links: 0, vault: 1 });
    expect(await vault()).toBe(before - 1);
    await refill();
  });

  it("says what no column and no foreign key leads to", async () => {
    const { stdout } = await steps.must("erase", "context.ip", "192.0.2.2", "--yes");
    expect(stdout).toContain("Deleted 1 row of public.logins, 0 links, 1 vault entry.");
    expect(stdout).toContain("All rows of public.order_items, public.orders: no column there can have the value");
    await refill();
  });

  it("says what stands in the way when a table of others refers to the rows, and deletes nothing", async () => {
    await sql(
      "CREATE TABLE invoices (order_id text CONSTRAINT of_order REFERENCES orders); INSERT INTO invoices VALUES ('a')",
    );
    const result = await steps.cli(["erase", "email", JANE, "--yes"]);
    expect(result).toMatchObject({ code: 4, stdout: "" });
    expect(result.stderr).toContain("are referred to by rows of a table that the configuration does not have");
    expect(result.stderr).toContain("of_order");
    expect(await sql("SELECT count(*)::integer AS n FROM order_items")).toEqual([{ n: 5 }]);
    await sql("DROP TABLE invoices");
  });

  it("goes on in batches where there are many", async () => {
    await sql(`
      INSERT INTO orders SELECT 'm' || i, 'u1', (SELECT email FROM orders WHERE order_id = 'a') FROM generate_series(1, 3000) i;
      INSERT INTO order_items SELECT 'm' || i, p, 'x' FROM generate_series(1, 3000) i, generate_series(1, 2) p`);
    const { deleted } = (await json("erase", "email", JANE, "--yes")) as { deleted: { rows: number } };
    expect(deleted.rows).toBe(9_005);
    expect(await sql("SELECT count(*)::integer AS n FROM orders")).toEqual([{ n: 2 }]);
    await refill();
  });
});

describe("piipe erase --set-null", () => {
  it("refuses columns that are NOT NULL before anything is changed", async () => {
    const noted = (await steps.audit()).length;
    const result = await steps.cli(["erase", "email", JANE, "--yes", "--set-null"]);
    expect(result).toMatchObject({ code: 4, stdout: "" });
    expect(result.stderr).toContain(
      "nothing was changed: --set-null cannot set email of public.logins to NULL, which is NOT NULL",
    );
    expect(result.stderr).toContain('ALTER TABLE "public"."logins" ALTER COLUMN "email" DROP NOT NULL');
    expect(await sql("SELECT count(*)::integer AS n FROM orders WHERE email IS NULL")).toEqual([{ n: 0 }]);
    expect(await steps.audit()).toHaveLength(noted);
  });

  it("keeps the rows, with NULL in what is masked, inside JSON too, and deletes originals and links", async () => {
    await sql("ALTER TABLE logins ALTER COLUMN email DROP NOT NULL");
    const before = await sql("SELECT count(*)::integer AS n FROM piipe.vault");
    const erased = await json("erase", "email", JANE, "--yes", "--set-null");
    expect(erased).toMatchObject({
      tables: [
        // Of the order's items those alone that hold something.
        { table: "public.order_items", rows: 2 },
        { table: "public.orders", rows: 1 },
        { table: "public.logins", rows: 1 },
      ],
      deleted: { rows: 0, vault: 1 },
      setNull: { rows: 4 },
    });
    expect(await sql("SELECT count(*)::integer AS n FROM piipe.vault")).toEqual([{ n: Number(before[0]?.["n"]) - 1 }]);
    expect(await sql("SELECT order_id, position, gift_to IS NULL AS gone FROM order_items ORDER BY 1, 2")).toEqual([
      { order_id: "a", position: 0, gone: true },
      { order_id: "a", position: 1, gone: true },
      { order_id: "b", position: 0, gone: true },
      { order_id: "b", position: 1, gone: true },
      { order_id: "c", position: 0, gone: true },
    ]);
    expect(await sql("SELECT user_id, email, card FROM orders WHERE order_id = 'a'")).toEqual([
      { user_id: "u1", email: null, card: null },
    ]);
    expect(await sql("SELECT user_id, context FROM logins WHERE email IS NULL")).toEqual([
      { user_id: "u1", context: { ip: null, devices: [{ id: null, os: "x" }, { id: null }] } },
    ]);
    expect(
      await sql("SELECT count(*)::integer AS n FROM logins WHERE email IS NOT NULL AND context ->> 'ip' IS NOT NULL"),
    ).toEqual([{ n: 1 }]);
    const again = await steps.must("erase", "email", JANE, "--yes", "--set-null");
    expect(again.stdout).toContain("Nothing was there to delete.");
    expect(again.stdout).toContain("The rows, with all that is stored in them as it is.");
    await refill();
  });

  it("finds rows by what is masked inside JSON, in a text column as well, and leaves the rest of it", async () => {
    await sql("ALTER TABLE logins ALTER COLUMN context TYPE text USING context::text");
    expect(await json("erase", "context.devices[].id", "d2", "--yes", "--set-null")).toMatchObject({
      setNull: { rows: 1 },
    });
    expect(
      await sql("SELECT context::jsonb AS context FROM logins WHERE user_id = 'u1' AND context LIKE '%os%'"),
    ).toEqual([{ context: { ip: null, devices: [{ id: null, os: "x" }, { id: null }] } }]);
    await sql("ALTER TABLE logins ALTER COLUMN context TYPE jsonb USING context::jsonb");
    await refill();
  });
});

describe("piipe migrate --add-columns", () => {
  it("adds what the configuration has and a table lacks, nullable, and changes nothing else", async () => {
    await configure(
      TABLES.replace("sku: { type: text }", "sku: { type: text }\n      price: { type: decimal }").replace(
        "context:",
        "born: { type: date, nullable: true }\n      context:",
      ),
    );
    const refused = await steps.cli(["run", "--until-empty"]);
    expect(refused.stderr).toContain("or all that are missing with `piipe migrate --add-columns`");
    const without = await steps.must("migrate");
    expect(without.stderr).toContain("there is no column price");
    const { stdout, stderr } = await steps.must("migrate", "--add-columns", "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      tables: [{ added: ["price"] }, { added: [] }, { added: ["born"] }],
      warnings: [],
    });
    expect(stderr).toContain("added column price to public.order_items, NULL in the rows that it has");
    expect(
      await sql(
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' AND column_name IN ('price', 'born', 'user_id') AND table_name IN ('logins', 'order_items') ORDER BY 1, 2",
      ),
    ).toEqual([
      { table_name: "logins", column_name: "born", data_type: "date", is_nullable: "YES" },
      { table_name: "logins", column_name: "user_id", data_type: "text", is_nullable: "NO" },
      { table_name: "order_items", column_name: "price", data_type: "numeric", is_nullable: "YES" },
    ]);
    expect((await steps.must("migrate", "--add-columns")).stderr).toContain("nothing to do: everything is up to date");
    await configure(TABLES);
  });
});

describe("piipe init --update", () => {
  it("adds new fields to the table that has rows of what they stand in", async () => {
    const file = join(pipeline.folder, "piipe.yaml");
    const before = await readFile(file, "utf8");
    const sample = EVENTS.map((event) => {
      if (event.items === undefined) return { ...event, device: "m" };
      return {
        ...event,
        order_id: `${event.order_id}-new`,
        note: "as a gift",
        total: "9.50",
        items: event.items.map((item) => ({ ...item, weight: 3 })),
      };
    });
    const args = ["init", "--update", "--sample", "-", "--json"];
    await sql(
      "ALTER TABLE orders ADD COLUMN note text, ADD COLUMN total numeric; ALTER TABLE order_items ADD COLUMN weight bigint",
    );
    const { stdout, stderr, code } = await steps.cli(args, sample.map((event) => JSON.stringify(event)).join("\n"));
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      events: { looked: 6, unreadable: 0 },
      tables: [
        { table: "public.order_items", columns: [{ name: "weight", from: "weight", nullable: true }], leftOut: [] },
        { table: "orders", columns: [{ name: "note" }, { name: "total", type: "decimal" }], leftOut: [] },
        { table: "logins", columns: [], leftOut: [{ field: "device" }] },
      ],
      trial: { fitting: 6, isTriedInTable: true },
    });
    const after = await readFile(file, "utf8");
    for (const line of ["      weight: {", "      note: {", "      total: {"]) expect(after).toContain(line);
    const again = await steps.cli(args, sample.map((event) => JSON.stringify(event)).join("\n"));
    expect(again.stderr).toContain("nothing added: piipe.yaml stays as it is");
    await writeFile(file, before);
    await sql("ALTER TABLE orders DROP COLUMN note, DROP COLUMN total; ALTER TABLE order_items DROP COLUMN weight");
  });
});

describe("piipe keys rewrap over all tables", () => {
  it("makes the tokens of every table anew, those of columns that share a key alike", async () => {
    await sql("ALTER TABLE order_items DROP COLUMN IF EXISTS price; ALTER TABLE logins DROP COLUMN IF EXISTS born");
    await steps.rotate(2, "--over");
    const { columns } = (await json("keys", "rewrap", "--column", "orders.email")) as { columns: readonly object[] };
    expect(columns).toMatchObject([
      { column: "public.order_items.gift_to", rows: 2, remaining: 0 },
      { column: "orders.email", rows: 3, remaining: 0 },
      { column: "logins.email", rows: 3, remaining: 0 },
    ]);
    const all = (await json("keys", "rewrap")) as { columns: readonly object[] };
    expect(all.columns).toMatchObject([
      { column: "public.order_items.gift_to", rows: 0 },
      { column: "orders.email", rows: 0 },
      { column: "orders.card", rows: 3 },
      { column: "logins.email", rows: 0 },
      { column: "logins.context.ip", rows: 2 },
      { column: "logins.context.devices[].id", rows: 1 },
    ]);
    expect(
      await sql(
        "SELECT count(*)::integer AS n FROM orders o JOIN logins l ON l.email = o.email WHERE left(o.email, 3) = 'h2_'",
      ),
    ).toEqual([{ n: 2 }]);
    expect(await json("lookup", "email", JANE)).toMatchObject({ rows: 3 });
    const checks = await steps.must("migrate", "--token-checks");
    for (const name of ["gift_to", "email", "card"])
      expect(checks.stderr).toContain(`the check piipe_token_${name} holds`);
  });
});
