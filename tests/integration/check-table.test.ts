import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import type { PiipeError } from "../../src/errors.ts";
import { type Column, COLUMN_TYPES } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { createTable } from "../../src/storage/schema/create-table.ts";
import { boundsOf, checkTable } from "../../src/write/check-table.ts";
import { readTargetTable, type TargetTable } from "../../src/write/target-table.ts";
import { column } from "../support/masked-records.ts";
import { createTestDatabase, postgresMajor, query, type TestDatabase } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";

/** The original script's table, as it exists in many databases. */
const ORIGINAL_DDL = `CREATE TABLE IF NOT EXISTS user_logins(
  user_id varchar(128), device_type varchar(32), masked_ip varchar(256), masked_device_id varchar(256),
  locale varchar(32), app_version integer, create_date date)`;

const LOGIN_COLUMNS = [
  column("user_id", "text"),
  column("device_type", "text"),
  column("masked_ip", "ip", { mask: "hmac-sha256" }),
  column("masked_device_id", "text", { mask: "hmac-sha256" }),
  column("locale", "text", { nullable: true }),
  column("app_version", "version"),
  column("create_date", "date"),
];

const TOKEN_CHARS = new Map([
  ["masked_ip", 46],
  ["masked_device_id", 46],
  ["token", 46],
]);

let database: TestDatabase;
let pool: PostgresPool;

beforeEach(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: new Secret(database.url), connectionsMax: 2 });
});

afterEach(async () => {
  await pool.close();
  await database.drop();
});

async function tableOf(ddl: string, name = "events"): Promise<TargetTable> {
  await query(database.url, ddl);
  return readTargetTable(pool, { schema: null, name });
}

function mismatchOf(table: TargetTable, columns: readonly Column[]): PiipeError {
  try {
    checkTable(table, columns, TOKEN_CHARS);
  } catch (error) {
    return error as PiipeError;
  }
  throw new Error("the table was accepted");
}

test("the original table is accepted as it is", async () => {
  const table = await tableOf(ORIGINAL_DDL, "user_logins");
  checkTable(table, LOGIN_COLUMNS, TOKEN_CHARS);
  const bounds = boundsOf(table, LOGIN_COLUMNS);
  expect(bounds.get("device_type")).toEqual({ charsMax: 32, integerMin: null, integerMax: null, isText: true });
  expect(bounds.get("app_version")).toEqual({
    charsMax: null,
    integerMin: -2_147_483_648,
    integerMax: 2_147_483_647,
    isText: false,
  });
});

test("a table that piipe creates is accepted", async () => {
  await createTable(pool, { schema: null, name: "created" }, LOGIN_COLUMNS);
  const table = await readTargetTable(pool, { schema: null, name: "created" });
  expect(() => checkTable(table, LOGIN_COLUMNS, TOKEN_CHARS)).not.toThrow();
});

const REAL_TYPES =
  "smallint|integer|bigint|real|double precision|numeric|numeric(10,2)|boolean|date|timestamp|timestamp(0)|timestamptz|time|uuid|inet|cidr|json|jsonb|bytea|text|money|varchar(8)|char(4)|integer[]".split(
    "|",
  );

test("every ALTER that a remedy gives works as it stands, and mends the table", async () => {
  const ddl = REAL_TYPES.flatMap((type, real) =>
    COLUMN_TYPES.map((_, wanted) => `CREATE TABLE t_${real}_${wanted} (v ${type})`),
  );
  await query(database.url, ddl.join(";"));
  let mended = 0;
  for (const real of REAL_TYPES.keys()) {
    for (const [wanted, type] of COLUMN_TYPES.entries()) {
      const name = `t_${real}_${wanted}`;
      const declared = [column("v", type)];
      const table = await readTargetTable(pool, { schema: null, name });
      try {
        checkTable(table, declared, TOKEN_CHARS);
      } catch (error) {
        const [, alter] = /(ALTER TABLE .+? TYPE [a-z ]+(?:\(\d+\))?)[.,]/.exec((error as PiipeError).hint ?? "") ?? [];
        if (alter === undefined) continue;
        await query(database.url, alter);
        checkTable(await readTargetTable(pool, { schema: null, name }), declared, TOKEN_CHARS);
        mended += 1;
      }
    }
  }
  expect(mended).toBeGreaterThan(40);
});

