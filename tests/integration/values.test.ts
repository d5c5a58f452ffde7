import { beforeEach, describe, expect, it } from "vitest";
import type { PipelineConfig } from "../../src/config/pipeline-config.ts";
import { createTable } from "../../src/storage/schema/create-table.ts";
import { checkTable } from "../../src/write/check-table.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { keyringOf } from "../support/keyring-of.ts";
import { decoderOf, maskOf } from "../support/one-table.ts";
import { migratedDatabase, postgresMajor, query } from "../support/postgres.ts";
import { columnsOf, deliveryOf, storeValues } from "../support/store-values.ts";

type Columns = PipelineConfig["columns"];

const database = migratedDatabase();
beforeEach(async () => {
  await sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
});

const sql = (text: string) => query<Record<string, unknown>>(database.url, text);
const store = (columns: Columns, events: readonly object[]) =>
  storeWritten(
    columns,
    events.map((event) => JSON.stringify(event)),
  );
const storeWritten = (columns: Columns, bodies: readonly string[]) =>
  storeValues(database.pool, "events", columns, bodies);

async function problemOf(columns: Columns): Promise<string> {
  const table = await readTargetTable(database.pool, { schema: null, name: "events" });
  try {
    checkTable(table, columnsOf(columns), new Map());
  } catch (error) {
    return (error as Error).message;
  }
  return "none";
}

