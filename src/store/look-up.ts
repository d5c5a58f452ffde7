import type { PostgresPool, Row } from "../postgres/connection.ts";
import { showTable } from "../postgres/identifiers.ts";
import { inTransaction, type RunStatement } from "../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "./audit.ts";
import { countRows, countTokens, type FoundToken, sampleRows, type UserColumn } from "./find-tokens.ts";
import { withLinkedTokens } from "./linked-tokens.ts";
import { SEARCH_LIMITS } from "./search-limits.ts";
import type { StoredTable } from "./stored-columns.ts";
import type { ColumnTokens } from "./token-filter.ts";

export interface LookupQuery {
  /** The tokens that could be made of the value; what is linked with them is found here. */
  readonly searches: readonly ColumnTokens[];
  /** null: there is none. */
  readonly user: UserColumn | null;
  /** null: there is none. */
  readonly timeColumn: string | null;
  /** The columns to give of the rows. */
  readonly columns: readonly string[];
  /** The most rows to give. */
  readonly limit: number;
  readonly audit: Pick<AuditEntry, "operator" | "reason">;
}

export interface LookupFindings {
  readonly rows: number;
  /** Distinct ones; null without a user column. */
  readonly users: number | null;
  readonly tokens: readonly FoundToken[];
  readonly sample: readonly Row[];
}

/** Finds the rows of a value. That it was looked up is noted in the same transaction, before anyone learns the answer. */
export async function lookUp(pool: PostgresPool, table: StoredTable, query: LookupQuery): Promise<LookupFindings> {
  const { user, timeColumn, columns, limit, audit } = query;
  const options = { doing: `looking a value up in ${showTable(table.name)}`, ...SEARCH_LIMITS };
  return inTransaction(pool, options, async (run) => {
    const searches = await withLinks(run, query.searches);
    const tokens: FoundToken[] = [];
    for (const search of searches) tokens.push(...(await countTokens(run, table, search, timeColumn)));
    const counts = await countRows(run, table, searches, user);
    const sample = await sampleRows(run, table, searches, { columns, timeColumn, limit });
    await writeAudit(run, { ...audit, action: "lookup", details: detailsOf(table, searches, { rows: counts.rows }) });
    return { ...counts, tokens, sample };
  });
}

/** One statement at a time: they share a connection. */
export async function withLinks(
  run: RunStatement,
  searches: readonly ColumnTokens[],
): Promise<readonly ColumnTokens[]> {
  const all: ColumnTokens[] = [];
  for (const search of searches) all.push(await withLinkedTokens(run, search));
  return all;
}

/** No token: whoever may read the audit later could follow it. */
export const detailsOf = (
  table: StoredTable,
  searches: readonly ColumnTokens[],
  counts: Readonly<Record<string, number>>,
): AuditEntry["details"] => ({
  table: showTable(table.name),
  columns: searches.map(({ column }) => column),
  ...counts,
});
