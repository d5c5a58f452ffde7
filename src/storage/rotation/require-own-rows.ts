import { PiipeError } from "../../errors.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable, showTable, type TableName } from "../../postgres/identifiers.ts";

/** What to do about a table that only stands for others. */
export const SHELL_REMEDY =
  "The table only stands for others, as on Citus and other distributed servers: on each server, name a table that holds " +
  "rows in sink.postgres.table, in a configuration for this command. Nothing was lost; the old tokens are still there.";

/**
 * Refuses a table without rows of its own: read by their places, it would look empty.
 * @throws {PiipeError} `database.table-mismatch`; `database.refused` where no row has a place
 */
export async function requireOwnRows(pool: PostgresPool, table: TableName): Promise<void> {
  const { isShell, hasPlaces } = await pool.dialect();
  if (!hasPlaces) {
    throw new PiipeError(
      "database.refused",
      "this server does not tell where its rows are, by which they are rewritten",
      {
        hint: "docs/databases.md names the commands that work on it. Nothing was changed.",
      },
    );
  }
  if (isShell === null) return;
  const doing = `asking where the rows of ${showTable(table)} are`;
  const { rows } = await pool.query(doing, `SELECT ${isShell} AS is_shell`, [quoteTable(table)]);
  if (rows[0]?.["is_shell"] !== "t") return;
  throw new PiipeError(
    "database.table-mismatch",
    `${showTable(table)} holds no rows itself, so none can be rewritten`,
    {
      hint: SHELL_REMEDY,
    },
  );
}
