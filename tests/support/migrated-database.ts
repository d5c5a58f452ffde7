import { Secret } from "../../src/config/secret.ts";
import { openPool } from "../../src/postgres/connection.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";

/** A new database with piipe's own tables: a template for those of a file's tests. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  const pool = openPool({ url: new Secret(database.url), connectionsMax: 1 });
  await migrate(pool);
  await pool.close();
  return database;
}
