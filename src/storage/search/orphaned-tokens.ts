import { quoteTable } from "../../postgres/identifiers.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { joinLinked } from "./linked-tokens.ts";
import { columnOfRow, type StoredTable } from "./stored-columns.ts";
import { type ColumnTokens, tokenFilter, tokenList } from "./token-filter.ts";

/** What piipe's own tables hold of tokens. */
export interface BesideCounts {
  readonly links: number;
  readonly vault: number;
}

/** Whether links or the vault know a token: what they do not know may be a raw value from before the mask. */
export const isKnown = (token: string, column: string): string => `
  (EXISTS (SELECT FROM piipe.vault AS entry WHERE entry.column_name = ${column}::text AND entry.token = ${token})
   OR EXISTS (SELECT FROM piipe.key_links AS link
     WHERE link.column_name = ${column}::text AND (link.old_token = ${token} OR link.new_token = ${token})))`;

interface Gone {
  readonly table: StoredTable;
  readonly column: string;
  /** The parameter that is the column's name. */
  readonly parameter: string;
  /** A query for the tokens of the rows that are gone, or to go. */
  readonly gone: string;
  /** The condition for the rows `t` that stay. */
  readonly stays: string;
}

/**
 * Tokens of one value stay or go together: as long as a row has one of them, a link from it leads to the original. Compared as
 * text, which an inet column's index does not serve: its masks have neither links nor originals.
 */
const orphans = ({ table, column, parameter, gone, stays }: Gone): string => `
WITH RECURSIVE family (origin, token) AS (
  SELECT gone.token, gone.token FROM (${gone}) AS gone (token) WHERE ${isKnown("gone.token", parameter)}
  UNION
  SELECT known.origin, linked.token FROM family AS known ${joinLinked(parameter)}
), held (origin) AS (
  SELECT family.origin FROM family
  JOIN ${quoteTable(table.name)} AS t ON ${columnOfRow(column)}::text = family.token WHERE ${stays}
), orphan (token) AS (
  SELECT DISTINCT token FROM family WHERE NOT EXISTS (SELECT FROM held WHERE held.origin = family.origin)
)`;

const ofOrphans = (parameter: string, token: string): string =>
  `column_name = ${parameter}::text AND ${token} IN (SELECT token FROM orphan)`;

/** The links and vault entries of other columns that would have no row any more without those that are searched. */
export async function countOrphans(
  run: RunStatement,
  table: StoredTable,
  searches: readonly ColumnTokens[],
  columns: readonly string[],
): Promise<BesideCounts> {
  const filter = tokenFilter(table, searches);
  const parameter = `$${filter.values.length + 1}`;
  const counts: BesideCounts[] = [];
  for (const column of columns) {
    const gone = `SELECT DISTINCT ${columnOfRow(column)}::text FROM ${quoteTable(table.name)} AS t WHERE ${filter.sql}`;
    const { rows } = await run(
      `${orphans({ table, column, parameter, gone, stays: `${filter.sql} IS NOT TRUE` })}
       SELECT (SELECT count(*) FROM piipe.key_links WHERE ${ofOrphans(parameter, "old_token")}) AS links,
              (SELECT count(*) FROM piipe.vault WHERE ${ofOrphans(parameter, "token")}) AS vault`,
      [...filter.values, column],
    );
    counts.push({ links: Number(rows[0]?.["links"]), vault: Number(rows[0]?.["vault"]) });
  }
  return sumOf(counts);
}

/**
 * Deletes the links and vault entries of tokens of rows that the same transaction has deleted, where no row has them any
 * more. Reads the table once for each column with such tokens, unless it has an index.
 *
 * A worker that stores the same token at this very moment finds the entry there and leaves it; its row cannot be seen here
 * yet. The original of that row is then gone until the next event with the value, and nothing personal stays. Only a lock
 * that stops all workers while the table is read would prevent it. In a rewrap that is under way, rows and vault may hold
 * different tokens of one value: what it has not reached by then may be taken too early, or stay.
 */
export async function deleteOrphans(
  run: RunStatement,
  table: StoredTable,
  { column, tokens }: ColumnTokens,
): Promise<BesideCounts> {
  const { rows } = await run(
    `${orphans({ table, column, parameter: "$1", gone: tokenList("$2"), stays: "true" })},
     unlinked AS (DELETE FROM piipe.key_links WHERE ${ofOrphans("$1", "old_token")} RETURNING 1),
     removed AS (DELETE FROM piipe.vault WHERE ${ofOrphans("$1", "token")} RETURNING 1)
     SELECT (SELECT count(*) FROM unlinked) AS links, (SELECT count(*) FROM removed) AS vault`,
    [column, JSON.stringify(tokens)],
  );
  return { links: Number(rows[0]?.["links"]), vault: Number(rows[0]?.["vault"]) };
}

export const sumOf = (counts: readonly BesideCounts[]): BesideCounts => ({
  links: counts.reduce((sum, { links }) => sum + links, 0),
  vault: counts.reduce((sum, { vault }) => sum + vault, 0),
});
