import { expect, it } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import { type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import type { Dialect } from "../../src/postgres/dialect.ts";
import { requireSoundLedger } from "../../src/storage/ledger/require-sound-ledger.ts";
import { requireOwnRows } from "../../src/storage/rotation/require-own-rows.ts";
import { migratedDatabase, postgresMajor, query } from "../support/postgres.ts";

const database = migratedDatabase();

const onServer = (differences: Partial<Dialect>): PostgresPool => ({
  ...database.pool,
  dialect: async () => ({ ...(await database.pool.dialect()), ...differences }),
});

it("asks a server which product it is, once", async () => {
  expect(await database.pool.dialect()).toMatchObject({ engine: "postgresql" });
  await query(database.url, "CREATE SCHEMA sys; CREATE VIEW sys.iam_pg_role_mappings AS SELECT 1 AS x");
  const pool = openPool({ url: new Secret(database.url), connectionsMax: 1 });
  try {
    expect(await pool.dialect()).toMatchObject({ engine: "dsql" });
    expect(await database.pool.dialect()).toMatchObject({ engine: "postgresql" });
  } finally {
    await pool.close();
    await query(database.url, "DROP SCHEMA sys CASCADE");
  }
});

it.skipIf(postgresMajor() < 11)("refuses a partitioned ledger where ON CONFLICT is wrong on partitions", async () => {
  await requireSoundLedger(database.pool);
  const pool = onServer({ claimsInPartitions: false });
  await expect(requireSoundLedger(pool)).rejects.toMatchObject({
    code: "database.refused",
    hint: expect.stringContaining("CREATE TABLE piipe.ledger (") as string,
  });
});

it("refuses to rewrite rows where the server does not tell their places", async () => {
  const pool = onServer({ hasPlaces: false });
  await expect(requireOwnRows(pool, { schema: "piipe", name: "workers" })).rejects.toMatchObject({
    code: "database.refused",
  });
});

it("refuses to rewrite a table that only stands for others", async () => {
  const table = { schema: "piipe", name: "workers" };
  await requireOwnRows(database.pool, table);
  const pool = onServer({ isShell: "to_regclass($1::text)::text = 'piipe.workers'" });
  await requireOwnRows(pool, { schema: "piipe", name: "vault" });
  await expect(requireOwnRows(pool, table)).rejects.toMatchObject({
    code: "database.table-mismatch",
    message: "piipe.workers holds no rows itself, so none can be rewritten",
  });
});
