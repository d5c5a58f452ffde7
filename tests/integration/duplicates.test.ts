import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import { type TableName, quoteTable } from "../../src/postgres/identifiers.ts";
import { inTransaction } from "../../src/postgres/transaction.ts";
import { migrate } from "../../src/storage/schema/migrations.ts";
import {
  type DuplicatesViewOptions,
  updateDuplicatesView,
  viewNames,
} from "../../src/storage/search/duplicates-view.ts";
import { type DuplicatesQuery, readDuplicates, resolveTable } from "../../src/storage/search/duplicates.ts";
import { type TestDatabase, createTestDatabase, query, withClient } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { columnPlace } from "../support/token-place.ts";

const TABLE = { schema: "public", name: "logins" };
/** Quotes, capitals, blanks, a backslash, a percent sign and what would end a dollar quote. */
const ODD = `Odd "N'ame\\ %s $q$ $query$`;

let database: TestDatabase;
let pool: PostgresPool;

beforeEach(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: new Secret(database.url), connectionsMax: 4 });
  await migrate(pool);
});

afterEach(async () => {
  await pool.close();
  await database.drop();
});

/** Statements with values, on a connection of its own. */
const run = (text: string, values: readonly unknown[] = []) => query(database.url, text, values);

async function createLogins(): Promise<void> {
  await run("CREATE TABLE logins (user_id text, masked_ip varchar(256), seen timestamptz)");
}

async function insertLogins(rows: ReadonlyArray<readonly [user: string | null, ip: string | null, seen?: string]>) {
  for (const [user, ip, seen] of rows) await run("INSERT INTO logins VALUES ($1, $2, $3)", [user, ip, seen ?? null]);
}

async function link(column: string, ...chain: readonly string[]): Promise<void> {
  for (const [index, token] of chain.slice(1).entries()) {
    await run("INSERT INTO piipe.key_links (column_name, old_token, new_token, domain) VALUES ($1, $2, $3, 'logins')", [
      column,
      chain[index],
      token,
    ]);
  }
}

const wantedOf = (fields: Partial<DuplicatesQuery>): DuplicatesQuery => ({
  table: TABLE,
  place: columnPlace("masked_ip"),
  user: columnPlace("user_id"),
  timeColumn: "seen",
  rowsMin: 2,
  limit: 100,
  ...fields,
});

/** As the function finds them, and as servers without plpgsql are asked: both must say the same. */
async function read(fields: Partial<DuplicatesQuery> = {}) {
  const wanted = wantedOf(fields);
  const found = await readDuplicates(pool, wanted);
  const withoutFunctions = { ...pool, dialect: async () => ({ ...(await pool.dialect()), isComplete: false }) };
  expect(await readDuplicates(withoutFunctions, wanted)).toEqual(found);
  return found;
}

