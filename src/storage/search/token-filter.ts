import type { LinkRule } from "../../pipeline/contracts.ts";
import { columnOfRow, type StoredTable } from "./stored-columns.ts";

/** The tokens of one value in one column. */
export interface ColumnTokens {
  readonly column: string;
  readonly tokens: readonly string[];
  /** Whether the digits alone tell values apart: a token stands for all spellings with other separators. Default: no. */
  readonly byDigits?: boolean;
}

/** What is searched for a value in one column. */
export interface ColumnSearch extends ColumnTokens {
  /** Searched only while the column holds bare digests: nothing else may get to know it. */
  readonly bareDigest: string | null;
  /** null: no link leads to another token. */
  readonly links: LinkRule | null;
}

/** More tokens than one value can have: some links were made up, and nobody can tell which. None of them is followed. */
export interface DoubtfulLinks {
  readonly column: string;
  /** The key version that the tokens show. */
  readonly version: number;
}

/** A part of a statement about rows `t`, and the values of its parameters. */
export interface SqlPart {
  readonly sql: string;
  readonly values: readonly string[];
}

/**
 * The condition for rows with one of the tokens: one parameter for each column, from `$1` on. They are compared as values
 * of the column's own type: as text, an index on an inet or citext column would be of no use. By digits, the whole table is
 * read: only an index on that very expression would serve.
 */
export function tokenFilter(table: StoredTable, searches: readonly ColumnTokens[]): SqlPart {
  const parts = searches.map(({ column, byDigits = false }, index) => {
    const tokens = tokenList(`$${index + 1}`);
    return byDigits
      ? `${digitsOf(`${columnOfRow(column)}::text`)} = ANY (ARRAY(SELECT ${digitsOf("token")} FROM (${tokens}) AS given (token)))`
      : `${columnOfRow(column)} = ANY (ARRAY(${tokens})::${table.typeOf(column)}[])`;
  });
  return { sql: `(${parts.join(" OR ")})`, values: searches.map(({ tokens }) => JSON.stringify(tokens)) };
}

const digitsOf = (text: string): string => `regexp_replace(${text}, '[^0-9]', '', 'g')`;

/** The texts of a JSON array that is a parameter. */
export const tokenList = (parameter: string): string => `SELECT jsonb_array_elements_text(${parameter}::jsonb)`;
