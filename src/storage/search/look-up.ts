import type { TokenPlace } from "../../pipeline/contracts.ts";
import type { PostgresPool, Row } from "../../postgres/connection.ts";
import { quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "../audit.ts";
import { type FoundToken, type UserColumn, countRows, countTokens, countUsers, sampleRows } from "./find-tokens.ts";
import type { StoredTable } from "./stored-columns.ts";
import { type TokenSearch, type ColumnTokens, type DoubtfulLinks, withLinkedTokens } from "./token-filter.ts";
import { withTokens } from "./tokens-in.ts";

/** SHA-256 in hex. */
const DIGEST_CHARS = 64;

export interface LookupTable {
  readonly table: StoredTable;
  /** The tokens that could be made of the value; what is linked with them is found here. One or more. */
  readonly searches: readonly TokenSearch[];
  /** null: there is none. */
  readonly user: UserColumn | null;
  /** null: there is none. */
  readonly timeColumn: string | null;
  /** The columns to give of the rows. */
  readonly columns: readonly string[];
}

export interface LookupQuery {
  /** The most rows to give of each table. */
  readonly limit: number;
  readonly audit: Pick<AuditEntry, "operator" | "reason">;
}

export interface TableFindings {
  readonly table: StoredTable;
  readonly rows: number;
  /** Distinct ones; null without a user column. */
  readonly users: number | null;
  readonly tokens: readonly FoundToken[];
  readonly sample: readonly Row[];
}

export interface LookupFindings {
  readonly rows: number;
  /** Distinct ones in all tables; null where none has a user column. */
  readonly users: number | null;
  /** In the order of the tables that were asked. */
  readonly tables: readonly TableFindings[];
  readonly doubtfulLinks: readonly DoubtfulLinks[];
}

/**
 * Finds the rows of a value in some tables. That it was looked up is noted in the same transaction, before anyone learns the
 * answer.
 */
export async function lookUp(
  pool: PostgresPool,
  tables: readonly LookupTable[],
  { limit, audit }: LookupQuery,
): Promise<LookupFindings> {
  const options = { doing: `looking a value up in ${showTables(tables)}`, ...TIMEOUTS.readingTable };
  return inTransaction(pool, options, async (run) => {
    const counted: CountedTable[] = [];
    const found: TableFindings[] = [];
    const doubtfulLinks: DoubtfulLinks[] = [];
    for (const asked of tables) {
      const { table, user, timeColumn, columns } = asked;
      const { searches, doubtfulLinks: doubtful } = await completeSearches(run, table, asked.searches);
      doubtfulLinks.push(...doubtful);
      const tokens: FoundToken[] = [];
      for (const search of searches) tokens.push(...(await countTokens(run, table, search, timeColumn)));
      const counts = await countRows(run, table, searches, user);
      const sample = await sampleRows(run, table, searches, { columns, timeColumn, limit });
      found.push({ table, ...counts, tokens, sample });
      counted.push({ table, searches, user });
    }
    const rows = found.reduce((sum, table) => sum + table.rows, 0);
    await writeAudit(run, { ...audit, action: "lookup", details: detailsOf(counted, { rows }) });
    return { rows, users: await usersOf(run, counted, found), tables: found, doubtfulLinks };
  });
}

interface CountedTable extends TableTokens {
  readonly user: UserColumn | null;
}

async function usersOf(
  run: RunStatement,
  tables: readonly CountedTable[],
  found: readonly TableFindings[],
): Promise<number | null> {
  const withUser = tables.flatMap(({ user, ...table }) => (user === null ? [] : [{ ...table, user }]));
  if (withUser.length > 1) return countUsers(run, withUser);
  return found.find(({ users }) => users !== null)?.users ?? null;
}

/**
 * The tokens that only the database can tell of: those that links lead to, and a bare digest that the column may hold. One
 * statement at a time: they share a connection.
 */
export async function completeSearches(
  run: RunStatement,
  table: StoredTable,
  searches: readonly TokenSearch[],
): Promise<{ readonly searches: readonly ColumnTokens[]; readonly doubtfulLinks: readonly DoubtfulLinks[] }> {
  const complete: ColumnTokens[] = [];
  const doubtfulLinks: DoubtfulLinks[] = [];
  for (const search of searches) {
    const { place, byDigits = false, bareDigest } = search;
    const { tokens, doubtful } = await withLinkedTokens(run, search);
    const isDigestWanted = bareDigest !== null && (await holdsBareDigests(run, table, place));
    complete.push({ place, byDigits, tokens: isDigestWanted ? [...tokens, bareDigest] : tokens });
    doubtfulLinks.push(...doubtful);
  }
  return { searches: complete, doubtfulLinks };
}

/** Asked without naming one: what is sent to the server may stand in its log. */
async function holdsBareDigests(run: RunStatement, { name }: StoredTable, place: TokenPlace): Promise<boolean> {
  const { rowCount } = await run(
    `SELECT 1 FROM ${withTokens(quoteTable(name), place)}
     WHERE char_length(held.token) = ${DIGEST_CHARS} AND held.token ~ '^[0-9a-f]{${DIGEST_CHARS}}$' LIMIT 1`,
  );
  return rowCount > 0;
}

/** What is searched in one table. */
export interface TableTokens {
  readonly table: StoredTable;
  readonly searches: readonly ColumnTokens[];
}

/** As schema.table, with commas between them. */
export const showTables = (tables: readonly Pick<TableTokens, "table">[]): string =>
  tables.map(({ table }) => showTable(table.name)).join(", ");

/** No token: whoever may read the audit later could follow it. */
export const detailsOf = (
  tables: readonly TableTokens[],
  counts: Readonly<Record<string, number>>,
): AuditEntry["details"] => ({
  table: showTables(tables),
  columns: tables.flatMap(({ searches }) => searches.map(({ place }) => place.name)),
  ...counts,
});