describe("piipe.duplicates", () => {
  test("counts rows, distinct users, first and last time of what occurs more than once", async () => {
    await createLogins();
    await insertLogins([
      ["u1", "h1_shared", "2026-03-01T12:00:00.5Z"],
      ["u2", "h1_shared", "2026-01-01T00:00:00+02:00"],
      ["u2", "h1_shared", "2026-02-01T00:00:00Z"],
      ["u1", "h1_own"],
      ["u1", "h1_own"],
      ["u1", "h1_once", "2026-01-01T00:00:00Z"],
    ]);
    expect(await read()).toEqual({
      values: [
        {
          token: "h1_shared",
          rows: 3,
          users: 2,
          firstSeen: "2025-12-31T22:00:00Z",
          lastSeen: "2026-03-01T12:00:00.5Z",
        },
        { token: "h1_own", rows: 2, users: 1, firstSeen: null, lastSeen: null },
      ],
      valuesFound: 2,
      rowsFound: 5,
    });
  });

  test("a value of several users counts however few its rows, one of a single user from the minimum on", async () => {
    await createLogins();
    await insertLogins([
      ["u1", "h1_two_users"],
      ["u2", "h1_two_users"],
      ["u1", "h1_two_rows"],
      ["u1", "h1_two_rows"],
      ...Array.from({ length: 3 }, () => ["u1", "h1_three_rows"] as const),
    ]);
    const { values } = await read({ rowsMin: 3 });
    expect(values.map(({ token }) => token)).toEqual(["h1_two_users", "h1_three_rows"]);
  });

  test("the limit cuts the list, not the counts", async () => {
    await createLogins();
    await insertLogins(["a", "a", "a", "b", "b", "c", "c"].map((token) => ["u1", `h1_${token}`] as const));
    const { values, valuesFound, rowsFound } = await read({ limit: 1 });
    expect(values.map(({ token }) => token)).toEqual(["h1_a"]);
    expect({ valuesFound, rowsFound }).toEqual({ valuesFound: 3, rowsFound: 7 });
  });

  test("joins all tokens of a chain of links, of that column only", async () => {
    await createLogins();
    await link("masked_ip", "h1_a", "h2_a", "h3_a", "h4_a");
    await link("masked_ip", "h2_b", "h3_b");
    await link("other", "h1_c", "h3_b");
    await insertLogins([
      ["u1", "h1_a", "2026-01-01T00:00:00Z"],
      ["u1", "h2_a", "2026-02-01T00:00:00Z"],
      ["u2", "h4_a", "2026-04-01T00:00:00Z"],
      ["u1", "h2_b"],
      ["u2", "h3_b"],
      ["u1", "h1_c"],
    ]);
    const { values } = await read();
    expect(values).toEqual([
      { token: "h4_a", rows: 3, users: 2, firstSeen: "2026-01-01T00:00:00Z", lastSeen: "2026-04-01T00:00:00Z" },
      { token: "h3_b", rows: 2, users: 2, firstSeen: null, lastSeen: null },
    ]);
  });

  test("a masked user counts once, under whichever key version", async () => {
    await createLogins();
    await link("user_id", "h1_u", "h2_u");
    await insertLogins([
      ["h1_u", "h1_a"],
      ["h2_u", "h1_a"],
    ]);
    expect((await read()).values).toMatchObject([{ token: "h1_a", rows: 2, users: 1 }]);
    expect((await read({ rowsMin: 3 })).values).toEqual([]);
  });

  test("NULL is no value, neither as a token nor as a user", async () => {
    await createLogins();
    await insertLogins([
      ["u1", null],
      ["u2", null],
      [null, "h1_a"],
      [null, "h1_a"],
      ["u1", "h1_b"],
      [null, "h1_b"],
    ]);
    const { values } = await read();
    expect(values.map(({ token, rows, users }) => [token, rows, users])).toEqual([
      ["h1_b", 2, 1],
      ["h1_a", 2, 0],
    ]);
    expect((await read({ rowsMin: 3 })).values).toEqual([]);
  });

  test("without a user or time column those counts are null, and rows alone count", async () => {
    await createLogins();
    await insertLogins([
      ["u1", "h1_a", "2026-01-01T00:00:00Z"],
      ["u2", "h1_a"],
    ]);
    expect((await read({ user: null, timeColumn: null })).values).toEqual([
      { token: "h1_a", rows: 2, users: null, firstSeen: null, lastSeen: null },
    ]);
    expect((await read({ user: null, timeColumn: null, rowsMin: 3 })).values).toEqual([]);
  });

  test("an inet column shows addresses without a prefix length, a padded column its tokens without blanks", async () => {
    await run(`CREATE DOMAIN address AS inet`);
    await run(`CREATE TABLE logins (v4 inet, v6 address, padded char(20), user_id integer, seen date)`);
    for (const user of [1, 2]) {
      await run("INSERT INTO logins VALUES ('192.0.2.1', '2001:db8::1', $1, $2, '2026-01-31')", [
        user === 1 ? "h1_a" : "h2_a",
        user,
      ]);
    }
    await link("padded", "h1_a", "h2_a");
    // A date begins at midnight UTC, wherever the reader is.
    const seen = { firstSeen: "2026-01-31T00:00:00Z", lastSeen: "2026-01-31T00:00:00Z" };
    expect((await readDuplicates(pool, wantedOf({ place: columnPlace("v4") }))).values).toEqual([
      { token: "192.0.2.1", rows: 2, users: 2, ...seen },
    ]);
    expect((await readDuplicates(pool, wantedOf({ place: columnPlace("v6") }))).values).toEqual([
      { token: "2001:db8::1", rows: 2, users: 2, ...seen },
    ]);
    expect((await read({ place: columnPlace("padded") })).values).toEqual([
      { token: "h2_a", rows: 2, users: 2, ...seen },
    ]);
    const [row] = await query<{ seen: string }>(
      database.url,
      `SELECT to_json(min(first_seen) AT TIME ZONE 'UTC')::text AS seen FROM (SELECT set_config('timezone', 'Asia/Tokyo', false)) AS s,
       piipe.duplicates('public.logins', 'v4', NULL, 'seen')`,
    );
    expect(row?.seen).toBe('"2026-01-31T00:00:00"');
  });

  test("odd names of schema, table and columns are names, never SQL", async () => {
    const table: TableName = { schema: ODD, name: `${ODD}; DROP TABLE x` };
    await run(`CREATE SCHEMA "${ODD.replaceAll('"', '""')}"`);
    const [token, user, time] = [`T ${ODD}`, `U ${ODD}`, `S ${ODD}`];
    const definitions = [`${quoted(token)} text`, `${quoted(user)} text`, `${quoted(time)} timestamp`];
    await run(`CREATE TABLE ${quoteTable(table)} (${definitions.join(", ")})`);
    await run(`INSERT INTO ${quoteTable(table)} VALUES ('h1_a', 'u1', '2026-01-31'), ('h1_a', 'u2', NULL)`);
    expect(
      (await read({ table, place: columnPlace(token), user: columnPlace(user), timeColumn: time })).values,
    ).toEqual([
      { token: "h1_a", rows: 2, users: 2, firstSeen: "2026-01-31T00:00:00Z", lastSeen: "2026-01-31T00:00:00Z" },
    ]);

    const view = await updateDuplicatesView(pool, {
      table,
      places: [columnPlace(token)],
      user: columnPlace(user),
      timeColumn: time,
    });
    expect(view.warning).toBeNull();
    const name = (view.changed ?? "").replace("piipe.", "");
    expect(await run(`SELECT column_name, token FROM piipe.${quoted(name)}`)).toEqual([
      { column_name: token, token: "h1_a" },
    ]);
  });

  test.each(["logins', 'x') --", "logins; SELECT 1", 'public."logins'])(
    "no SQL comes in by the target %s",
    async (target) => {
      await createLogins();
      await expect(run("SELECT * FROM piipe.duplicates($1, 'masked_ip', NULL, NULL)", [target])).rejects.toThrow();
      expect(await run("SELECT count(*)::integer AS rows FROM logins")).toEqual([{ rows: 0 }]);
    },
  );

  test("a target without its schema, and a missing column, are errors", async () => {
    await createLogins();
    await expect(run("SELECT * FROM piipe.duplicates('logins', 'masked_ip', NULL, NULL)")).rejects.toMatchObject({
      code: "42P01",
      hint: expect.stringContaining("public.user_logins"),
    });
    await expect(read({ place: columnPlace("gone") })).rejects.toMatchObject({ code: "database.table-mismatch" });
  });

  test("links in a circle, which only a hand can make, hold nothing up", async () => {
    await createLogins();
    await link("masked_ip", "h1_a", "h2_a", "h1_b", "h1_a");
    await insertLogins([
      ["u1", "h1_a"],
      ["u2", "h1_a"],
    ]);
    expect((await read()).values).toMatchObject([{ rows: 2, users: 2 }]);
  });

  test("follows no link that was made up: within one key version, or from a newer one to an older", async () => {
    await createLogins();
    await link("masked_ip", "h1_a", "h1_b");
    await link("masked_ip", "h2_a", "h1_c");
    await link("masked_ip", "w2_a", "w2_b");
    // A rewrap over the second version has made both.
    await link("masked_ip", "h3_a", "h3_b");
    await link("masked_ip", "h1_d", "h12_d");
    // One value has one token of the first version: which of these is it?
    for (const token of ["h1_e", "h1_f", "h1_g"]) await link("masked_ip", token, "h2_e");
    const tokens = [
      "h1_a",
      "h1_b",
      "h2_a",
      "h1_c",
      "w2_a",
      "w2_b",
      "h3_a",
      "h3_b",
      "h1_d",
      "h12_d",
      "h1_e",
      "h1_f",
      "h2_e",
    ];
    await insertLogins(tokens.map((token) => ["u", token]));
    expect((await read()).values.map(({ token }) => token).toSorted()).toEqual(["h12_d", "h3_b"]);
    const canonical = await run(
      "SELECT token FROM unnest($1::text[]) AS token WHERE piipe.canonical('masked_ip', token) <> token",
      [tokens],
    );
    expect(canonical).toEqual([{ token: "h3_a" }, { token: "h1_d" }]);
  });

  test("reads with the caller's rights, and in a read-only transaction", async () => {
    await createLogins();
    const role = await createTestRole(database.url);
    const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
    try {
      await run(`GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT SELECT ON piipe.key_links TO ${role.name}`);
      const asked = {
        table: TABLE,
        place: columnPlace("masked_ip"),
        user: null,
        timeColumn: null,
        rowsMin: 2,
        limit: 1,
      };
      await expect(readDuplicates(limited, asked)).rejects.toMatchObject({ code: "database.denied" });
      await run(`GRANT SELECT (masked_ip) ON logins TO ${role.name}`);
      expect(await readDuplicates(limited, asked)).toMatchObject({ valuesFound: 0 });
    } finally {
      await limited.close();
      await role.drop();
    }
    // Were the transaction not read-only, the view would insert.
    await run("CREATE TABLE written (x integer)");
    await run(
      `CREATE FUNCTION write_one() RETURNS text LANGUAGE sql AS 'INSERT INTO public.written VALUES (1) RETURNING x::text'`,
    );
    await run("CREATE VIEW writes AS SELECT write_one() AS masked_ip");
    const asked = { table: { schema: "public", name: "writes" }, user: null, timeColumn: null };
    await expect(read(asked)).rejects.toMatchObject({ sqlState: "25006" });
    expect(await run("SELECT * FROM written")).toEqual([]);
  });

  test("finds what a straightforward model finds, over random rows and links", async () => {
    await createLogins();
    await withClient(database.url, async (client) =>
      fc.assert(
        fc.asyncProperty(rowsAndLinks, async ({ rows, valueLinks, userLinks, rowsMin }) => {
          await client.query("DELETE FROM logins; DELETE FROM piipe.key_links");
          await client.query(
            `INSERT INTO logins SELECT row->>0, row->>1, to_timestamp((row->>2)::integer)
           FROM json_array_elements($1::json) AS row`,
            [JSON.stringify(rows)],
          );
          for (const [column, links] of [
            ["masked_ip", valueLinks],
            ["user_id", userLinks],
          ] as const) {
            await client.query(
              `INSERT INTO piipe.key_links (column_name, old_token, new_token, domain)
             SELECT $1, link->>0, link->>1, 'logins' FROM json_array_elements($2::json) AS link`,
              [column, JSON.stringify([...links])],
            );
          }
          const { values, valuesFound, rowsFound } = await read({ rowsMin, limit: 1_000 });
          const expected = modelOf(rows, valueLinks, userLinks, rowsMin);
          expect(values.toSorted(byToken)).toEqual(expected);
          expect(valuesFound).toBe(expected.length);
          expect(rowsFound).toBe(expected.reduce((sum, value) => sum + value.rows, 0));
          // The same newest tokens as the function for a single one gives.
          const tokens = [...new Set(rows.flatMap(([, ip]) => ip ?? []))];
          const canonical = await client.query(
            "SELECT token, piipe.canonical('masked_ip', token) AS newest FROM unnest($1::text[]) AS token",
            [tokens],
          );
          expect(canonical.rows).toEqual(tokens.map((token) => ({ token, newest: newest(token, valueLinks) })));
        }),
        { numRuns: 60 },
      ),
    );
  });
});

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