test("a missing table is told from a missing database, and upper case matters", async () => {
  await query(database.url, 'CREATE TABLE "Events" (t text)');
  await expect(readTargetTable(pool, { schema: null, name: "events" })).rejects.toMatchObject({
    code: "database.table-missing",
    retryable: false,
    hint: expect.stringContaining("piipe migrate"),
  });
  await expect(readTargetTable(pool, { schema: "nowhere", name: "events" })).rejects.toMatchObject({
    code: "database.table-missing",
  });
  expect((await readTargetTable(pool, { schema: "public", name: "Events" })).name).toEqual({
    schema: "public",
    name: "Events",
  });
});

test("every problem is told at once, with its remedy", async () => {
  const table = await tableOf(
    `CREATE TABLE events (devic_type text, n boolean, token varchar(45), short varchar(9), must text NOT NULL,
       unfilled text NOT NULL, filled text NOT NULL DEFAULT '')`,
  );
  const error = mismatchOf(table, [
    column("device_type", "text"),
    column("n", "integer"),
    column("token", "ip", { mask: "hmac-sha256" }),
    column("short", "date"),
    column("must", "text", { nullable: true }),
  ]);
  expect(error).toMatchObject({ code: "database.table-mismatch", retryable: false });
  expect(error.message).toBe(
    "the table public.events does not fit the configured columns: " +
      "there is no column device_type (did you mean devic_type?); " +
      "column n is boolean and cannot hold values of type integer; " +
      "column token is character varying(45), and a hmac-sha256 token has up to 46 characters; " +
      "column short is character varying(9), and a date has up to 10 characters; " +
      "column must is NOT NULL, and the configuration says nullable; " +
      "column unfilled is NOT NULL without a default, and the configuration does not fill it",
  );
  expect(error.hint).toContain('ALTER TABLE "public"."events" ADD COLUMN "device_type" text');
  expect(error.hint).toContain('ALTER TABLE "public"."events" ALTER COLUMN "token" TYPE varchar(46)');
});

test("the remedies mend the table", async () => {
  const columns = [
    column("a", "text"),
    column("token", "ip", { mask: "hmac-sha256" }),
    column("n", "integer", { nullable: true }),
  ];
  const error = mismatchOf(await tableOf("CREATE TABLE events (token varchar(5), n bigint NOT NULL)"), columns);
  const statements = error.hint?.match(/ALTER TABLE .*?(?=\.(?: |$)|, or)/g) ?? [];
  expect(statements).toHaveLength(3);
  for (const statement of statements) await query(database.url, statement);
  checkTable(await readTargetTable(pool, { schema: null, name: "events" }), columns, TOKEN_CHARS);
});

