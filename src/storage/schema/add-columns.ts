import type { Clock } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { showTable, type TableName } from "../../postgres/identifiers.ts";
import { inTransaction, TIMEOUTS } from "../../postgres/transaction.ts";
import { retryDatabase } from "../retry-database.ts";

/** A column that a table lacks, and the statement that adds it. */
export interface MissingColumn {
  readonly name: string;
  readonly statement: string;
}

/**
 * Adds the columns to the table: stored rows get NULL there, and what is there already stays as it is.
 * @returns the names of those that were added now
 * @throws {PiipeError} `database.denied` unless the user owns the table
 */
export async function addColumns(
  pool: PostgresPool,
  table: TableName,
  missing: readonly MissingColumn[],
  retry: { readonly clock: Clock; readonly stop: AbortSignal },
): Promise<readonly string[]> {
  const options = { doing: `adding columns to ${showTable(table)}`, ...TIMEOUTS.lockingTable };
  const added: string[] = [];
  for (const { name, statement } of missing) {
    try {
      await retryDatabase(() => inTransaction(pool, options, (run) => run(statement)), retry);
      added.push(name);
    } catch (error) {
      if (!(error instanceof DatabaseFailure) || error.sqlState !== ADDED_MEANWHILE) throw error;
    }
  }
  return added;
}

/** Another `migrate` was faster, or the reply to a COMMIT was lost. */
const ADDED_MEANWHILE = "42701";
