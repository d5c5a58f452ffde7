import { columnOfRow, type StoredTable } from "./stored-columns.ts";

/** The tokens of one value in one column. */
export interface ColumnTokens {
  readonly column: string;
  readonly tokens: readonly string[];
}

/** A part of a statement about rows `t`, and the values of its parameters. */
export interface SqlPart {
  readonly sql: string;
  readonly values: readonly string[];
}

/**
 * The condition for rows with one of the tokens: one parameter for each column, from `$1` on. They are compared as values
 * of the column's own type: as text, an index on an inet or citext column would be of no use.
 */
export function tokenFilter(table: StoredTable, searches: readonly ColumnTokens[]): SqlPart {
  const parts = searches.map(
    ({ column }, index) =>
      `${columnOfRow(column)} = ANY (ARRAY(${tokenList(`$${index + 1}`)})::${table.typeOf(column)}[])`,
  );
  return { sql: `(${parts.join(" OR ")})`, values: searches.map(({ tokens }) => JSON.stringify(tokens)) };
}

/** The texts of a JSON array that is a parameter. */
export const tokenList = (parameter: string): string => `SELECT jsonb_array_elements_text(${parameter}::jsonb)`;
