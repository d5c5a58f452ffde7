import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Secret } from "../../src/config/secret.ts";
import type { Keyring } from "../../src/keys/keyring.ts";
import { isMasked, tokenizerOf } from "../../src/mask/column-tokens.ts";
import { allowedForms, writtenForms } from "../../src/mask/token-form.ts";
import type { Column, MaskName } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import {
  addTokenChecks,
  checkTokenChecks,
  dropInvalidChecks,
  tokenCheckName,
  type TokenCheckReport,
} from "../../src/storage/rotation/token-checks.ts";
import { keyringOf } from "../support/keyring-of.ts";
import { createTestDatabase, query, type TestDatabase, withClient } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { testColumn } from "../support/test-column.ts";
import { until } from "../support/until.ts";

const TABLE = { schema: "public", name: "events" };
const STOP = new AbortController().signal;
const FIRST = keyringOf({ 1: "primary" });
const SECOND = keyringOf({ 1: "linking", 2: "primary" });

let database: TestDatabase;
let pool: PostgresPool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: new Secret(database.url), connectionsMax: 2 });
});
afterAll(async () => {
  await pool.close();
  await database.drop();
});
beforeEach(() => sql("CREATE TABLE events (c text)"));
afterEach(() => sql("DROP TABLE IF EXISTS events CASCADE"));