type ModelRow = readonly [user: string | null, ip: string | null, seenSeconds: number | null];
type Links = ReadonlyMap<string, string>;

const NAMES = Array.from({ length: 8 }, (_, index) => String(index));

/** Each links to a later one, or to none: many chains, some of which meet. */
const links = (prefix: string): fc.Arbitrary<Links> =>
  fc
    .tuple(...NAMES.slice(0, -1).map((_, index) => fc.option(fc.integer({ min: index + 1, max: NAMES.length - 1 }))))
    .map(
      (targets) =>
        new Map(
          targets.flatMap((target, index) =>
            target === null ? [] : [[`${prefix}${index}`, `${prefix}${target}`] as const],
          ),
        ),
    );

const rowsAndLinks = fc.record({
  rows: fc.array(
    fc.tuple(
      fc.option(fc.constantFrom(...NAMES.map((name) => `u${name}`))),
      fc.option(fc.constantFrom(...NAMES.map((name) => `t${name}`)), { freq: 10 }),
      fc.option(fc.integer({ min: 0, max: 1_000_000 })),
    ),
    { maxLength: 30 },
  ),
  valueLinks: links("t"),
  userLinks: links("u"),
  rowsMin: fc.integer({ min: 2, max: 5 }),
});

function newest(token: string, known: Links): string {
  const next = known.get(token);
  return next === undefined ? token : newest(next, known);
}