describe("tables as frameworks make them take events without an ALTER", () => {
  it("Laravel: seconds alone, and money with two decimals", async () => {
    await sql(
      `CREATE TABLE events (id bigserial PRIMARY KEY, ref bigint NOT NULL, total numeric(8,2) NOT NULL,
         status varchar(255) NOT NULL DEFAULT 'open', created_at timestamp(0) NULL, updated_at timestamp(0) NULL)`,
    );
    const columns: Columns = {
      ref: { type: "integer" },
      total: { type: "decimal" },
      status: { type: "text", absent: "default" },
      created_at: { type: "timestamp", nullable: true },
      updated_at: { type: "timestamp", cut: true, nullable: true },
    };
    const outcomes = await storeWritten(columns, [
      '{"ref":9223372036854775807,"total":"19.90","created_at":"2026-03-01T10:00:00.000Z","updated_at":"2026-03-01T10:00:00.999Z"}',
      '{"ref":1,"total":19.9,"status":"paid"}',
      '{"ref":2,"total":19.905}',
      '{"ref":3,"total":1,"created_at":"2026-03-01T10:00:00.500Z"}',
    ]);
    expect(outcomes).toEqual(["stored", "stored", "field.range", "field.range"]);
    expect(await sql("SELECT ref::text, total::text, status, created_at::text, updated_at::text FROM events")).toEqual([
      {
        ref: "9223372036854775807",
        total: "19.90",
        status: "open",
        created_at: "2026-03-01 10:00:00",
        updated_at: "2026-03-01 10:00:00",
      },
      { ref: "1", total: "19.90", status: "paid", created_at: null, updated_at: null },
    ]);
  });

  it("Prisma: milliseconds, an enum under a name with capitals, and an array", async () => {
    await sql(
      `CREATE TYPE "OrderStatus" AS ENUM ('PENDING', 'PAID'); CREATE TABLE events (id text PRIMARY KEY,
         status "OrderStatus" NOT NULL DEFAULT 'PENDING', history "OrderStatus"[], tags text[],
         "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP)`,
    );
    const columns: Columns = {
      id: { type: "text" },
      status: { type: "text" },
      history: { type: "text[]" },
      tags: { type: "text[]", nullable: true },
      createdAt: { type: "timestamp", format: "epoch-ms" },
    };
    const outcomes = await store(columns, [
      { id: "a", status: "PAID", history: ["PENDING", "PAID"], tags: ["x,y", '"', null], createdAt: 1_772_359_200_123 },
      { id: "b", status: "paid", history: [], tags: [], createdAt: 1 },
      { id: "c", status: "PAID", history: ["SENT"], tags: [], createdAt: 1 },
      { id: "d", status: "PAID", history: [["PAID"]], tags: [], createdAt: 1 },
      { id: "e", status: "PAID", history: [null], createdAt: 1 },
    ]);
    expect(outcomes).toEqual(["stored", "field.format", "field.format", "field.type", "field.null"]);
    expect(await sql('SELECT status, history::text, tags, "createdAt"::text AS at FROM events')).toEqual([
      { status: "PAID", history: "{PENDING,PAID}", tags: ["x,y", '"', null], at: "2026-03-01 10:00:00.123" },
    ]);
  });

  it("Rails: microseconds and jsonb", async () => {
    await sql(
      `CREATE TABLE events (id bigserial, payload jsonb DEFAULT '{}' NOT NULL, amount numeric(10,2), at timestamp(6) NOT NULL)`,
    );
    const columns: Columns = {
      payload: { type: "json" },
      amount: { type: "decimal" },
      at: { type: "timestamp", format: "sql", zone: "UTC" },
    };
    expect(
      await store(columns, [{ payload: { a: [1.5] }, amount: "99999999.99", at: "2026-03-01 10:00:00.123456" }]),
    ).toEqual(["stored"]);
    expect(await sql("SELECT payload, amount::text, at::text FROM events")).toEqual([
      { payload: { a: [1.5] }, amount: "99999999.99", at: "2026-03-01 10:00:00.123456" },
    ]);
  });

  it("Django: a numeric, a uuid, a positive integer and an address", async () => {
    await sql(
      `CREATE TABLE events (id integer GENERATED BY DEFAULT AS IDENTITY, price numeric(9,3) NOT NULL, ref uuid NOT NULL UNIQUE,
         count integer NOT NULL CHECK (count >= 0), ip inet NULL, took interval NOT NULL, opens time NOT NULL)`,
    );
    const columns: Columns = {
      price: { type: "decimal" },
      ref: { type: "uuid" },
      count: { type: "integer", coerce: true },
      ip: { type: "ip", take: "first", strip: "port", otherwise: null, nullable: true },
      took: { type: "text" },
      opens: { type: "text" },
    };
    const event = { price: 1.125, count: "3", took: "1 day 02:00:00", opens: "08:30" };
    const outcomes = await store(columns, [
      { ...event, ref: "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", ip: "203.0.113.7:443, 10.0.0.1" },
      { ...event, ref: "b0eebc999c0b4ef8bb6d6bb9bd380a11", ip: "unknown" },
      { ...event, ref: "c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ip: "::1", took: "soon" },
      { ...event, ref: "d0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ip: "::1", count: "3 of them" },
      { ...event, ref: "e0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ip: "::1", count: -1 },
    ]);
    expect(outcomes).toEqual(["stored", "stored", "database.value", "field.format", "database.constraint"]);
    expect(await sql("SELECT id, ref, ip, took::text, opens::text FROM events ORDER BY ref")).toEqual([
      {
        id: 1,
        ref: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ip: "203.0.113.7",
        took: "1 day 02:00:00",
        opens: "08:30:00",
      },
      expect.objectContaining({ ref: "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ip: null }),
    ]);
  });

  it("Hibernate: varchar(255) for everything", async () => {
    await sql(
      "CREATE TABLE events (id varchar(255), total varchar(255), flag varchar(255), at varchar(255), phone varchar(255))",
    );
    const columns: Columns = {
      id: { type: "text", coerce: true },
      total: { type: "decimal" },
      flag: { type: "text", coerce: true },
      at: { type: "timestamp" },
      phone: { type: "phone", region: "DE" },
    };
    expect(
      await storeWritten(columns, [
        '{"id":12345678901234567890,"total":12345678901234567890.10,"flag":true,"at":"2026-03-01T10:00:00+01:00","phone":"030 / 1234567"}',
        '{"id":1.50,"total":1e2,"flag":"no","at":"2026-03-01T10:00:00Z","phone":"+1 213 373 4253"}',
        '{"id":"x","total":1,"flag":"no","at":"2026-03-01T10:00:00Z","phone":"12"}',
      ]),
    ).toEqual(["stored", "stored", "field.format"]);
    expect(await sql("SELECT * FROM events ORDER BY id")).toEqual(
      [
        {
          id: "1.50",
          total: "100",
          flag: "no",
          at: "2026-03-01T10:00:00.000000Z",
          phone: "+12133734253",
        },
        {
          id: "12345678901234567890",
          total: "12345678901234567890.1",
          flag: "true",
          at: "2026-03-01T09:00:00.000000Z",
          phone: "+49301234567",
        },
      ].toSorted((one, other) => (one.id < other.id ? -1 : 1)),
    );
  });
});

describe("what is stored where an event has no value", () => {
  it("a default, a constant, and the table's own DEFAULT, evaluated for each row", async () => {
    await sql(
      `CREATE SEQUENCE numbers START 10; CREATE TABLE events (n integer NOT NULL, number bigint NOT NULL DEFAULT nextval('numbers'),
         id bigint GENERATED BY DEFAULT AS IDENTITY, channel text NOT NULL, tenant text NOT NULL,
         at timestamp(0) NOT NULL DEFAULT '2026-01-01 10:00', code varchar(5) DEFAULT upper('ab'), price numeric(9,2))`,
    );
    const columns: Columns = {
      n: { type: "integer" },
      number: { type: "integer", absent: "default" },
      id: { type: "integer", absent: "default" },
      channel: { type: "text", default: "web" },
      tenant: { type: "text", value: "acme" },
      at: { type: "timestamp", absent: "default" },
      code: { type: "text", absent: "default" },
      price: { type: "decimal", default: 9.5 },
    };
    const outcomes = await store(columns, [
      { n: 1 },
      { n: 2, number: 5, id: 100, channel: "shop", at: "2026-03-01T10:00:00Z", code: "x", price: 1 },
      { n: 3, number: null, channel: null, price: null },
    ]);
    expect(outcomes).toEqual(["stored", "stored", "stored"]);
    const wall = { at: "2026-01-01 10:00:00", code: "AB", price: "9.50" };
    expect(
      await sql(
        "SELECT n, number::text, id::text, channel, tenant, at::text, code, price::text FROM events ORDER BY n",
      ),
    ).toEqual([
      { n: 1, number: "10", id: "1", channel: "web", tenant: "acme", ...wall },
      {
        n: 2,
        number: "5",
        id: "100",
        channel: "shop",
        tenant: "acme",
        at: "2026-03-01 10:00:00",
        code: "x",
        price: "1.00",
      },
      { n: 3, number: "11", id: "2", channel: "web", tenant: "acme", ...wall },
    ]);
  });

  it("a domain's DEFAULT counts, whatever schema its functions are in", async () => {
    await sql(
      `CREATE SCHEMA other; CREATE FUNCTION other.four() RETURNS integer LANGUAGE sql AS 'SELECT 4';
       SET search_path TO public, other; CREATE DOMAIN counted AS integer DEFAULT four() NOT NULL; RESET search_path;
       CREATE TABLE events (n integer, c counted)`,
    );
    expect(await store({ n: { type: "integer" } }, [{ n: 1 }])).toEqual(["stored"]);
    expect(await store({ n: { type: "integer" }, c: { type: "integer", absent: "default" } }, [{ n: 2 }])).toEqual([
      "stored",
    ]);
    expect(await sql("SELECT n, c FROM events ORDER BY n")).toEqual([
      { n: 1, c: 4 },
      { n: 2, c: 4 },
    ]);
    await sql("DROP SCHEMA other CASCADE");
  });

  it("needs a DEFAULT in the table, and a value that its column holds", async () => {
    // Of a domain over another one, only its own DEFAULT counts.
    await sql(
      `CREATE DOMAIN inner_one AS text DEFAULT 'x'; CREATE DOMAIN outer_one AS inner_one;
       ALTER DOMAIN outer_one DROP DEFAULT; CREATE TABLE events (code varchar(3), n smallint, o outer_one)`,
    );
    expect(await problemOf({ o: { type: "text", absent: "default" } })).toContain("column o has no default");
    expect(await problemOf({ code: { type: "text", absent: "default" } })).toContain("column code has no default");
    await expect(store({ code: { type: "text", default: "four" } }, [])).rejects.toMatchObject({
      code: "config.invalid",
      message: "columns.code.default is none that the column holds (field.too-long)",
    });
    await expect(store({ n: { type: "integer", value: 40_000 } }, [])).rejects.toMatchObject({
      code: "config.invalid",
      message: "columns.n.value is none that the column holds (field.range)",
    });
  });
});

it("a text is never cut by a cast on its way into a column", async () => {
  await sql(
    "CREATE DOMAIN short AS varchar(3); CREATE TABLE events (a varchar(3), b short, c varchar(3)[], d bit varying(3))",
  );
  const columns: Columns = {
    a: { type: "text" },
    b: { type: "text" },
    c: { type: "text[]" },
    d: { type: "text" },
  };
  const fits = { a: "abc", b: "abc", c: ["abc"], d: "101" };
  const outcomes = await store(columns, [
    fits,
    { ...fits, a: "abcd" },
    { ...fits, b: "abcd" },
    { ...fits, c: ["abc", "abcd"] },
    { ...fits, d: "1010" },
  ]);
  expect(outcomes).toEqual(["stored", "field.too-long", "field.too-long", "field.too-long", "database.value"]);
});

// There are arrays of domains from PostgreSQL 11 on.
it.skipIf(postgresMajor() < 11)(
  "nor rounded or cut in an array of a domain; rows that round, and arrays without commas, take no text",
  async () => {
    await sql(
      `CREATE DOMAIN price AS numeric(5,2); CREATE DOMAIN label AS varchar(3); CREATE DOMAIN long_label AS label;
     CREATE TYPE "row" AS (n numeric(5,2)); CREATE DOMAIN name_like AS name;
     CREATE TABLE events (a price[], b long_label[], c "row", d "row"[], e box[], f name_like[])`,
    );
    const columns: Columns = { a: { type: "decimal[]" }, b: { type: "text[]" } };
    const outcomes = await store(columns, [
      { a: ["1.25", 2], b: ["abc"] },
      { a: ["1.239"], b: ["abc"] },
      { a: ["1"], b: ["abcd"] },
    ]);
    expect(outcomes).toEqual(["stored", "field.range", "field.too-long"]);
    expect(await sql("SELECT a::text, b::text FROM events")).toEqual([{ a: "{1.25,2.00}", b: "{abc}" }]);
    expect(await problemOf({ a: { type: "text[]" } })).toContain("column a is price[] and cannot hold");
    expect(await problemOf({ c: { type: "text" } })).toContain('column c is "row" and cannot hold');
    for (const name of ["d", "e", "f"]) {
      expect(await problemOf({ [name]: { type: "text[]" } })).toContain(`column ${name} is `);
    }
  },
);

it.each(["tsquery", "regclass", "xml", "int4range", ...(postgresMajor() < 12 ? [] : ["jsonpath"])])(
  "a text that %s cannot read refuses its event, also where no row has passed yet",
  async (type) => {
    await sql(`CREATE TABLE events (n integer, v ${type})`);
    const columns: Columns = { n: { type: "integer" }, v: { type: "text" } };
    expect(await store(columns, [{ n: 1, v: "[1, & $ <a>" }])).toEqual(["database.value"]);
  },
);

it("equal values have equal tokens, however they are spelled", () => {
  const masked = { mask: "hmac-sha256" } as const;
  const columns = columnsOf({
    phone: { type: "phone", region: "DE", ...masked },
    mac: { type: "mac", ...masked },
    uuid: { type: "uuid", ...masked },
    amount: { type: "decimal", ...masked },
    id: { type: "integer", coerce: true, ...masked },
    at: { type: "timestamp", format: ["rfc3339", "epoch-ms"], ...masked },
    ip: { type: "ip", strip: "port", ...masked },
  });
  const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
  const mask = maskOf(columns, { keyring: keyringOf({ 1: "primary" }), domain: "d", seal: null });
  const spellings = [
    `{"phone":"+49 30 1234567","mac":"08:00:2b:01:02:03","uuid":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11","amount":12.5,
      "id":9007199254740993,"at":"2026-01-31T23:59:59Z","ip":"203.0.113.7"}`,
    `{"phone":"030 / 123 45-67","mac":"0800.2B01.0203","uuid":"{A0EEBC999C0B4EF8BB6D6BB9BD380A11}","amount":"12.50",
      "id":"9007199254740993","at":1769903999000,"ip":"203.0.113.7:443"}`,
    `{"phone":"0049301234567","mac":"08-00-2b-01-02-03","uuid":"urn:uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
      "amount":1.25e1,"id":9007199254740993.0,"at":1.769903999e12,"ip":"203.0.113.7:80"}`,
  ];
  const tokens = spellings.map((body) => {
    const decoded = decode(deliveryOf(body));
    const record = decoded.ok ? mask(decoded.value) : decoded;
    return record.ok ? record.value.values : record.error;
  });
  expect(tokens[0]).toHaveLength(columns.length);
  expect(new Set(tokens.map((each) => JSON.stringify(each))).size).toBe(1);
});

it("a constant is no echo of a masked value, whatever that is", () => {
  const columns = columnsOf({
    tenant: { type: "text", value: "acme" },
    name: { type: "text", mask: "hmac-sha256" },
    place: { type: "text[]" },
  });
  const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
  const mask = maskOf(columns, { keyring: keyringOf({ 1: "primary" }), domain: "d", seal: null });
  const maskedOf = (body: string) => {
    const decoded = decode(deliveryOf(body));
    return decoded.ok ? mask(decoded.value) : decoded;
  };
  expect(maskedOf('{"name":"acme","place":["Rome"]}').ok).toBe(true);
  // An array is looked at like any other column.
  expect(maskedOf('{"name":"somebody@example.org","place":["x","somebody@example.org"]}')).toMatchObject({
    error: { code: "leak.echo", path: "place" },
  });
});

it.each<[string, NonNullable<Columns>[string], unknown, unknown, unknown]>([
  ["a national form", { type: "phone", region: "DE" }, "030 / 1234567", "call 030 / 1234567", "call 030 / 1234568"],
  ["that in other groups", { type: "phone", region: "DE" }, "030 / 1234567", "(0301) 234-567", "(0301) 234-568"],
  [
    "milliseconds",
    { type: "timestamp", format: "epoch-ms" },
    1_772_359_200_123,
    "at 1772359200123",
    "at 1772359200124",
  ],
  [
    "seconds, not those of other times",
    { type: "date", format: "epoch-s" },
    1_772_359_200,
    "1772359200",
    "1772359200001",
  ],
  [
    "a clock's time",
    { type: "timestamp", format: "sql", zone: "Asia/Tokyo" },
    "1984-03-01 08:00:00",
    "1984-03-01 08:00:00",
    "08:00",
  ],
  ["an offset", { type: "timestamp" }, "1984-03-01T08:00:00+09:00", "on 1984-03-01T08:00:00+09:00", "1984-03-01"],
  ["an exponent", { type: "decimal" }, "1.23455e4", "1.23455e4", "1.23456e4"],
])(
  "what the event says of a masked value in its own way is refused elsewhere: %s",
  (_way, settings, value, echo, other) => {
    const columns = columnsOf({ v: { ...settings, mask: "hmac-sha256" }, note: { type: "text" } });
    const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
    const mask = maskOf(columns, { keyring: keyringOf({ 1: "primary" }), domain: "d", seal: null });
    const verdictOn = (note: unknown) => {
      const decoded = decode(deliveryOf(JSON.stringify({ v: value, note })));
      const masked = decoded.ok ? mask(decoded.value) : decoded;
      return masked.ok ? "stored" : masked.error;
    };
    expect(verdictOn(echo)).toEqual({ code: "leak.echo", path: "note", detail: "the value of v" });
    expect(verdictOn(other)).toBe("stored");
  },
);

it("also of a value that is masked inside JSON", () => {
  const masks = { "times[]": { type: "timestamp", mask: "hmac-sha256" } } as const;
  const columns = columnsOf({ context: { type: "json", masks }, note: { type: "text" } });
  const decode = decoderOf(columns, new Map(), { unknownFields: "ignore" });
  const mask = maskOf(columns, { keyring: keyringOf({ 1: "primary" }), domain: "d", seal: null });
  const times = ["1984-03-01T08:00:00Z", "1985-03-01T08:00:00+09:00"];
  const verdictOn = (note: string) => {
    const decoded = decode(deliveryOf(JSON.stringify({ context: { times }, note })));
    const masked = decoded.ok ? mask(decoded.value) : decoded;
    return masked.ok ? "stored" : masked.error.code;
  };
  expect(times.map((time) => verdictOn(`at ${time}`))).toEqual(["leak.echo", "leak.echo"]);
  expect(verdictOn("at 1986-03-01T08:00:00Z")).toBe("stored");
});

it("what piipe creates takes what its types give", async () => {
  const columns: Columns = {
    d: { type: "decimal" },
    i: { type: "integer" },
    p: { type: "phone" },
    m: { type: "mac" },
    t: { type: "timestamp[]" },
    n: { type: "decimal[]" },
    b: { type: "boolean[]" },
  };
  await createTable(database.pool, { schema: null, name: "events" }, columnsOf(columns));
  const body =
    '{"d":0.10000000000000000001,"i":-9223372036854775808,"p":"+49 30 1234567","m":"08-00-2B-01-02-03",' +
    '"t":["2026-03-01T10:00:00.5+01:00"],"n":[1.10,"2",12345678901234567890],"b":[true,false]}';
  expect(await storeWritten(columns, [body])).toEqual(["stored"]);
  expect(
    await sql(
      "SELECT d::text, i::text, p, m::text, t[1] AT TIME ZONE 'UTC' = '2026-03-01 09:00:00.5' AS t, n::text, b FROM events",
    ),
  ).toEqual([
    {
      d: "0.10000000000000000001",
      i: "-9223372036854775808",
      p: "+49301234567",
      m: "08:00:2b:01:02:03",
      t: true,
      n: "{1.1,2,12345678901234567890}",
      b: [true, false],
    },
  ]);
});
