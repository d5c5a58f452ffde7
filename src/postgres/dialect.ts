import type { RunStatement } from "./transaction.ts";

/*
 * What servers, and the relations in them, differ in. Asked by capability: no other file compares versions or tries whether
 * a server can do something. What is not here, every server since PostgreSQL 10 can, and behind a pooler as well: settings
 * last for a transaction, and so do locks. A migration decides in SQL, once, whether the ledger can have partitions; what it
 * became is read from the ledger.
 */

/** The major versions that the tests run on. */
export const TESTED_VERSIONS = { min: 10, max: 18 } as const;

/**
 * SQL: how a column of `pg_attribute`, named by its alias, is generated; empty or null: it is not. Read through JSON, a
 * catalogue before PostgreSQL 12, which has no such column, gives null instead of an error.
 */
export const generatedOf = (attribute: string): string => `to_json(${attribute})->>'attgenerated'`;

/** SQL: a setting that older servers do not know; null there. */
export const settingIfKnown = (name: string): string => `current_setting('${name}', true)`;

/** Of a relation, as `relkind` of `pg_class`. */
type RelationKind = string | null | undefined;

/** Table, partitioned table, view; and a foreign table, which is refused for what it is. */
const INSERTABLE: ReadonlySet<RelationKind> = new Set(["r", "p", "v", "f"]);
/** Table, partitioned table. */
const WITH_PLACES: ReadonlySet<RelationKind> = new Set(["r", "p"]);

/** Whether rows can be inserted into a relation. */
export const isInsertable = (kind: RelationKind): boolean => INSERTABLE.has(kind);

/** Whether a relation's rows have a place (`ctid`). */
export const hasPlaces = (kind: RelationKind): boolean => WITH_PLACES.has(kind);

/** Whether a relation's rows are in partitions. */
export const hasPartitions = (kind: RelationKind): boolean => kind === "p";

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