function modelOf(rows: readonly ModelRow[], valueLinks: Links, userLinks: Links, rowsMin: number) {
  const byValue = new Map<string, ModelRow[]>();
  for (const row of rows) {
    if (row[1] === null) continue;
    const token = newest(row[1], valueLinks);
    byValue.set(token, [...(byValue.get(token) ?? []), row]);
  }
  return [...byValue]
    .map(([token, found]) => {
      const users = new Set(found.flatMap(([user]) => (user === null ? [] : [newest(user, userLinks)])));
      const seen = found.flatMap(([, , seconds]) => seconds ?? []);
      const time = (seconds: number): string | null =>
        seen.length === 0 ? null : new Date(seconds * 1_000).toISOString().replace(".000Z", "Z");
      return {
        token,
        rows: found.length,
        users: users.size,
        firstSeen: time(Math.min(...seen)),
        lastSeen: time(Math.max(...seen)),
      };
    })
    .filter((value) => value.users > 1 || value.rows >= rowsMin)
    .toSorted(byToken);
}

const byToken = (a: { readonly token: string }, b: { readonly token: string }): number => (a.token < b.token ? -1 : 1);

describe("the view of duplicates", () => {
  const OPTIONS: DuplicatesViewOptions = {
    table: { schema: null, name: "logins" },
    places: ["masked_ip", "masked_device_id"].map(columnPlace),
    user: columnPlace("user_id"),
    timeColumn: "seen",
  };
  const NAME = "piipe.logins_duplicates";

  beforeEach(() => run("CREATE TABLE logins (user_id text, masked_ip text, masked_device_id text, seen timestamptz)"));

  test("lists what occurs more than once in all its columns, and says what it is", async () => {
    await run(`INSERT INTO logins VALUES ('u1', 'h1_ip', 'h1_d', '2026-01-01T00:00:00Z'), ('u2', 'h1_ip', 'h2_d', NULL),
      ('u2', 'h1_other', 'h1_once', NULL)`);
    await link("masked_device_id", "h1_d", "h2_d");
    expect(await updateDuplicatesView(pool, OPTIONS)).toEqual({ changed: NAME, warning: null });
    const seen = new Date("2026-01-01T00:00:00Z");
    expect(await run(`SELECT * FROM ${NAME}`)).toEqual([
      { column_name: "masked_device_id", token: "h2_d", rows: "2", users: "2", first_seen: seen, last_seen: seen },
      { column_name: "masked_ip", token: "h1_ip", rows: "2", users: "2", first_seen: seen, last_seen: seen },
    ]);
    const [row] = await query<{ comment: string }>(
      database.url,
      `SELECT obj_description('${NAME}'::regclass, 'pg_class') AS comment`,
    );
    expect(row?.comment).toContain(`more than one user ("user_id") or more than once`);
  });

  test("stands in the way of no change to the table", async () => {
    await updateDuplicatesView(pool, OPTIONS);
    await run("INSERT INTO logins (user_id, masked_ip) VALUES ('u1', 'h1_a'), ('u2', 'h1_a')");
    await run("ALTER TABLE logins ALTER COLUMN masked_ip TYPE varchar(300), ALTER COLUMN user_id TYPE varchar(128)");
    expect(await run(`SELECT token FROM ${NAME}`)).toEqual([{ token: "h1_a" }]);
    await run("DROP TABLE logins");
    await expect(run(`SELECT * FROM ${NAME}`)).rejects.toMatchObject({ code: "42P01" });
  });

  test("is left alone while it is up to date, and replaced with its grants when the configuration differs", async () => {
    await updateDuplicatesView(pool, OPTIONS);
    expect(await updateDuplicatesView(pool, OPTIONS)).toEqual({ changed: null, warning: null });
    const role = await createTestRole(database.url);
    try {
      await run(`GRANT SELECT ON ${NAME} TO ${role.name}`);
      await run("INSERT INTO logins (masked_ip) VALUES ('h1_a'), ('h1_a')");
      const other = { ...OPTIONS, places: [columnPlace("masked_ip")], user: null, timeColumn: null };
      expect(await updateDuplicatesView(pool, other)).toEqual({ changed: NAME, warning: null });
      expect(await run(`SELECT column_name, token, users, first_seen FROM ${NAME}`)).toEqual([
        { column_name: "masked_ip", token: "h1_a", users: null, first_seen: null },
      ]);
      expect(await run(`SELECT has_table_privilege('${role.name}', '${NAME}', 'SELECT') AS granted`)).toEqual([
        { granted: true },
      ]);
    } finally {
      await role.drop();
    }
  });

  test("eight workers at once make it once", async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => updateDuplicatesView(pool, OPTIONS)));
    expect(outcomes.filter(({ changed }) => changed !== null)).toHaveLength(1);
    expect(outcomes.filter(({ warning }) => warning !== null)).toEqual([]);
  });

  test("takes no name that something else has", async () => {
    await run("CREATE SCHEMA a");
    await run("CREATE TABLE a.logins (masked_ip text)");
    await run("CREATE TABLE a_logins (masked_ip text)");
    const options = { places: [columnPlace("masked_ip")], user: null, timeColumn: null };
    const first = { ...options, table: { schema: "a", name: "logins" } };
    const second = { ...options, table: { schema: null, name: "a_logins" } };
    expect((await updateDuplicatesView(pool, first)).changed).toBe("piipe.a_logins_duplicates");
    const changed = (await updateDuplicatesView(pool, second)).changed;
    expect(changed).toMatch(/^piipe\.a_logins_[0-9a-f]{8}_duplicates$/);
    // Each finds its own again.
    expect(await updateDuplicatesView(pool, first)).toEqual({ changed: null, warning: null });
    expect(await updateDuplicatesView(pool, second)).toEqual({ changed: null, warning: null });
    await run("INSERT INTO a_logins VALUES ('h1_a'), ('h1_a')");
    expect(await run(`SELECT token FROM ${changed}`)).toEqual([{ token: "h1_a" }]);

    for (const name of viewNames(TABLE)) await run(`CREATE TABLE piipe.${quoted(name)} (x integer)`);
    const taken = await updateDuplicatesView(pool, OPTIONS);
    expect(taken).toEqual({ changed: null, warning: expect.stringContaining("logins_duplicates") });
  });

  test("without the rights it is a warning that says what to do, and no failure", async () => {
    const role = await createTestRole(database.url);
    const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
    try {
      const { changed, warning } = await updateDuplicatesView(limited, OPTIONS);
      expect(changed).toBeNull();
      expect(warning).toContain("piipe migrate");
      expect(warning).toContain("42501");
      await updateDuplicatesView(pool, OPTIONS);
      // Up to date, it needs no right at all.
      expect(await updateDuplicatesView(limited, OPTIONS)).toEqual({ changed: null, warning: null });
    } finally {
      await limited.close();
      await role.drop();
    }
  });

  test("does not wait for long behind a query on it", async () => {
    await updateDuplicatesView(pool, OPTIONS);
    const reading = { doing: "reading the view", statementTimeoutMs: 30_000, lockTimeoutMs: 1_000 };
    const outcome = await inTransaction(pool, reading, async (runHere) => {
      await runHere(`SELECT * FROM ${NAME}`);
      return updateDuplicatesView(pool, { ...OPTIONS, places: [columnPlace("masked_ip")] });
    });
    expect(outcome.warning).toContain("gave up waiting for a lock");
    expect((await updateDuplicatesView(pool, { ...OPTIONS, places: [columnPlace("masked_ip")] })).changed).toBe(NAME);
  });

  test("is not made without a column that can have duplicates", async () => {
    expect(await updateDuplicatesView(pool, { ...OPTIONS, places: [] })).toEqual({ changed: null, warning: null });
    expect(await run(`SELECT to_regclass('${NAME}')::text AS view`)).toEqual([{ view: null }]);
  });

  test("its name has the schema's in front unless that is public, and fits into 63 bytes", () => {
    expect(viewNames({ schema: "public", name: "logins" })[0]).toBe("logins_duplicates");
    expect(viewNames({ schema: "web", name: "logins" })[0]).toBe("web_logins_duplicates");
    const long = "ä".repeat(30);
    const names = [`${long}a`, `${long}b`].flatMap((name) => viewNames({ schema: "public", name }));
    expect(new Set(names).size).toBe(2);
    for (const name of names) {
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
      expect(name).toMatch(/^ä+_[0-9a-f]{8}_duplicates$/);
    }
  });
});

test("a table is found through the search path, and a missing one is named", async () => {
  await createLogins();
  expect(await resolveTable(pool, { schema: null, name: "logins" })).toEqual(TABLE);
  await expect(resolveTable(pool, { schema: "nowhere", name: "logins" })).rejects.toMatchObject({
    code: "database.table-missing",
    message: expect.stringContaining("nowhere.logins"),
  });
});
