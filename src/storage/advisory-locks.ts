import type { RunStatement } from "../postgres/transaction.ts";

/** Keys of PostgreSQL's advisory locks, which all programs on a database share: `piip` in ASCII, then a number. */
const PIIPE = 0x7069_6970;

export const MIGRATION_LOCK = `${PIIPE}, 1`;
export const LEDGER_MAINTENANCE_LOCK = `${PIIPE}, 2`;
export const DUPLICATES_VIEW_LOCK = `${PIIPE}, 3`;
export const ERASURE_LOCK = `${PIIPE}, 4`;

/**
 * Waits for an advisory lock, which is held to the end of the transaction: a pooler's session belongs to others as well.
 * @param lock its two keys, as SQL writes them
 */
export async function takeLock(run: RunStatement, lock: string): Promise<void> {
  await run(`SELECT pg_advisory_xact_lock(${lock})`);
}

/** The same, without waiting. @returns false: another transaction holds it */
export async function tryTakeLock(run: RunStatement, lock: string): Promise<boolean> {
  const { rows } = await run(`SELECT pg_try_advisory_xact_lock(${lock}) AS locked`);
  return rows[0]?.["locked"] === "t";
}
