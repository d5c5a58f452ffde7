import type { TokenPlace } from "../../pipeline/contracts.ts";
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
  type SqlPart,
  tokenFilter,
  tokenList,
} from "./token-filter.ts";
import { withTokens } from "./tokens-in.ts";

/** What piipe's own tables hold of tokens. */
export interface BesideCounts {
  readonly links: number;
  readonly vault: number;
}

/** Whether links or the vault know a token of a key: what they do not know may be a raw value from before the mask. */
export const isKnown = (token: string, key: string): string => `
  (EXISTS (SELECT FROM piipe.vault AS entry WHERE entry.column_name = ${key}::text AND entry.token = ${token})
   OR EXISTS (SELECT FROM piipe.key_links AS link
     WHERE link.column_name = ${key}::text AND (link.old_token = ${token} OR link.new_token = ${token})))`;

/** The places whose tokens are known by one key. */
export interface KeyPlaces {
  readonly key: string;
  /** All of the table's. */
  readonly places: readonly TokenPlace[];
  /** Those where a row may have other tokens than the searched ones. */
  readonly others: readonly TokenPlace[];
  /** Which of the searches are of this key. */
  readonly searches: readonly number[];
}

/**
 * The keys whose tokens a row may have beside the searched ones: they may have links and originals. Where a path leads to
 * the elements of an array, there may be others in the very place.
 */
export function otherKeys(places: readonly TokenPlace[], searches: readonly ColumnTokens[]): readonly KeyPlaces[] {
  const searched = new Set(searches.map(({ place }) => place.name));
  const others = places.filter(({ name, path }) => !searched.has(name) || path?.includes(null) === true);
  return [...new Set(others.map(({ key }) => key))].map((key) => ({
    key,
    places: places.filter((place) => place.key === key),
    others: others.filter((place) => place.key === key),
    searches: searches.flatMap(({ place }, index) => (place.key === key ? [index] : [])),
  }));
}

interface Gone {
  readonly table: StoredTable;
  readonly places: readonly TokenPlace[];
  /** The parameter that is the key's name. */
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
const orphans = ({ table, places, parameter, gone, stays }: Gone): string => `
WITH RECURSIVE family (origin, token) AS (
  SELECT gone.token, gone.token FROM (${gone}) AS gone (token) WHERE ${isKnown("gone.token", parameter)}
  UNION
  SELECT known.origin, linked.token FROM family AS known ${joinLinked(parameter)}
), held (origin) AS (
  SELECT family.origin FROM family JOIN (
    ${places.map((place) => `SELECT held.token FROM ${withTokens(quoteTable(table.name), place)} WHERE ${stays}`).join("\n    UNION ALL\n    ")}
  ) AS staying ON staying.token = family.token
), orphan (token) AS (
  SELECT DISTINCT token FROM family WHERE NOT EXISTS (SELECT FROM held WHERE held.origin = family.origin)
)`;

const ofOrphans = (parameter: string, token: string): string =>
  `column_name = ${parameter}::text AND ${token} IN (SELECT token FROM orphan)`;

/** The links and vault entries of other places that would have no row any more without those that are searched. */
async function countOrphans(
  run: RunStatement,
  table: StoredTable,
  searches: readonly ColumnTokens[],
  keys: readonly KeyPlaces[],
): Promise<BesideCounts> {
  const filter = tokenFilter(table, searches);
  const parameter = `$${filter.values.length + 1}`;
  const counts: BesideCounts[] = [];
  for (const { key, places, others, searches: ofKey } of keys) {
    // Those that are searched are counted for themselves.
    const isOther = ofKey.map((index) => ` AND held.token <> ALL (ARRAY(${tokenList(`$${index + 1}`)}))`).join("");
    const gone = others
      .map(
        (place) => `SELECT held.token FROM ${withTokens(quoteTable(table.name), place)} WHERE ${filter.sql}${isOther}`,
      )
      .join(" UNION ");
    const { rows } = await run(
      `${orphans({ table, places, parameter, gone, stays: `${filter.sql} IS NOT TRUE` })}
       SELECT (SELECT count(*) FROM piipe.key_links WHERE ${ofOrphans(parameter, "old_token")}) AS links,
              (SELECT count(*) FROM piipe.vault WHERE ${ofOrphans(parameter, "token")}) AS vault`,
      [...filter.values, key],
    );
    counts.push({ links: Number(rows[0]?.["links"]), vault: Number(rows[0]?.["vault"]) });
  }
  return sumOf(counts);
}

/**
 * Deletes the links and vault entries of tokens of rows that the same transaction has deleted, where no row has them any
 * more. Reads the table once for each place with such tokens, unless it has an index.
 *
 * A worker that stores the same token at this very moment finds the entry there and leaves it; its row cannot be seen here
 * yet. The original of that row is then gone until the next event with the value, and nothing personal stays. Only a lock
 * that stops all workers while the table is read would prevent it. In a rewrap that is under way, rows and vault may hold
 * different tokens of one value: what it has not reached by then may be taken too early, or stay.
 */
export async function deleteOrphans(
  run: RunStatement,
  table: StoredTable,
  { key, places }: KeyPlaces,
  tokens: readonly string[],
): Promise<BesideCounts> {
  const { rows } = await run(
    `${orphans({ table, places, parameter: "$1", gone: tokenList("$2"), stays: "true" })},
     unlinked AS (DELETE FROM piipe.key_links WHERE ${ofOrphans("$1", "old_token")} RETURNING 1),
     removed AS (DELETE FROM piipe.vault WHERE ${ofOrphans("$1", "token")} RETURNING 1)
     SELECT (SELECT count(*) FROM unlinked) AS links, (SELECT count(*) FROM removed) AS vault`,
    [key, JSON.stringify(tokens)],
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
    /** All of the table's whose tokens may have links and originals. */
    readonly places: readonly TokenPlace[];
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
      await countOrphans(run, table, searches, otherKeys(query.places, searches)),
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
  for (const { values } of tokensByKey(searches)) {
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

/** One part for each key, however many places share it: their tokens are the same, or may be. */
export function tokensByKey(searches: readonly ColumnTokens[]): readonly Pick<SqlPart, "values">[] {
  const byKey = new Map<string, Set<string>>();
  for (const { place, tokens } of searches) {
    const known = byKey.get(place.key) ?? new Set();
    for (const token of tokens) known.add(token);
    byKey.set(place.key, known);
  }
  return [...byKey].map(([key, tokens]) => ({ values: [key, JSON.stringify([...tokens])] }));
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
  const people =
    user.key !== null
      ? `people (token) AS (SELECT found.token::text FROM (${found}) AS found (token) UNION ${linkedWith(parameter, "people")})`
      : `people (token) AS (${found})`;
  const persons = user.key !== null ? `count(DISTINCT piipe.canonical(${parameter}::text, token))` : "count(*)";
  const { rows } = await run(
    `WITH RECURSIVE ${people}
     SELECT count(*) AS rows, (SELECT ${persons} FROM people) AS users FROM ${name} AS t
     WHERE ${column} IN (SELECT token::${table.typeOf(user.name)} FROM people) AND ${filter.sql} IS NOT TRUE`,
    [...filter.values, ...(user.key === null ? [] : [user.key])],
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
