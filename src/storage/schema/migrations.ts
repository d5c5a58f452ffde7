import { createHash } from "node:crypto";
import { PiipeError } from "../../errors.ts";
import type { PostgresPool, StatementResult } from "../../postgres/connection.ts";
import type { Dialect } from "../../postgres/dialect.ts";
import { TIMEOUTS, inTransaction } from "../../postgres/transaction.ts";
import { MIGRATION_LOCK, takeLock } from "../locks.ts";
import { retryAtOnce } from "../retry-database.ts";
import { MIGRATION_FILES, PLAIN_MIGRATION_FILES } from "./migration-files.ts";

export interface Migration {
  readonly number: number;
  /** The file's name. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, in lower-case hex. */
  readonly checksum: string;
}

const migrationsIn = (files: typeof MIGRATION_FILES): readonly Migration[] =>
  files.map(({ name, sql }) => ({
    number: Number(name.slice(0, 4)),
    name,
    sql,
    checksum: createHash("sha256").update(sql).digest("hex"),
  }));

/** The migrations that this version of piipe knows for a server, in order. */
export const migrationsFor = ({ isComplete }: Pick<Dialect, "isComplete">): readonly Migration[] =>
  migrationsIn(isComplete ? MIGRATION_FILES : PLAIN_MIGRATION_FILES);

type RunScript = (text: string) => Promise<StatementResult>;

/**
 * The migrations that the database lacks.
 * @throws {PiipeError} `database.not-migrated` when the database has others than this version of piipe knows
 */
async function pendingMigrations(run: RunScript, known: readonly Migration[]): Promise<readonly Migration[]> {
  const { rows: found } = await run("SELECT to_regclass('piipe.migrations')::text AS migrations");
  if (typeof found[0]?.["migrations"] !== "string") return known;
  const { rows } = await run("SELECT number, name, checksum FROM piipe.migrations ORDER BY number");
  const applied = new Map(rows.map((row) => [Number(row["number"]), row["checksum"]]));
  const newest = Math.max(0, ...applied.keys());
  const newestKnown = Math.max(0, ...known.map(({ number }) => number));
  if (newest > newestKnown) {
    throw new PiipeError(
      "database.not-migrated",
      `piipe's tables are at migration ${newest}, and this version of piipe knows ${newestKnown}`,
      { hint: "Run a version of piipe at least as new as the one that migrated the database." },
    );
  }
  for (const { number, name, checksum } of known) {
    if (applied.has(number) && applied.get(number) !== checksum) {
      throw new PiipeError("database.not-migrated", `the migration ${name} is another than the one that was applied`, {
        hint: "Install an unaltered release of piipe: a migration never changes once it is released.",
      });
    }
  }
  return known.filter(({ number }) => !applied.has(number));
}

/** What was done about a target table. */
export interface MigratedTable {
  /** As schema.table. */
  readonly table: string;
  readonly isCreated: boolean;
  /** Names of the columns that were added now. Left out: nobody wanted any. */
  readonly added?: readonly string[];
  /** The view of duplicates that was created or changed now, such as `piipe.user_logins_duplicates`, or null. */
  readonly viewChanged: string | null;
}

export interface MigrationReport {
  /** Names of the migrations applied now. */
  readonly applied: readonly string[];
  /** In the order of the configuration. */
  readonly tables: readonly MigratedTable[];
  /** Partitions of the ledger made and dropped now, and expired ids deleted. */
  readonly ledger: { readonly created: number; readonly dropped: number; readonly pruned: number };
  /** Statements that give the role what the configuration leaves to it. */
  readonly roleSettings: readonly string[];
  /** What could not be done and stops nothing, as sentences. */
  readonly warnings: readonly string[];
}

/**
 * Brings piipe's own tables up to date, in one transaction: all of it or nothing, or, where a statement of DDL is alone in
 * its transaction, step by step. Safe while other workers do the same, and when there is nothing to do.
 * @returns names of the migrations applied now
 * @throws {PiipeError} `database.denied` without the rights; `database.not-migrated` when the database is newer than
 * this version, or an applied migration differs
 */
export async function migrate(pool: PostgresPool): Promise<readonly string[]> {
  const dialect = await pool.dialect();
  const known = migrationsFor(dialect);
  if (!dialect.isComplete) return migrateByStatements(pool, known);
  return inTransaction(pool, { doing: DOING, ...TIMEOUTS.migrating }, async (run) => {
    await takeLock(run, dialect, MIGRATION_LOCK);
    const pending = await pendingMigrations(run, known);
    for (const migration of pending) {
      await run(migration.sql);
      await run(NOTE, noteValues(migration));
    }
    return pending.map(({ name }) => name);
  });
}

const DOING = "migrating the schema piipe";
const NOTE =
  "INSERT INTO piipe.migrations (number, name, checksum) VALUES ($1::integer, $2, $3) ON CONFLICT DO NOTHING";

const noteValues = ({ number, name, checksum }: Migration): readonly string[] => [String(number), name, checksum];

/** Each can be run again, so one that gave way to another worker's is, and a migration that was cut short begins anew. */
async function migrateByStatements(pool: PostgresPool, known: readonly Migration[]): Promise<readonly string[]> {
  const query = (text: string, values?: readonly string[]): Promise<StatementResult> =>
    retryAtOnce(() => pool.query(DOING, text, values));
  const pending = await pendingMigrations(query, known);
  for (const migration of pending) {
    for (const statement of statementsOf(migration)) await query(statement);
    await query(NOTE, noteValues(migration));
  }
  return pending.map(({ name }) => name);
}

/** Without comments: a server may look for its statement at the beginning of the text. */
function statementsOf({ sql }: Migration): readonly string[] {
  return sql
    .replace(/^ *--.*\n/gm, "")
    .split(/;\s*(?:\n|$)/)
    .filter((statement) => statement.trim() !== "")
    .map((statement) => statement.trim());
}

/**
 * The first migration that was not applied, or null. Needs no more than the right to read.
 * @throws {PiipeError} `database.not-migrated` when `piipe migrate` would not help: the database is newer, or altered
 */
export async function firstPending(pool: PostgresPool): Promise<string | null> {
  const pending = await pendingMigrations(
    (text) => pool.query("reading the migrations of the schema piipe", text),
    migrationsFor(await pool.dialect()),
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
