import type { TokenPlace } from "../../pipeline/contracts.ts";
import type { Row } from "../../postgres/connection.ts";
import { quoteTable } from "../../postgres/identifiers.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { columnOfRow, type StoredTable } from "./stored-columns.ts";
import { type ColumnTokens, hasDigitsOf, type SqlPart, tokenFilter } from "./token-filter.ts";
import { holdsInside, withTokens } from "./tokens-in.ts";

/** How often one token is stored. */
export interface FoundToken {
  /** As the place is shown. */
  readonly column: string;
  readonly token: string;
  readonly rows: number;
  /** UTC, RFC 3339; null without a time column, and without rows. */
  readonly firstSeen: string | null;
  readonly lastSeen: string | null;
}

/** Counts each token's rows, by digits those of each stored spelling. */
export async function countTokens(
  run: RunStatement,
  table: StoredTable,
  search: ColumnTokens,
  timeColumn: string | null,
): Promise<readonly FoundToken[]> {
  if (search.byDigits === true) return countSpellings(run, table, search, timeColumn);
  const { place, tokens } = search;
  const { column, path } = place;
  const type = table.typeOf(column);
  const holds =
    path === null ? `${columnOfRow(column)} = wanted.token::${type}` : holdsInside(place, type, "wanted.token");
  const { rows } = await run(
    `SELECT wanted.position, ${tally(timeColumn)}
     FROM jsonb_array_elements_text($1::jsonb) WITH ORDINALITY AS wanted (token, position)
     JOIN ${quoteTable(table.name)} AS t ON ${holds}
     GROUP BY wanted.position`,
    [JSON.stringify(tokens)],
  );
  const found = new Map(rows.map((row) => [Number(row["position"]), row]));
  return tokens.map((token, index) => foundToken(place, token, found.get(index + 1)));
}

/** The given ones first, then the others that the table has. */
async function countSpellings(
  run: RunStatement,
  table: StoredTable,
  search: ColumnTokens,
  timeColumn: string | null,
): Promise<readonly FoundToken[]> {
  const { place, tokens } = search;
  const { rows } = await run(
    `SELECT held.token, ${tally(timeColumn)}
     FROM ${withTokens(quoteTable(table.name), place)} WHERE ${hasDigitsOf("held.token", "$1")} GROUP BY 1 ORDER BY 1`,
    [JSON.stringify(tokens)],
  );
  const found = new Map(rows.map((row) => [row["token"] ?? "", row]));
  return [...new Set([...tokens, ...found.keys()])].map((token) => foundToken(place, token, found.get(token)));
}

function tally(timeColumn: string | null): string {
  const time = timeColumn === null ? "NULL::text" : columnOfRow(timeColumn);
  return `count(*) AS rows, ${utcText(`min(${time})`)} AS first_seen, ${utcText(`max(${time})`)} AS last_seen`;
}

const foundToken = ({ name }: TokenPlace, token: string, row: Row | undefined): FoundToken => ({
  column: name,
  token,
  rows: Number(row?.["rows"] ?? 0),
  firstSeen: row?.["first_seen"] ?? null,
  lastSeen: row?.["last_seen"] ?? null,
});

const utcText = (sql: string): string => `replace(to_json(${sql}) #>> '{}', '+00:00', 'Z')`;

/** The column that says whose row it is. */
export interface UserColumn {
  readonly name: string;
  /** By what links know its tokens: one person may have several, which they join. null: it is stored as it is. */
  readonly key: string | null;
}

/** A row that has tokens in several columns counts once. `users` is null without a user column. */
export async function countRows(
  run: RunStatement,
  table: StoredTable,
  searches: readonly ColumnTokens[],
  user: UserColumn | null,
): Promise<{ readonly rows: number; readonly users: number | null }> {
  const filter = tokenFilter(table, searches);
  const person = user === null ? null : personOf(user, filter.values.length + 1);
  const { rows } = await run(
    `SELECT count(*) AS rows, ${person === null ? "NULL" : `count(DISTINCT ${person.sql})`} AS users
     FROM ${quoteTable(table.name)} AS t WHERE ${filter.sql}`,
    [...filter.values, ...(person?.values ?? [])],
  );
  const users = rows[0]?.["users"] ?? null;
  return { rows: Number(rows[0]?.["rows"]), users: users === null ? null : Number(users) };
}

/** Of several tables, where more than one has a user column. */
export async function countUsers(
  run: RunStatement,
  tables: readonly {
    readonly table: StoredTable;
    readonly searches: readonly ColumnTokens[];
    readonly user: UserColumn;
  }[],
): Promise<number> {
  const values: string[] = [];
  const persons = tables.map(({ table, searches, user }) => {
    const filter = tokenFilter(table, searches, values.length);
    values.push(...filter.values);
    const person = personOf(user, values.length + 1);
    values.push(...person.values);
    return `SELECT ${person.sql}::text AS person FROM ${quoteTable(table.name)} AS t WHERE ${filter.sql}`;
  });
  const { rows } = await run(
    `SELECT count(DISTINCT person) AS users FROM (${persons.join(" UNION ALL ")}) AS found`,
    values,
  );
  return Number(rows[0]?.["users"]);
}

function personOf({ name, key }: UserColumn, nextParameter: number): SqlPart {
  const column = columnOfRow(name);
  if (key === null) return { sql: column, values: [] };
  return { sql: `piipe.canonical($${nextParameter}::text, ${column}::text)`, values: [key] };
}

/** Some of the rows as they are stored, the latest first where there is a time column; values in PostgreSQL's text form. */
export async function sampleRows(
  run: RunStatement,
  table: StoredTable,
  searches: readonly ColumnTokens[],
  {
    columns,
    timeColumn,
    limit,
  }: {
    readonly columns: readonly string[];
    readonly timeColumn: string | null;
    readonly limit: number;
  },
): Promise<readonly Row[]> {
  if (limit === 0) return [];
  const filter = tokenFilter(table, searches);
  const order = timeColumn === null ? "" : `ORDER BY ${columnOfRow(timeColumn)} DESC NULLS LAST`;
  const { rows } = await run(
    `SELECT ${columns.map(columnOfRow).join(", ")} FROM ${quoteTable(table.name)} AS t
     WHERE ${filter.sql} ${order} LIMIT ${limit}`,
    filter.values,
  );
  return rows;
}