test.each([
  [
    "text",
    [
      "text",
      "varchar",
      "varchar(3)",
      "char(3)",
      "interval",
      "time(0)",
      "macaddr",
      "cidr",
      "xml",
      "bit(4)",
      "point",
      "int4range",
      "hstore_like",
      "tsvector",
    ],
    ["integer", "bytea", "uuid", "name", "text[]", '"char"', "money", "real", "jsonb", "timestamptz"],
  ],
  [
    "integer",
    ["smallint", "integer", "bigint", "numeric", "numeric(9,2)", "text", "varchar(1)"],
    ["real", "boolean", "date", "integer[]"],
  ],
  [
    "number",
    ["double precision", "numeric", "text", "varchar(2)", "numeric(9,3)", "numeric(9)"],
    ["integer", "money", "real"],
  ],
  ["boolean", ["boolean"], ["text", "integer"]],
  [
    "timestamp",
    ["timestamptz", "timestamp", "timestamptz(6)", "timestamp(3)", "timestamptz(0)", "text"],
    ["date", "time"],
  ],
  ["date", ["date", "timestamp", "timestamp(0)", "text"], ["timestamptz", "integer"]],
  ["uuid", ["uuid", "text", "char(36)"], ["bytea"]],
  ["ip", ["inet", "text", "varchar(15)"], ["cidr", "integer"]],
  ["decimal", ["numeric", "numeric(9,2)", "text", "varchar(9)"], ["double precision", "bigint", "money"]],
  ["phone", ["text", "varchar(16)"], ["bigint"]],
  ["mac", ["macaddr", "text", "char(17)"], ["macaddr8", "inet", "varchar(16)"]],
  ["text[]", ["text[]", "varchar(9)[]", "interval[]", "hstore_like[]"], ["integer[]", "name[]", "text", "jsonb"]],
  ["integer[]", ["smallint[]", "integer[]", "bigint[]", "numeric(9,2)[]"], ["integer", "text[]", "real[]", "jsonb"]],
  ["timestamp[]", ["timestamp[]", "timestamptz(3)[]"], ["date[]"]],
  ["uuid[]", ["uuid[]"], ["text[]"]],
  ["version", ["integer", "bigint", "numeric", "numeric(12,1)", "text"], ["smallint", "real"]],
  ["json", ["jsonb", "json", "text"], ["hstore_like"]],
] as const)("%s: what can hold it and what cannot", async (type, fitting, unfit) => {
  await query(database.url, "CREATE TYPE hstore_like AS (k text, v text)");
  const definitions = [...fitting, ...unfit].map((real, index) => `c${index} ${real}`);
  const table = await tableOf(`CREATE TABLE events (${definitions.join(", ")})`);
  const columns = definitions.map((_, index) => column(`c${index}`, type));
  checkTable(table, columns.slice(0, fitting.length), new Map());
  for (const bad of columns.slice(fitting.length)) {
    expect(mismatchOf(table, [bad]).message).toContain(`column ${bad.name} is `);
  }
});

test("what a column keeps is known, also behind domains, and nobody is asked to alter one that rounds", async () => {
  await query(
    database.url,
    "CREATE DOMAIN money2 AS numeric(9,2); CREATE DOMAIN price AS money2; CREATE DOMAIN moment AS timestamptz(3)",
  );
  const columns = [
    column("price", "number"),
    column("prices", "decimal[]"),
    column("at", "timestamp"),
    column("seen", "timestamp"),
    column("whole", "timestamp"),
    column("big", "integer"),
  ];
  const table = await tableOf(
    "CREATE TABLE events (price price, prices numeric(5,1)[], at timestamp(0), seen moment, whole timestamptz, big bigint)",
  );
  checkTable(table, columns, new Map());
  const bounds = boundsOf(table, columns);
  expect(bounds.get("price")).toMatchObject({ numeric: { precision: 9, scale: 2 } });
  expect(bounds.get("prices")).toMatchObject({ numeric: { precision: 5, scale: 1 } });
  expect(bounds.get("at")).toMatchObject({ secondDecimals: 0 });
  expect(bounds.get("seen")).toMatchObject({ secondDecimals: 3 });
  expect(bounds.get("whole")).not.toHaveProperty("secondDecimals");
  expect(bounds.get("big")).toMatchObject({ integerMin: -(2n ** 63n), integerMax: 2n ** 63n - 1n });
});

test("the queue's own times go into a column of seconds only when they may be cut", async () => {
  const sentAt = {
    ...column("at", "timestamp"),
    origin: { kind: "metadata", name: "sent_at" },
    from: "@sent_at",
  } as const;
  const table = await tableOf("CREATE TABLE events (at timestamp(0))");
  expect(mismatchOf(table, [sentAt])).toMatchObject({
    message: expect.stringContaining("column at is timestamp(0) without time zone, and @sent_at has milliseconds"),
    hint: expect.stringContaining("`cut: true`"),
  });
  checkTable(table, [{ ...sentAt, cut: true }], new Map());
  // Also where they only stand in for a field.
  const places = [{ kind: "field", path: ["at"] }, sentAt.origin] as const;
  expect(mismatchOf(table, [{ ...sentAt, origin: { kind: "first", places }, from: "at or @sent_at" }])).toMatchObject({
    message: expect.stringContaining("at or @sent_at has milliseconds"),
  });
});

