import { PiipeError } from "../../errors.ts";
import type { TokenPlace } from "../../pipeline/contracts.ts";
import { arrayLiteral } from "../../postgres/array-literal.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable, showTable, type TableName } from "../../postgres/identifiers.ts";
import { TIMEOUTS, inTransaction } from "../../postgres/transaction.ts";
import { duplicatesSql } from "./duplicates-sql.ts";

export interface DuplicatesQuery {
  /** As `resolveTable` gives it. */
  readonly table: TableName;
  readonly place: TokenPlace;
  /** Who caused a row. null: values count by their rows only. */
  readonly user: TokenPlace | null;
  /** When. null: no times. */
  readonly timeColumn: string | null;
  /** A value of one user counts from so many rows on; one of several users always does. */
  readonly rowsMin: number;
  /** The most values to give. */
  readonly limit: number;
  /** Left out: a signal ends the process. */
  readonly abort?: AbortSignal;
}

/** What occurs more than once, by its token under the newest key version. */
export interface DuplicateValue {
  readonly token: string;
  readonly rows: number;
  /** Distinct ones; null without a user column. */
  readonly users: number | null;
  /** UTC, RFC 3339; null without a time column, or where it holds none. */
  readonly firstSeen: string | null;
  readonly lastSeen: string | null;
}

export interface Duplicates {
  /** Most users first, then most rows. */
  readonly values: readonly DuplicateValue[];
  /** Of all values found, those beyond the limit among them. */
  readonly valuesFound: number;
  readonly rowsFound: number;
}

/** @param found a SELECT, or a call in FROM */
const readFrom = (found: string, limit: string): string => `
SELECT token, rows, users, count(*) OVER () AS values_found, sum(rows) OVER () AS rows_found,
       replace(to_json(first_seen) #>> '{}', '+00:00', 'Z') AS first_seen,
       replace(to_json(last_seen) #>> '{}', '+00:00', 'Z') AS last_seen
FROM ${found}
ORDER BY users DESC NULLS LAST, rows DESC, token COLLATE "C" LIMIT ${limit}::integer`;

const CALL = "piipe.duplicates($1, $2, $3, $4, $5::integer, $6::text[], $7, $8)";

/**
 * The masked values of a column that occur more than once, under whichever key version each was masked. Reads only, so
 * that a standby serves as well.
 * @throws {PiipeError} `database.busy` when the table is too big or locked; otherwise as the database fails
 */
export async function readDuplicates(pool: PostgresPool, query: DuplicatesQuery): Promise<Duplicates> {
  const { table, place, user, timeColumn, rowsMin, limit, abort } = query;
  const options = {
    doing: `looking for duplicates in column ${place.name} of ${showTable(table)}`,
    ...TIMEOUTS.readingTable,
    isSnapshot: true,
    abort,
  };
  const { isComplete } = await pool.dialect(abort);
  return inTransaction(pool, options, async (run) => {
    const { rows } = await (isComplete
      ? run(readFrom(CALL, "$9"), [
          quoteTable(table),
          place.column,
          user?.column ?? null,
          timeColumn,
          String(rowsMin - 1),
          place.path === null ? null : arrayLiteral(place.path),
          place.key,
          user?.key ?? null,
          String(limit),
        ])
      : run(readFrom(`(${duplicatesSql(table, query)}) AS found`, "$4"), [
          place.key,
          user?.key ?? null,
          String(rowsMin - 1),
          String(limit),
        ]));
    return {
      values: rows.map((row) => ({
        token: row["token"] ?? "",
        rows: Number(row["rows"]),
        users: typeof row["users"] === "string" ? Number(row["users"]) : null,
        firstSeen: row["first_seen"] ?? null,
        lastSeen: row["last_seen"] ?? null,
      })),
      valuesFound: Number(rows[0]?.["values_found"] ?? 0),
      rowsFound: Number(rows[0]?.["rows_found"] ?? 0),
    };
  });
}

/**
 * The table with the schema in which the connection's search path finds it.
 * @throws {PiipeError} `database.table-missing`
 */
export async function resolveTable(
  pool: PostgresPool,
  table: TableName,
): Promise<TableName & { readonly schema: string }> {
  const { rows } = await pool.query(
    `looking for the table ${showTable(table)}`,
    `SELECT namespace.nspname AS schema, class.relname AS name
     FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
     WHERE class.oid = to_regclass($1::text)`,
    [quoteTable(table)],
  );
  const [row] = rows;
  if (row) return { schema: row["schema"] ?? "", name: row["name"] ?? "" };
  const { address, database } = pool.place;
  throw new PiipeError(
    "database.table-missing",
    `the table ${showTable(table)} does not exist in database ${database} (${address})`,
    { hint: "Create it with `piipe migrate`, or correct sink.postgres.table (upper and lower case matter)." },
  );
}
