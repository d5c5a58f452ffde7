import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "../audit.ts";
import { OF_QUEUES, type QuarantinedQueue, sourceIds } from "../quarantine/quarantine.ts";
import { type UserColumn, countRows } from "./find-tokens.ts";
import { completeSearches, detailsOf } from "./look-up.ts";
import { type StoredTable, columnOfRow } from "./stored-columns.ts";
import {
  type TokenSearch,
  type ColumnTokens,
  type DoubtfulLinks,
  joinLinked,
  linkedWith,
  tokenFilter,
  tokenList,
} from "./token-filter.ts";

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
async function countOrphans(
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
    readonly searches: readonly TokenSearch[];
    /** Whose tokens of the found rows may have links and originals. */
    readonly otherColumns: readonly string[];
    readonly user: UserColumn | null;
    /** This pipeline's. */
    readonly queues: readonly QuarantinedQueue[];
  },
  audit: Pick<AuditEntry, "action" | "operator" | "reason">,
): Promise<Erasable> {
  const options = { doing: `looking for what to erase from ${showTable(table.name)}`, ...TIMEOUTS.readingTable };
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