test("the size of a numeric is read, whichever way its scale goes", async (context) => {
  context.skip(postgresMajor() < 15, "negative scales came with PostgreSQL 15");
  const table = await tableOf("CREATE TABLE events (a numeric(9,-2), b numeric(2,-1000), c numeric(3,1000))");
  expect(table.columns.map(({ digitsMax, decimalsMax }) => [digitsMax, decimalsMax])).toEqual([
    [9, -2],
    [2, -1_000],
    [3, 1_000],
  ]);
});

test("a column that no value of its type fits is refused", async () => {
  const table = await tableOf("CREATE TABLE events (fits varchar(36), short varchar(35))");
  checkTable(table, [column("fits", "uuid")], new Map());
  expect(mismatchOf(table, [column("short", "uuid")])).toMatchObject({
    message: expect.stringContaining("a uuid has up to 36 characters"),
    hint: expect.stringContaining("TYPE varchar(36)"),
  });
});

test("the labels of an enum are known, behind a domain and in an array as well", async () => {
  await query(database.url, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN feeling AS mood");
  const table = await tableOf("CREATE TABLE events (a mood, b feeling, c mood[], d text)");
  expect(table.columns.map(({ labels }) => labels)).toEqual([["sad", "ok"], ["sad", "ok"], ["sad", "ok"], null]);
});

test.each(["inet", "integer", "uuid", "jsonb"])("a token does not fit into %s", async (type) => {
  const table = await tableOf(`CREATE TABLE events (token ${type})`);
  expect(mismatchOf(table, [column("token", "ip", { mask: "hmac-sha256" })]).message).toContain("hmac-sha256 tokens");
});

test("a domain counts as its base type, with its length and its NOT NULL", async () => {
  await query(database.url, "CREATE DOMAIN short AS varchar(5) NOT NULL; CREATE DOMAIN shorter AS short");
  const table = await tableOf("CREATE TABLE events (t shorter)");
  expect(table.columns).toMatchObject([{ name: "t", type: "varchar", charsMax: 5, notNull: true }]);
  expect(mismatchOf(table, [column("t", "text", { nullable: true })]).message).toContain("NOT NULL");
});

test("columns that PostgreSQL generates cannot be configured, and need not be", async () => {
  const isNew = postgresMajor() >= 12;
  const table = await tableOf(
    `CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, n integer
       ${isNew ? ", twice integer NOT NULL GENERATED ALWAYS AS (n * 2) STORED" : ""})`,
  );
  checkTable(table, [column("n", "integer")], new Map());
  for (const name of isNew ? ["id", "twice"] : ["id"]) {
    expect(mismatchOf(table, [column("n", "integer"), column(name, "integer")]).message).toContain(
      `column ${name} is generated`,
    );
  }
});

test("dropped columns are not there", async () => {
  const table = await tableOf("CREATE TABLE events (a text, b text); ALTER TABLE events DROP COLUMN a");
  expect(table.columns.map(({ name }) => name)).toEqual(["b"]);
});

test("an index or a sequence is no table", async () => {
  const table = await tableOf("CREATE SEQUENCE events");
  expect(mismatchOf(table, [])).toMatchObject({ code: "database.table-mismatch" });
});

test("a user who may not insert is told what to grant", async () => {
  await query(database.url, "CREATE TABLE events (t text)");
  const role = await createTestRole(database.url);
  const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
  try {
    const columns = [column("t", "text")];
    const read = (): Promise<TargetTable> => readTargetTable(limited, { schema: null, name: "events" });
    expect(mismatchOf(await read(), columns)).toMatchObject({
      code: "database.denied",
      hint: expect.stringContaining('GRANT INSERT ON "public"."events"'),
    });
    await query(database.url, `GRANT INSERT (t) ON events TO ${role.name}`);
    checkTable(await read(), columns, new Map());
  } finally {
    await limited.close();
    await role.drop();
  }
});
