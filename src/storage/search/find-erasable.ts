import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable, showTable } from "../../postgres/identifiers.ts";
import { inTransaction, type RunStatement } from "../../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "../audit.ts";
import { OF_QUEUES, type QuarantinedQueue, sourceIds } from "../quarantine/quarantine.ts";
import { countRows, type UserColumn } from "./find-tokens.ts";
import { linkedWith } from "./linked-tokens.ts";
import { completeSearches, detailsOf } from "./look-up.ts";
import { type BesideCounts, countOrphans, sumOf } from "./orphaned-tokens.ts";
import { SEARCH_LIMITS } from "./search-limits.ts";
import { columnOfRow, type StoredTable } from "./stored-columns.ts";
import { type ColumnSearch, type ColumnTokens, type DoubtfulLinks, tokenFilter, tokenList } from "./token-filter.ts";

/** What an erasure would delete, and what it would leave. Links and vault entries: those of other columns as well. */
export interface Erasable extends BesideCounts {
  /** With the linked tokens. */
  readonly searches: readonly ColumnTokens[];
  readonly doubtfulLinks: readonly DoubtfulLinks[];
  readonly rows: number;
  /** null without a user column. */
  readonly others: OtherRows | null;
  readonly pendingEvents: PendingCounts;
}

/** Refused events, which are sealed: nobody can tell whose they are without opening them. */
export interface PendingCounts {
  readonly own: number;
  /** Of other pipelines' queues. */
  readonly others: number;
}

/**
 * Finds what an erasure would delete. Before the rows are gone, as they say whose they were.
 * @param audit noted in the same transaction: `lookup` when somebody is to be asked first, as that tells what there is
 */
export async function findErasable(
  pool: PostgresPool,
  table: StoredTable,
  query: {
    readonly searches: readonly ColumnSearch[];
    /** Whose tokens of the found rows may have links and originals. */
    readonly otherColumns: readonly string[];
    readonly user: UserColumn | null;
    /** This pipeline's. */
    readonly queues: readonly QuarantinedQueue[];
  },
  audit: Pick<AuditEntry, "action" | "operator" | "reason">,
): Promise<Erasable> {
  const options = { doing: `looking for what to erase from ${showTable(table.name)}`, ...SEARCH_LIMITS };
  return inTransaction(pool, options, async (run) => {
    const { searches, doubtfulLinks } = await completeSearches(run, table, query.searches);
    const { rows } = await countRows(run, table, searches, null);
    const beside = sumOf([
      await countBesideRows(run, searches),
      await countOrphans(run, table, searches, query.otherColumns),
    ]);
    const others = query.user === null ? null : await countOtherRows(run, table, searches, query.user);
    const pendingEvents = await countPendingEvents(run, query.queues);
    await writeAudit(run, { ...audit, details: detailsOf(table, searches, { rows, ...beside }) });
    return { searches, doubtfulLinks, rows, ...beside, others, pendingEvents };
  });
}

/** The links and vault entries of the tokens. */
export async function countBesideRows(run: RunStatement, searches: readonly ColumnTokens[]): Promise<BesideCounts> {
  let links = 0;
  let vault = 0;
  for (const { column, tokens } of searches) {
    const values = [column, JSON.stringify(tokens)];
    const { rows } = await run(
      `SELECT (SELECT count(*) FROM piipe.key_links WHERE ${LINKS}) AS links,
              (SELECT count(*) FROM piipe.vault WHERE ${VAULT_ENTRIES}) AS vault`,
      values,
    );
    links += Number(rows[0]?.["links"]);
    vault += Number(rows[0]?.["vault"]);
  }
  return { links, vault };
}

const TOKENS = `ARRAY(${tokenList("$2")})`;
export const LINKS = `column_name = $1::text AND (old_token = ANY (${TOKENS}) OR new_token = ANY (${TOKENS}))`;
export const VAULT_ENTRIES = `column_name = $1::text AND token = ANY (${TOKENS})`;

/** What is left of the people whose rows have the tokens. */
export interface OtherRows {
  readonly users: number;
  /** Their rows that have none of the tokens. */
  readonly rows: number;
}

async function countOtherRows(
  run: RunStatement,
  table: StoredTable,
  searches: readonly ColumnTokens[],
  user: UserColumn,
): Promise<OtherRows> {
  const name = quoteTable(table.name);
  const filter = tokenFilter(table, searches);
  const column = columnOfRow(user.name);
  const parameter = `$${filter.values.length + 1}`;
  const found = `SELECT DISTINCT ${column} FROM ${name} AS t WHERE ${filter.sql} AND ${column} IS NOT NULL`;
  // Of a masked user column, other rows may hold the person's tokens of other key versions.
  const people = user.isMasked
    ? `people (token) AS (SELECT found.token::text FROM (${found}) AS found (token) UNION ${linkedWith(parameter, "people")})`
    : `people (token) AS (${found})`;
  const persons = user.isMasked ? `count(DISTINCT piipe.canonical(${parameter}::text, token))` : "count(*)";
  const { rows } = await run(
    `WITH RECURSIVE ${people}
     SELECT count(*) AS rows, (SELECT ${persons} FROM people) AS users FROM ${name} AS t
     WHERE ${column} IN (SELECT token::${table.typeOf(user.name)} FROM people) AND ${filter.sql} IS NOT TRUE`,
    [...filter.values, ...(user.isMasked ? [user.name] : [])],
  );
  return { users: Number(rows[0]?.["users"]), rows: Number(rows[0]?.["rows"]) };
}

async function countPendingEvents(run: RunStatement, queues: readonly QuarantinedQueue[]): Promise<PendingCounts> {
  const { rows } = await run(
    `SELECT count(*) FILTER (WHERE ${OF_QUEUES}) AS own, count(*) AS pending
     FROM piipe.quarantine WHERE state = 'pending'`,
    [sourceIds(queues)],
  );
  const own = Number(rows[0]?.["own"]);
  return { own, others: Number(rows[0]?.["pending"]) - own };
}
