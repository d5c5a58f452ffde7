import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { openPool } from "../../src/postgres/connection.ts";
import { dialectOf } from "../../src/postgres/dialect.ts";
import { migrate, migrationsFor } from "../../src/storage/schema/migrations.ts";
import { type TestDatabase, createTestDatabase, query } from "../support/postgres.ts";
import { type TestRole, createTestRole } from "../support/roles.ts";

const ENTRY = "'erase', 'somebody else', NULL, '{}'";
const FORGED = `INSERT INTO piipe.audit (id, at, db_user, action, operator, reason, details) OVERRIDING SYSTEM VALUE
  SELECT number, '2020-01-01', 'postgres', ${ENTRY} FROM generate_series(1, 300) AS number`;

let database: TestDatabase;
const roles: TestRole[] = [];

async function roleWith(grants: string): Promise<TestRole> {
  const role = await createTestRole(database.url);
  roles.push(role);
  await query(database.url, `GRANT USAGE ON SCHEMA piipe TO ${role.name}; ${grants.replaceAll("ROLE", role.name)}`);
  return role;
}

const note = (url: string): Promise<unknown> =>
  query(url, `INSERT INTO piipe.audit (action, operator, reason, details) VALUES (${ENTRY})`);

const entries = (): Promise<{ id: number; user: string; is_now: boolean }[]> =>
  query(
    database.url,
    `SELECT id::integer, db_user AS user, at > now() - interval '1 hour' AS is_now FROM piipe.audit ORDER BY id`,
  );

/** As an installation was before this migration: a worker has a right on the whole table, and used it. */
beforeAll(async () => {
  database = await createTestDatabase();
  const known = migrationsFor(dialectOf("postgresql"));
  for (const { number, name, sql, checksum } of known.filter((migration) => migration.number < 5)) {
    await query(database.url, sql);
    await query(database.url, `INSERT INTO piipe.migrations VALUES (${number}, '${name}', '${checksum}')`);
  }
});
afterAll(async () => {
  for (const role of roles) await role.drop();
  await database.drop();
});

describe("an entry of the audit, in an installation that was migrated", () => {
  test("gets id, time and user from the server, whatever rights were given before or after", async () => {
    const before = await roleWith("GRANT INSERT ON piipe.audit TO ROLE");
    await query(before.url, FORGED);
    const pool = openPool({ url: new Secret(database.url), connectionsMax: 1 });
    try {
      expect((await migrate(pool))[0]).toContain("0005");
    } finally {
      await pool.close();
    }
    // What older commands ask for and do.
    await note(before.url);
    expect((await entries()).at(-1)).toEqual({ id: 301, user: before.name, is_now: true });
    await expect(query(before.url, FORGED)).rejects.toMatchObject({ code: "42501" });
    for (const column of ["id", "at", "db_user"]) {
      const [right] = await query(
        database.url,
        `SELECT has_column_privilege('${before.name}', 'piipe.audit', '${column}', 'INSERT') AS has`,
      );
      expect(right).toEqual({ has: false });
    }

    // Even a right on the whole table changes nothing.
    const after = await roleWith("GRANT INSERT ON piipe.audit TO ROLE");
    await query(after.url, FORGED.replace("1, 300", "1000, 1001"));
    await query(after.url, FORGED.replace("1, 300", "302, 310"));
    await note(before.url);
    expect((await entries()).slice(301)).toEqual([
      ...Array.from({ length: 11 }, (_, index) => ({ id: 302 + index, user: after.name, is_now: true })),
      { id: 313, user: before.name, is_now: true },
    ]);
  });
});
