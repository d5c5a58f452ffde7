import { PiipeError } from "../../errors.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { readMigrations } from "./migration-files.ts";
import { pendingMigrations } from "./pending-migrations.ts";

/**
 * The first migration that was not applied, or null. Needs no more than the right to read.
 * @throws {PiipeError} `database.not-migrated` when `piipe migrate` would not help: the database is newer, or altered
 */
export async function firstPending(pool: PostgresPool): Promise<string | null> {
  const pending = await pendingMigrations(
    (text) => pool.query("reading the migrations of the schema piipe", text),
    await readMigrations(),
  );
  return pending[0]?.name ?? null;
}

/** @throws {PiipeError} `database.not-migrated` unless piipe's own tables are exactly those of this version */
export async function checkMigrated(pool: PostgresPool): Promise<void> {
  const first = await firstPending(pool);
  if (first === null) return;
  const { address, database } = pool.place;
  throw new PiipeError(
    "database.not-migrated",
    `piipe's own tables are missing or too old in database ${database} (${address}): ${first} was not applied`,
    { hint: "Run `piipe migrate`, as a user who may create a schema." },
  );
}

/** Whether piipe's own tables are there at all, of whatever version. Needs no rights. */
export async function hasOwnTables(pool: PostgresPool, doing: string, abort: AbortSignal): Promise<boolean> {
  const find = "SELECT to_regclass('piipe.ledger')::text AS ledger";
  const { rows } = await pool.query(doing, find, undefined, abort);
  return typeof rows[0]?.["ledger"] === "string";
}