const sql = (text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
  query<Record<string, unknown>>(database.url, text, values);

const columnWith = (mask: MaskName | null, name = "c"): Column => testColumn({ name, type: "text", mask, digits: 9 });

function addFor(column: Column, keyring: Keyring | null): Promise<readonly TokenCheckReport[]> {
  const columns = [{ column: column.name, forms: allowedForms(column, keyring) }];
  return addTokenChecks(pool, TABLE, columns, { clock: systemClock, stop: STOP });
}
const checkFor = (column: Column, keyring: Keyring | null): Promise<void> =>
  checkTokenChecks(pool, TABLE, [{ column: column.name, forms: writtenForms(column, keyring) }]);

function tokenOf(column: Column, keyring: Keyring, text: string): string | null | undefined {
  if (!isMasked(column)) throw new Error("no mask");
  return tokenizerOf(column, { keyring, domain: "logins" })(text);
}
const insert = (value: string | null | undefined): Promise<unknown> => sql("INSERT INTO events VALUES ($1)", [value]);
const refused = { code: "23514" };

const VALID = [{ column: "c", check: "piipe_token_c", state: "valid", misfits: null, isChanged: true }];

describe("a check", () => {
  test.each<[MaskName, readonly (string | null)[]]>([
    [
      "hmac-sha256",
      ["203.0.113.7", "h1_short", `h3_${"x".repeat(43)}`, `hx1_${"x".repeat(42)}`, `w1_${"x".repeat(43)}`],
    ],
    ["hmac-over-sha256", [createHash("sha256").update("x").digest("hex"), `h1_${"x".repeat(43)}`]],
    ["aes-siv", ["a@example.org", "s1_short", `s3_${"x".repeat(60)}`]],
    ["sha256", ["203.0.113.7", "0".repeat(63)]],
    ["redact", ["203.0.113.7", "[redacted] 203.0.113.7"]],
    ["drop", ["203.0.113.7", ""]],
  ])("of %s takes its tokens of every version and NULL, and refuses anything else", async (mask, others) => {
    const column = columnWith(mask);
    expect(await addFor(column, SECOND)).toEqual(VALID);
    for (const keyring of [FIRST, SECOND]) {
      for (const text of ["a", "203.0.113.7", "x".repeat(300)]) await insert(tokenOf(column, keyring, text));
    }
    await insert(null);
    for (const other of others) await expect(insert(other)).rejects.toMatchObject(refused);
    await expect(sql("UPDATE events SET c = 'raw'")).rejects.toMatchObject(refused);
    await checkFor(column, SECOND);
  });

  test.each<MaskName | null>(["generalize", "fpe-ff1", "ipcrypt-pfx", null])("is not made for %s", async (mask) => {
    expect(await addFor(columnWith(mask), FIRST)).toEqual([]);
    await insert("anything");
  });

  test("reads its columns by their exact names, whatever these are", async () => {
    const names = ['Masked "IP"', "it's", "back\\slash", "ü".repeat(31), `${"ü".repeat(30)}x`];
    await sql(
      `ALTER TABLE events ${names.map((name) => `ADD COLUMN "${name.replaceAll('"', '""')}" text`).join(", ")}`,
    );
    const columns = names.map((name) => ({
      column: name,
      forms: allowedForms(columnWith("hmac-sha256", name), FIRST),
    }));
    const reports = await addTokenChecks(pool, TABLE, columns, { clock: systemClock, stop: STOP });
    expect(reports.map(({ state }) => state)).toEqual(names.map(() => "valid"));
    const stored = await sql("SELECT conname FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype = 'c'");
    expect(stored.map(({ conname }) => conname).toSorted()).toEqual(names.map(tokenCheckName).toSorted());
    await checkTokenChecks(pool, TABLE, columns);
    expect(await addTokenChecks(pool, TABLE, columns, { clock: systemClock, stop: STOP })).toEqual(
      reports.map((report) => ({ ...report, isChanged: false })),
    );
  });

  test("holds in every partition", async () => {
    await sql("DROP TABLE events");
    await sql("CREATE TABLE events (id integer, c text) PARTITION BY RANGE (id)");
    await sql("CREATE TABLE p1 PARTITION OF events FOR VALUES FROM (0) TO (10)");
    expect(await addFor(columnWith("hmac-sha256"), FIRST)).toEqual(VALID);
    await sql("CREATE TABLE p2 PARTITION OF events FOR VALUES FROM (10) TO (20)");
    for (const id of [1, 11]) {
      await expect(sql("INSERT INTO events VALUES ($1, 'raw')", [id])).rejects.toMatchObject(refused);
    }
    expect(await addFor(columnWith("hmac-sha256"), SECOND)).toEqual(VALID);
    await sql("INSERT INTO events VALUES (1, $1)", [tokenOf(columnWith("hmac-sha256"), SECOND, "a")]);
  });
});

describe("adding it again", () => {
  const column = columnWith("hmac-sha256");
  const oids = (): Promise<Record<string, unknown>[]> =>
    sql("SELECT oid FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype = 'c'");

  test("changes nothing while nothing changed, and replaces it after a new key version", async () => {
    await addFor(column, FIRST);
    const before = await oids();
    expect(await addFor(column, FIRST)).toEqual(VALID.map((report) => ({ ...report, isChanged: false })));
    expect(await oids()).toEqual(before);
    await expect(insert(tokenOf(column, SECOND, "a"))).rejects.toMatchObject(refused);
    expect(await addFor(column, keyringOf({ 1: "primary", 2: "pending" }))).toEqual(VALID);
    await insert(tokenOf(column, SECOND, "a"));
    expect(await oids()).toHaveLength(1);
  });

  test("drops it when the column's values have no form any more", async () => {
    await addFor(column, FIRST);
    expect(await addFor(columnWith(null), FIRST)).toMatchObject([{ state: "dropped" }]);
    expect(await oids()).toEqual([]);
  });

  test("rows that do not fit are counted and left; once they are gone it becomes valid", async () => {
    await sql("INSERT INTO events SELECT md5(i::text) || md5(i::text) FROM generate_series(1, 7) AS i");
    const notValid = [{ column: "c", check: "piipe_token_c", state: "not-valid", misfits: 7, isChanged: true }];
    expect(await addFor(column, FIRST)).toEqual(notValid);
    await expect(insert("raw")).rejects.toMatchObject(refused);
    expect(await addFor(column, FIRST)).toEqual(notValid.map((report) => ({ ...report, isChanged: false })));
    await sql("DELETE FROM events");
    expect(await addFor(column, FIRST)).toEqual(VALID);
  });

  test("those that are not valid can be dropped for a rewrite, which updates such rows", async () => {
    await sql("ALTER TABLE events ADD COLUMN d text");
    const forms = allowedForms(column, FIRST);
    const columns = ["c", "d"].map((name) => ({ column: name, forms }));
    await sql("INSERT INTO events (c) VALUES ('raw')");
    await addTokenChecks(pool, TABLE, columns, { clock: systemClock, stop: STOP });
    await expect(sql("UPDATE events SET d = NULL")).rejects.toMatchObject(refused);
    const drop = (): Promise<readonly string[]> =>
      dropInvalidChecks(pool, TABLE, ["c", "d"], { clock: systemClock, stop: STOP });
    expect(await drop()).toEqual(["piipe_token_c"]);
    expect(await drop()).toEqual([]);
    await sql("UPDATE events SET d = NULL");
    await expect(sql("UPDATE events SET d = 'raw'")).rejects.toMatchObject(refused);
  });

  test("goes on once a session that holds the table ends", async () => {
    await withClient(database.url, async (client) => {
      await client.query("BEGIN");
      await client.query("INSERT INTO events VALUES (NULL)");
      const adding = addFor(column, FIRST);
      await until("it waits", async () => (await sql("SELECT FROM pg_locks WHERE NOT granted")).length > 0);
      await client.query("COMMIT");
      expect(await adding).toEqual(VALID);
    });
  });

  test("needs the owner of the table", async () => {
    const role = await createTestRole(database.url);
    const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
    try {
      const columns = [{ column: "c", forms: allowedForms(column, FIRST) }];
      await expect(addTokenChecks(limited, TABLE, columns, { clock: systemClock, stop: STOP })).rejects.toMatchObject({
        code: "database.denied",
      });
    } finally {
      await limited.close();
      await role.drop();
    }
  });
});

describe("a start", () => {
  const column = columnWith("hmac-sha256");

  test.each<[string, Column, Keyring | null]>([
    ["another primary version", column, SECOND],
    ["another mask", columnWith("sha256"), FIRST],
    ["no mask any more", columnWith(null), FIRST],
    ["a mask whose tokens have no form", columnWith("fpe-ff1"), FIRST],
  ])("with %s than the check knows is refused with the remedy", async (_name, changed, keyring) => {
    await addFor(column, FIRST);
    await expect(checkFor(changed, keyring)).rejects.toMatchObject({
      code: "database.table-mismatch",
      message: expect.stringContaining("piipe_token_c on column c"),
      hint: expect.stringContaining("piipe migrate --token-checks"),
    });
    await addFor(changed, keyring);
    await checkFor(changed, keyring);
  });

  test.each<[string, Column, Keyring | null]>([
    ["the same version", column, FIRST],
    ["a mask that writes only NULL", columnWith("drop"), FIRST],
    ["no keyring, which is another error's business", column, null],
  ])("with %s goes on", async (_name, same, keyring) => {
    await addFor(column, FIRST);
    await expect(checkFor(same, keyring)).resolves.toBeUndefined();
  });

  test("without a check goes on", async () => {
    await expect(checkFor(column, FIRST)).resolves.toBeUndefined();
  });
});

test("names stay within what PostgreSQL keeps, and apart", () => {
  expect(tokenCheckName("masked_ip")).toBe("piipe_token_masked_ip");
  const long = ["a".repeat(52), "a".repeat(63), `${"a".repeat(62)}b`, "ü".repeat(31), `${"ü".repeat(30)}x`].map(
    tokenCheckName,
  );
  expect(new Set(long).size).toBe(long.length);
  for (const name of long) {
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(name).toMatch(/^piipe_token_(?:a+|ü+)_[0-9a-f]{8}$/);
  }
});
