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
  ["text", ["text", "varchar", "varchar(3)", "char(3)"], ["integer", "bytea", "uuid", "name", "text[]"]],
  [
    "integer",
    ["smallint", "integer", "bigint", "numeric", "numeric(9,2)", "text", "varchar(17)"],
    ["real", "boolean", "date"],
  ],
  [
    "number",
    ["double precision", "numeric", "text", "varchar(25)"],
    ["integer", "money", "real", "numeric(9,3)", "numeric(9)"],
  ],
  ["boolean", ["boolean"], ["text", "integer"]],
  [
    "timestamp",
    ["timestamptz", "timestamp", "timestamptz(6)", "text"],
    ["date", "time", "timestamp(3)", "timestamptz(0)"],
  ],
  ["date", ["date", "timestamp", "timestamp(0)", "text"], ["timestamptz", "integer"]],
  ["uuid", ["uuid", "text", "char(36)"], ["bytea"]],
  ["ip", ["inet", "text", "varchar(45)"], ["cidr", "integer"]],
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

test("a type that rounds silently is refused, also behind domains, and its remedy mends it", async () => {
  await query(
    database.url,
    "CREATE DOMAIN money2 AS numeric(9,2); CREATE DOMAIN price AS money2; CREATE DOMAIN moment AS timestamptz(3)",
  );
  const columns = [
    column("price", "number"),
    column("share", "number"),
    column("at", "timestamp"),
    column("wall", "timestamp"),
    column("seen", "timestamp"),
    column("kept", "integer"),
  ];
  const error = mismatchOf(
    await tableOf(
      `CREATE TABLE events (price price, share real, at timestamp(0), wall timestamptz(5), seen moment,
         kept numeric(9,2))`,
    ),
    columns,
  );
  expect(error).toMatchObject({ code: "database.table-mismatch", retryable: false });
  expect(error.message).toBe(
    "the table public.events does not fit the configured columns: " +
      "column price is price, which rounds values of type number; " +
      "column share is real and cannot hold values of type number; " +
      "column at is timestamp(0) without time zone, which rounds values of type timestamp; " +
      "column wall is timestamp(5) with time zone, which rounds values of type timestamp; " +
      "column seen is moment, which rounds values of type timestamp",
  );
  const statements = error.hint?.match(/ALTER TABLE .*?(?=\.(?: |$)|, or)/g) ?? [];
  expect(statements).toHaveLength(5);
  for (const statement of statements) await query(database.url, statement);
  const mended = await readTargetTable(pool, { schema: null, name: "events" });
  expect(mended.columns.map(({ type, decimalsMax }) => [type, decimalsMax])).toEqual([
    ["numeric", null],
    ["float8", null],
    ["timestamp", null],
    ["timestamptz", null],
    ["timestamptz", null],
    ["numeric", 2],
  ]);
  checkTable(mended, columns, new Map());
});

test("a numeric that rounds before the point holds no integers", async (context) => {
  context.skip(postgresMajor() < 15, "negative scales came with PostgreSQL 15");
  const table = await tableOf("CREATE TABLE events (a numeric(9,-2), b numeric(2,-1000), c numeric(3,1000))");
  expect(table.columns.map(({ decimalsMax }) => decimalsMax)).toEqual([-2, -1_000, 1_000]);
  expect(mismatchOf(table, [column("a", "integer")]).message).toContain(
    "column a is numeric(9,-2), which rounds values of type integer",
  );
  expect(mismatchOf(table, [column("b", "version")]).hint).toBe(
    'Keep every digit with ALTER TABLE "public"."events" ALTER COLUMN "b" TYPE numeric.',
  );
  checkTable(table, [column("c", "integer")], new Map());
});

test.each([
  ["integer", 17, "-9007199254740991"],
  ["number", 25, String(-0.000_002_559_093_706_290_731_4)],
  ["ip", 45, "0000:0000:0000:0000:0000:ffff:255.255.255.255"],
] as const)("%s needs %i characters in a text column", async (type, charsNeeded, longest) => {
  expect(longest).toHaveLength(charsNeeded);
  const table = await tableOf(`CREATE TABLE events (fits varchar(${charsNeeded}), short varchar(${charsNeeded - 1}))`);
  checkTable(table, [column("fits", type)], new Map());
  expect(mismatchOf(table, [column("short", type)])).toMatchObject({
    message: expect.stringContaining(`a ${type} has up to ${charsNeeded} characters`),
    hint: expect.stringContaining(`TYPE varchar(${charsNeeded})`),
  });
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
