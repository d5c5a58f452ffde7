import type { RunStatement } from "../postgres/transaction.ts";
import type { ColumnTokens } from "./token-filter.ts";

/** Joins the tokens `known` with those that one link leads to, either way. */
export const joinLinked = (columnParameter: string): string => `
  CROSS JOIN LATERAL (
    SELECT old_token FROM piipe.key_links WHERE column_name = ${columnParameter}::text AND new_token = known.token
    UNION ALL
    SELECT new_token FROM piipe.key_links WHERE column_name = ${columnParameter}::text AND old_token = known.token
  ) AS linked (token)`;

/**
 * The tokens that links lead to from those in a table `known (token)`, as a term of a recursive query. Both ways: all of them
 * are of one value, and UNION ends the walk where it meets itself.
 */
export const linkedWith = (columnParameter: string, known: string): string =>
  `SELECT linked.token FROM ${known} AS known ${joinLinked(columnParameter)}`;

const FIND_LINKED = `
WITH RECURSIVE found (token) AS (
  SELECT token FROM jsonb_array_elements_text($2::jsonb) AS given (token)
  UNION ${linkedWith("$1", "found")}
)
SELECT token FROM found`;

/** Adds what `piipe.key_links` leads to: so tokens of destroyed key versions are found, which nobody can make any more. */
export async function withLinkedTokens(run: RunStatement, search: ColumnTokens): Promise<ColumnTokens> {
  const { column, tokens } = search;
  const { rows } = await run(FIND_LINKED, [column, JSON.stringify(tokens)]);
  const known = new Set(tokens);
  const linked = rows.flatMap(({ token }) => (typeof token === "string" && !known.has(token) ? [token] : []));
  return { ...search, tokens: [...tokens, ...linked.toSorted()] };
}
