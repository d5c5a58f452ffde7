import { PiipeError } from "../../errors.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteIdentifier, quoteTable, showTable, type TableName } from "../../postgres/identifiers.ts";
import { inTransaction, TIMEOUTS } from "../../postgres/transaction.ts";

/**
 * Refuses a table in which tokens of another key version stand in a column by which rows are found: new events get another
 * token for the same value, so that its row would be stored a second time. Reads until it finds one, else the whole table.
 *
 * @param prefixes what the tokens of new events begin with, by the column's name. Empty: nothing is looked for
 * @throws {PiipeError} `keys.mismatch`
 */
export async function requireOneVersion(
  pool: PostgresPool,
  table: TableName,
  prefixes: ReadonlyMap<string, string>,
): Promise<void> {
  for (const [column, prefix] of prefixes) {
    const options = { doing: `looking at the tokens of column ${column}`, ...TIMEOUTS.readingTable, rollsBack: true };
    const text = `
SELECT EXISTS (
  SELECT FROM ${quoteTable(table)} WHERE left(${quoteIdentifier(column)}::text, $1::integer) <> $2::text
) AS found`;
    const { rows } = await inTransaction(pool, options, (run) => run(text, [String(prefix.length), prefix]));
    if (rows[0]?.["found"] !== "t") continue;
    throw new PiipeError(
      "keys.mismatch",
      `column ${column} of ${showTable(table)} is in the key of onConflict, and has tokens of another key version than new events get`,
      {
        hint:
          "The same value would be stored a second time. Keep the key version that made them, or take a key without a mask. After a " +
          "leak, `piipe keys rewrap` makes the stored tokens anew (docs/masking.md).",
      },
    );
  }
}
