import { afterEach, beforeEach, expect, test } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import { dialectOf } from "../../src/postgres/dialect.ts";
import { createTable } from "../../src/storage/schema/create-table.ts";
import { checkMigrated, migrate, migrationsFor } from "../../src/storage/schema/migrations.ts";
import { column } from "../support/masked-records.ts";
import { type TestDatabase, createTestDatabase, postgresMajor, query } from "../support/postgres.ts";
import { type TestRole, createTestRole } from "../support/roles.ts";

let database: TestDatabase;
let pool: PostgresPool;

beforeEach(async () => {
  database = await createTestDatabase();
  pool = openPool({ url: new Secret(database.url), connectionsMax: 8 });
});

afterEach(async () => {
  await pool.close();
  await database.drop();
});

test("migrating twice applies everything once", async () => {
  const names = migrationsFor(dialectOf("postgresql")).map(({ name }) => name);
  expect(names[0]).toBe("0001_ledger_and_quarantine.sql");
  expect(await migrate(pool)).toEqual(names);
  expect(await migrate(pool)).toEqual([]);
  await checkMigrated(pool);
});

test("eight workers at once: one applies, the others find it done", async () => {
  const applied = await Promise.all(Array.from({ length: 8 }, () => migrate(pool)));
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
});

test("the ledger is partitioned where a partitioned table can have a primary key", async () => {
  await migrate(pool);
  const rows = await query(database.url, "SELECT relkind FROM pg_class WHERE oid = 'piipe.ledger'::regclass");
  expect(rows).toEqual([{ relkind: postgresMajor() >= 11 ? "p" : "r" }]);
});

test("every table of the schema says what it is for", async () => {
  await migrate(pool);
  const rows = await query<{ relname: string }>(
    database.url,
    `SELECT relname FROM pg_class WHERE relnamespace = 'piipe'::regnamespace AND relkind IN ('r', 'p')
     AND obj_description(oid, 'pg_class') IS NULL`,
  );
  expect(rows).toEqual([]);
});

test("without migration the check says what to do", async () => {
  await expect(checkMigrated(pool)).rejects.toMatchObject({
    code: "database.not-migrated",
    hint: expect.stringContaining("piipe migrate"),
  });
});

test("a migration that was changed after it was applied is refused", async () => {
  await migrate(pool);
  await query(database.url, "UPDATE piipe.migrations SET checksum = 'other' WHERE number = 1");
  const refused = { code: "database.not-migrated", message: expect.stringContaining("0001_ledger_and_quarantine.sql") };
  await expect(migrate(pool)).rejects.toMatchObject(refused);
  await expect(checkMigrated(pool)).rejects.toMatchObject(refused);
});

test("a database that a newer version migrated is refused", async () => {
  await migrate(pool);
  await query(database.url, "INSERT INTO piipe.migrations (number, name, checksum) VALUES (9999, '9999_new.sql', '')");
  const refused = { code: "database.not-migrated", message: expect.stringContaining("9999") };
  await expect(migrate(pool)).rejects.toMatchObject(refused);
  await expect(checkMigrated(pool)).rejects.toMatchObject(refused);
});

test("a migration that fails half-way leaves nothing", async () => {
  // The schema's last table stands in the way.
  await query(database.url, "CREATE SCHEMA piipe");
  await query(database.url, "CREATE TABLE piipe.quarantine ()");
  await expect(migrate(pool)).rejects.toMatchObject({ sqlState: "42P07" });
  expect(await query(database.url, "SELECT to_regclass('piipe.ledger')::text AS ledger")).toEqual([{ ledger: null }]);
});

test("a role without CREATE on the database cannot migrate, and is told so", async () => {
  const role: TestRole = await createTestRole(database.url);
  const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
  try {
    await expect(migrate(limited)).rejects.toMatchObject({ code: "database.denied", sqlState: "42501" });
    // With a schema made for it beforehand it can.
    await query(database.url, `CREATE SCHEMA piipe AUTHORIZATION ${role.name}`);
    expect(await migrate(limited)).not.toEqual([]);
  } finally {
    await limited.close();
    await role.drop();
  }
});

