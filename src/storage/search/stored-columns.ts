import { PiipeError } from "../../errors.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { hasPlaces } from "../../postgres/dialect.ts";
import { type TableName, quoteIdentifier, quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS } from "../../postgres/transaction.ts";

/** How long the pool must wait for a reply: longer than the server works on one. */
export const SEARCH_REPLY_TIMEOUT_MS = TIMEOUTS.readingTable.statementTimeoutMs + 30_000;

/** The target table, as far as searching in it goes. */
export interface StoredTable {
  /** With the schema in which it was found. */
  readonly name: TableName & { readonly schema: string };
  /**
   * Columns as SQL that tell its rows from one another, so that some of them can be deleted at a time: their place (`ctid`) where
   * rows have one, else the primary key. None: a view, or a table without a key.
   */
  readonly key: readonly string[];
  /** The column's real type, as SQL writes it and without its length. */
  readonly typeOf: (column: string) => string;
}

/** With a typmod of -1, `format_type` gives `bpchar` for a char(n): its `character` would be a char(1). */
const READ_TYPES = `
WITH RECURSIVE target AS (
  SELECT c.oid, c.relname, c.relkind, n.nspname
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = to_regclass($1::text)
), unwrapped AS (
  SELECT a.attname, a.atttypid AS type_id
  FROM pg_catalog.pg_attribute a JOIN target ON a.attrelid = target.oid
  WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT u.attname, t.typbasetype
  FROM unwrapped u JOIN pg_catalog.pg_type t ON t.oid = u.type_id WHERE t.typtype = 'd'
)
SELECT target.nspname AS schema, target.relname AS name, target.relkind AS kind, (
  SELECT coalesce(json_object_agg(u.attname, pg_catalog.format_type(u.type_id, -1)), '{}')::text
  FROM unwrapped u JOIN pg_catalog.pg_type t ON t.oid = u.type_id AND t.typtype <> 'd'
) AS types, (
  SELECT coalesce(json_agg(quote_ident(a.attname) ORDER BY a.attnum), '[]')::text
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
  WHERE i.indrelid = target.oid AND i.indisprimary
) AS primary_key
FROM target`;

/**
 * Looks at the table only as far as the columns that are searched in: whoever erases need not be able to insert.
 * @throws {PiipeError} `database.table-missing`, `database.table-mismatch`, or as the pool fails
 */
export async function readStoredTable(
  pool: PostgresPool,
  table: TableName,
  columns: readonly string[],
): Promise<StoredTable> {
  const shown = showTable(table);
  const dialect = await pool.dialect();
  const { rows } = await pool.query(`reading the columns of ${shown}`, READ_TYPES, [quoteTable(table)]);
  const row = rows[0];
  if (row === undefined) {
    throw new PiipeError(
      "database.table-missing",
      `the table ${shown} does not exist in database ${pool.place.database} (${pool.place.address})`,
      { hint: "Correct sink.postgres.table (upper and lower case matter), or create it with `piipe migrate`." },
    );
  }
  const types = new Map(Object.entries(JSON.parse(row["types"] ?? "{}") as Record<string, string>));
  const missing = [...new Set(columns)].filter((column) => !types.has(column));
  if (missing.length > 0) {
    throw new PiipeError("database.table-mismatch", `the table ${shown} has no column ${missing.join(", ")}`, {
      hint: "Run `piipe check`: it says how to make table and configuration fit.",
    });
  }
  return {
    name: { schema: row["schema"] ?? "", name: row["name"] ?? "" },
    key: dialect.hasPlaces ? placeOf(row["kind"]) : (JSON.parse(row["primary_key"] ?? "[]") as string[]),
    typeOf(column) {
      const type = types.get(column);
      if (type === undefined) throw new TypeError(`column ${column} was not asked for`);
      return type;
    },
  };
}

const placeOf = (kind: string | null | undefined): readonly string[] => (hasPlaces(kind) ? ["ctid"] : []);

/** A column of the row `t`. */
export const columnOfRow = (column: string): string => `t.${quoteIdentifier(column)}`;
