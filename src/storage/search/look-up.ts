import type { TokenPlace } from "../../pipeline/contracts.ts";
import type { PostgresPool, Row } from "../../postgres/connection.ts";
import { quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "../audit.ts";
import { type FoundToken, type UserColumn, countRows, countTokens, sampleRows } from "./find-tokens.ts";
import type { StoredTable } from "./stored-columns.ts";
import { type TokenSearch, type ColumnTokens, type DoubtfulLinks, withLinkedTokens } from "./token-filter.ts";
import { withTokens } from "./tokens-in.ts";

/** SHA-256 in hex. */
const DIGEST_CHARS = 64;

export interface LookupQuery {
  /** The tokens that could be made of the value; what is linked with them is found here. */
  readonly searches: readonly TokenSearch[];
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
  readonly doubtfulLinks: readonly DoubtfulLinks[];
}

/** Finds the rows of a value. That it was looked up is noted in the same transaction, before anyone learns the answer. */
export async function lookUp(pool: PostgresPool, table: StoredTable, query: LookupQuery): Promise<LookupFindings> {
  const { user, timeColumn, columns, limit, audit } = query;
  const options = { doing: `looking a value up in ${showTable(table.name)}`, ...TIMEOUTS.readingTable };
  return inTransaction(pool, options, async (run) => {
    const { searches, doubtfulLinks } = await completeSearches(run, table, query.searches);
    const tokens: FoundToken[] = [];
    for (const search of searches) tokens.push(...(await countTokens(run, table, search, timeColumn)));
    const counts = await countRows(run, table, searches, user);
    const sample = await sampleRows(run, table, searches, { columns, timeColumn, limit });
    await writeAudit(run, { ...audit, action: "lookup", details: detailsOf(table, searches, { rows: counts.rows }) });
    return { ...counts, tokens, sample, doubtfulLinks };
  });
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

/** No token: whoever may read the audit later could follow it. */
export const detailsOf = (
  table: StoredTable,
  searches: readonly ColumnTokens[],
  counts: Readonly<Record<string, number>>,
): AuditEntry["details"] => ({
  table: showTable(table.name),
  columns: searches.map(({ place }) => place.name),
  ...counts,
});