test("a database of the first version keeps its data, and needs no superuser to be brought up to date", async () => {
  const role = await createTestRole(database.url);
  await query(
    database.url,
    `DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO ${role.name}', current_database()); END $$`,
  );
  const owned = openPool({ url: new Secret(role.url), connectionsMax: 1 });
  try {
    const [first, ...later] = migrationsFor(dialectOf("postgresql"));
    await query(role.url, first?.sql ?? "");
    await query(role.url, "INSERT INTO piipe.migrations (number, name, checksum) VALUES (1, $1, $2)", [
      first?.name,
      first?.checksum,
    ]);
    const body = Buffer.from("sealed");
    await query(
      role.url,
      `INSERT INTO piipe.quarantine (source_id, message_id, source, sent_at, reason, attempt, sealed_body)
       SELECT 1, id::text, 'arn', now(), 'json.invalid', 1, $1 FROM generate_series(1, 1000) AS id`,
      [body],
    );
    await query(role.url, "INSERT INTO piipe.ledger VALUES ('2026-01-31', 1, '00000000-0000-4000-8000-000000000001')");
    expect(await migrate(owned)).toEqual(later.map(({ name }) => name));
    await checkMigrated(owned);
    expect(
      await query(
        role.url,
        `SELECT count(*)::integer AS count FROM piipe.quarantine
         WHERE state = 'pending' AND sealed_body = $1 AND sealed_metadata IS NULL AND settled_at IS NULL`,
        [body],
      ),
    ).toEqual([{ count: 1000 }]);
    expect(await query(role.url, "SELECT FROM piipe.ledger")).toHaveLength(1);
    await expect(query(role.url, "UPDATE piipe.quarantine SET sealed_body = NULL")).rejects.toMatchObject({
      code: "23514",
    });
    await query(role.url, "INSERT INTO piipe.audit (action, operator, details) VALUES ('erase', 'me', '{}')");
    for (const change of ["UPDATE piipe.audit SET reason = ''", "DELETE FROM piipe.audit", "TRUNCATE piipe.audit"]) {
      await expect(query(role.url, change)).rejects.toMatchObject({ code: "42501" });
    }
  } finally {
    await owned.close();
    await role.drop();
  }
});

test("a missing target table is created from the columns, an existing one left alone", async () => {
  const columns = [
    column("t", "text"),
    column("i", "integer", { nullable: true }),
    column("f", "number"),
    column("b", "boolean"),
    column("ts", "timestamp"),
    column("d", "date"),
    column("u", "uuid"),
    column("a", "ip"),
    column("v", "version"),
    column("j", "json"),
    column('Masked "IP"', "ip", { mask: "hmac-sha256", nullable: true }),
  ];
  const table = { schema: "public", name: 'Log "ins"' };
  expect(await createTable(pool, table, columns)).toBe(true);
  expect(await createTable(pool, table, [column("other", "text")])).toBe(false);
  const rows = await query(
    database.url,
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required FROM pg_attribute
     WHERE attrelid = '"Log ""ins"""'::regclass AND attnum > 0 ORDER BY attnum`,
  );
  expect(rows).toEqual([
    { name: "t", type: "text", required: true },
    { name: "i", type: "bigint", required: false },
    { name: "f", type: "double precision", required: true },
    { name: "b", type: "boolean", required: true },
    { name: "ts", type: "timestamp with time zone", required: true },
    { name: "d", type: "date", required: true },
    { name: "u", type: "uuid", required: true },
    { name: "a", type: "inet", required: true },
    { name: "v", type: "integer", required: true },
    { name: "j", type: "jsonb", required: true },
    { name: 'Masked "IP"', type: "text", required: false },
  ]);
});

test("many workers that create the table at once all find it", async () => {
  const table = { schema: null, name: "events" };
  const created = await Promise.all(Array.from({ length: 8 }, () => createTable(pool, table, [column("t", "text")])));
  expect(created.filter(Boolean)).toHaveLength(1);
});
