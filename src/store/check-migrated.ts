import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { readMigrations } from "./migration-files.ts";
import { pendingMigrations } from "./pending-migrations.ts";

/**
 * Needs no more than the right to read.
 * @throws {PiipeError} `database.not-migrated` unless piipe's own tables are exactly those of this version
 */
export async function checkMigrated(pool: PostgresPool): Promise<void> {
  const pending = await pendingMigrations(
    (text) => pool.query("reading the migrations of the schema piipe", text),
    await readMigrations(),
  );
  const [first] = pending;
  if (first === undefined) return;
  const { address, database } = pool.place;
  throw new PiipeError(
    "database.not-migrated",
    `piipe's own tables are missing or too old in database ${database} (${address}): ${first.name} was not applied`,
    { hint: "Run `piipe migrate`, as a user who may create a schema." },
  );
}
