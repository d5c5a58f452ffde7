import { PiipeError } from "../../errors.ts";
import type { Column } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { quoteIdentifier, quoteTable, showTable, type TableName } from "../../postgres/identifiers.ts";
import { sqlTypeOf } from "../../postgres/sql-type.ts";

/**
 * Creates the target table unless it exists; an existing one is left as it is, whatever its columns.
 * @returns true when it was created now
 * @throws {PiipeError} `database.denied` without the right to create it
 */
export async function createTable(pool: PostgresPool, table: TableName, columns: readonly Column[]): Promise<boolean> {
  if (await exists(pool, table)) return false;
  const { columnTypes } = await pool.dialect();
  const definitions = columns.map((column) => {
    const type = sqlTypeOf(column);
    return `${quoteIdentifier(column.name)} ${columnTypes[type] ?? type}${column.nullable ? "" : " NOT NULL"}`;
  });
  try {
    await pool.query(
      `creating the table ${showTable(table)}`,
      `CREATE TABLE ${quoteTable(table)} (${definitions.join(", ")})`,
    );
    return true;
  } catch (error) {
    const sqlState = error instanceof DatabaseFailure ? error.sqlState : null;
    if (OVERTAKEN.has(sqlState) && (await exists(pool, table))) return false;
    if (sqlState === "3F000") throw schemaMissing(table);
    throw error;
  }
}

function schemaMissing({ schema, name }: TableName): PiipeError {
  const missing = schema === null ? "no schema of the search path exists" : `the schema ${schema} does not exist`;
  return new PiipeError("database.table-missing", `${missing}, so the table ${name} cannot be created`, {
    hint: `Create it first${schema === null ? "" : `: CREATE SCHEMA ${quoteIdentifier(schema)}`}. piipe creates no schema but its own.`,
    sqlState: "3F000",
  });
}

/** Another worker was faster: the table is there, or, when both were at it, its row type or its row in the catalogue. */
const OVERTAKEN: ReadonlySet<string | null> = new Set(["42P07", "42710", "23505"]);

async function exists(pool: PostgresPool, table: TableName): Promise<boolean> {
  const { rows } = await pool.query(
    `looking for the table ${showTable(table)}`,
    "SELECT to_regclass($1::text)::text AS found",
    [quoteTable(table)],
  );
  return typeof rows[0]?.["found"] === "string";
}
