import type { PostgresPool } from "../../postgres/connection.ts";
import { inTransaction } from "../../postgres/transaction.ts";
import { MIGRATION_LOCK } from "../advisory-locks.ts";
import { readMigrations } from "./migration-files.ts";
import { pendingMigrations } from "./pending-migrations.ts";

const STATEMENT_TIMEOUT_MS = 60_000;
const LOCK_TIMEOUT_MS = 30_000;

/**
 * Brings piipe's own tables up to date, in one transaction: all of it or nothing. Safe while other workers do the
 * same, and when there is nothing to do.
 * @returns names of the migrations applied now
 * @throws {PiipeError} `database.denied` without the rights; `database.not-migrated` when the database is newer than
 * this version, or an applied migration differs
 */
export async function migrate(pool: PostgresPool): Promise<readonly string[]> {
  const known = await readMigrations();
  const options = {
    doing: "migrating the schema piipe",
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
  };
  return inTransaction(pool, options, async (run) => {
    await run(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    const pending = await pendingMigrations(run, known);
    for (const { number, name, sql, checksum } of pending) {
      await run(sql);
      await run("INSERT INTO piipe.migrations (number, name, checksum) VALUES ($1::integer, $2, $3)", [
        String(number),
        name,
        checksum,
      ]);
    }
    return pending.map(({ name }) => name);
  });
}
