import type { Dialect } from "../postgres/dialect.ts";
import type { RunStatement } from "../postgres/transaction.ts";

/** Keys of PostgreSQL's advisory locks, which all programs on a database share: `piip` in ASCII, then a number. */
const PIIPE = 0x7069_6970;

export const MIGRATION_LOCK = `${PIIPE}, 1`;
export const LEDGER_MAINTENANCE_LOCK = `${PIIPE}, 2`;
export const DUPLICATES_VIEW_LOCK = `${PIIPE}, 3`;
export const ERASURE_LOCK = `${PIIPE}, 4`;

/**
 * Waits for an advisory lock, which is held to the end of the transaction: a pooler's session belongs to others as well.
 * Where there are none, nothing is waited for: of two transactions that took the same lock, one fails at its COMMIT (40001).
 * @param lock its two keys, as SQL writes them
 */
export async function takeLock(run: RunStatement, { hasAdvisoryLocks }: Dialect, lock: string): Promise<void> {
  if (hasAdvisoryLocks) await run(`SELECT pg_advisory_xact_lock(${lock})`);
  else await run(WRITE_LOCK, [lock]);
}

/** The same, without waiting. @returns false: another transaction holds it */
export async function tryTakeLock(run: RunStatement, dialect: Dialect, lock: string): Promise<boolean> {
  if (!dialect.hasAdvisoryLocks) {
    await takeLock(run, dialect, lock);
    return true;
  }
  const { rows } = await run(`SELECT pg_try_advisory_xact_lock(${lock}) AS locked`);
  return rows[0]?.["locked"] === "t";
}

const WRITE_LOCK = `
INSERT INTO piipe.locks (name, taken_at) VALUES ($1, now()) ON CONFLICT (name) DO UPDATE SET taken_at = now()`;
