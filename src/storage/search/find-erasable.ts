import type { PostgresPool } from "../../postgres/connection.ts";
import { quoteTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { type AuditEntry, writeAudit } from "../audit.ts";
import { OF_QUEUES, type QuarantinedQueue, sourceIds } from "../quarantine/quarantine.ts";
import {
  type ErasedTable,
  type ErasePlan,
  type KeyPlaces,
  otherKeys,
  rowsThatGo,
  searchesOf,
  tableAt,
} from "./erase-plan.ts";
import type { UserColumn } from "./find-tokens.ts";
import { completeSearches, detailsOf, showTables } from "./look-up.ts";
import { columnOfRow } from "./stored-columns.ts";
import {
  type TokenSearch,
  type ColumnTokens,
  type DoubtfulLinks,
  joinLinked,
  linkedWith,
  type SqlPart,
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

interface Gone extends Pick<KeyPlaces, "places"> {
  readonly plan: ErasePlan;
  /** The parameter that is the key's name. */
  readonly parameter: string;
  /** A query for the tokens of the rows that are gone, or to go. */
  readonly gone: string;
  /** The condition for the rows `t` of a table that stay. */
  readonly stays: (at: number) => string;
}

/**
 * Tokens of one value stay or go together: as long as a row has one of them, a link from it leads to the original. Compared as
 * text, which an inet column's index does not serve: its masks have neither links nor originals.
 */
const orphans = ({ plan, places, parameter, gone, stays }: Gone): string => `
WITH RECURSIVE family (origin, token) AS (
  SELECT gone.token, gone.token FROM (${gone}) AS gone (token) WHERE ${isKnown("gone.token", parameter)}
  UNION
  SELECT known.origin, linked.token FROM family AS known ${joinLinked(parameter)}
), held (origin) AS (
  SELECT family.origin FROM family JOIN (
    ${places.map(({ at, place }) => `SELECT held.token FROM ${withTokens(nameOf(plan, at), place)} WHERE ${stays(at)}`).join("\n    UNION ALL\n    ")}
  ) AS staying ON staying.token = family.token
), orphan (token) AS (
  SELECT DISTINCT token FROM family WHERE NOT EXISTS (SELECT FROM held WHERE held.origin = family.origin)
)`;

const ofOrphans = (parameter: string, token: string): string =>
  `column_name = ${parameter}::text AND ${token} IN (SELECT token FROM orphan)`;

const nameOf = (plan: ErasePlan, at: number): string => quoteTable(tableAt(plan, at).table.name);

/** The links and vault entries of other places that would have no row any more without those that go. */
async function countOrphans(run: RunStatement, plan: ErasePlan): Promise<BesideCounts> {
  const counts: BesideCounts[] = [];
  for (const { key, places, others, tokens } of otherKeys(plan)) {
    // Those that are searched are counted for themselves.
    const values = [key, JSON.stringify(tokens)];
    const goes = (at: number): string | null => {
      const rows = rowsThatGo(plan, at, values.length);
      values.push(...(rows?.values ?? []));
      return rows?.sql ?? null;
    };
    const gone = others.flatMap(({ at, place }) => {
      const rows = goes(at);
      if (rows === null) return [];
      const isOther = `held.token <> ALL (ARRAY(${tokenList("$2")}))`;
      return [`SELECT held.token FROM ${withTokens(nameOf(plan, at), place)} WHERE ${rows} AND ${isOther}`];
    });
    if (gone.length === 0) continue;
    const stays = (at: number): string => {
      const rows = goes(at);
      return rows === null ? "true" : `${rows} IS NOT TRUE`;
    };
    const { rows } = await run(
      `${orphans({ plan, places, parameter: "$1", gone: gone.join(" UNION "), stays })}
       SELECT (SELECT count(*) FROM piipe.key_links WHERE ${ofOrphans("$1", "old_token")}) AS links,
              (SELECT count(*) FROM piipe.vault WHERE ${ofOrphans("$1", "token")}) AS vault`,
      values,
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
  plan: ErasePlan,
  { key, places }: KeyPlaces,
  tokens: readonly string[],
): Promise<BesideCounts> {
  const { rows } = await run(
    `${orphans({ plan, places, parameter: "$1", gone: tokenList("$2"), stays: () => "true" })},
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
  readonly plan: ErasePlan;
  readonly doubtfulLinks: readonly DoubtfulLinks[];
  /** Of all tables. */
  readonly rows: number;
  /** Of each table, in the plan's order. */
  readonly rowsOf: readonly number[];
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

/** A table as it is asked about: what is linked with the tokens is found here. */
export interface ErasableTable extends Omit<ErasedTable, "searches"> {
  /** None where rows go by foreign keys alone, or not at all. */
  readonly searches: readonly TokenSearch[];
}

/**
 * Finds what an erasure would delete. Before the rows are gone, as they say whose they were.
 * @param audit noted in the same transaction: `lookup` when somebody is to be asked first, as that tells what there is
 */
export async function findErasable(
  pool: PostgresPool,
  query: Pick<ErasePlan, "foreignKeys"> & {
    /** All of the pipeline's. */
    readonly tables: readonly ErasableTable[];
    /** This pipeline's. */
    readonly queues: readonly QuarantinedQueue[];
  },
  audit: Pick<AuditEntry, "action" | "operator" | "reason">,
): Promise<Erasable> {
  const options = { doing: `looking for what to erase from ${showTables(query.tables)}`, ...TIMEOUTS.readingTable };
  return inTransaction(pool, options, async (run) => {
    const tables: ErasedTable[] = [];
    const doubtfulLinks: DoubtfulLinks[] = [];
    for (const asked of query.tables) {
      const { searches, doubtfulLinks: doubtful } = await completeSearches(run, asked.table, asked.searches);
      tables.push({ ...asked, searches });
      doubtfulLinks.push(...doubtful);
    }
    const plan = { tables, foreignKeys: query.foreignKeys };
    const rowsOf: number[] = [];
    for (const at of tables.keys()) rowsOf.push(await countGoing(run, plan, at));
    const rows = rowsOf.reduce((sum, count) => sum + count, 0);
    const beside = sumOf([await countBesideRows(run, searchesOf(plan)), await countOrphans(run, plan)]);
    const others = await countOtherRows(run, plan);
    const pendingEvents = await countPendingEvents(run, query.queues);
    const going = tables.filter((_, at) => rowsThatGo(plan, at) !== null);
    await writeAudit(run, { ...audit, details: detailsOf(going, { rows, ...beside }) });
    return { plan, doubtfulLinks, rows, rowsOf, ...beside, others, pendingEvents };
  });
}

async function countGoing(run: RunStatement, plan: ErasePlan, at: number): Promise<number> {
  const going = rowsThatGo(plan, at);
  if (going === null) return 0;
  const { rows } = await run(`SELECT count(*) AS rows FROM ${nameOf(plan, at)} AS t WHERE ${going.sql}`, going.values);
  return Number(rows[0]?.["rows"]);
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

/** null where no table has a user column. */
async function countOtherRows(run: RunStatement, plan: ErasePlan): Promise<OtherRows | null> {
  const withUser = plan.tables.flatMap(({ user }, at) => (user === null ? [] : [{ at, user }]));
  if (withUser.length === 0) return null;
  const counts: OtherRows[] = [];
  for (const key of new Set(withUser.map(({ user }) => user.key))) {
    const ofKey = withUser.filter(({ user }) => user.key === key);
    counts.push(await countOfUsers(run, plan, key, ofKey));
  }
  return {
    users: counts.reduce((sum, { users }) => sum + users, 0),
    rows: counts.reduce((sum, { rows }) => sum + rows, 0),
  };
}

/** @param key by what links know the users' tokens; null: they are stored as they are */
async function countOfUsers(
  run: RunStatement,
  plan: ErasePlan,
  key: string | null,
  tables: readonly { readonly at: number; readonly user: UserColumn }[],
): Promise<OtherRows> {
  const values = key === null ? [] : [key];
  const types = new Set(tables.map(({ at, user }) => tableAt(plan, at).table.typeOf(user.name)));
  // Of one type an index serves; values of several have only their text in common.
  const type = types.size === 1 && key === null ? [...types].join() : "text";
  const going = (at: number): string | null => {
    const rows = rowsThatGo(plan, at, values.length);
    values.push(...(rows?.values ?? []));
    return rows?.sql ?? null;
  };
  const found = tables.flatMap(({ at, user }) => {
    const rows = going(at);
    const column = columnOfRow(user.name);
    const condition = `${rows} AND ${column} IS NOT NULL`;
    return rows === null ? [] : [`SELECT ${column}::${type} FROM ${nameOf(plan, at)} AS t WHERE ${condition}`];
  });
  if (found.length === 0) return { users: 0, rows: 0 };
  // Of a masked user column, other rows may hold the person's tokens of other key versions.
  const linked = key === null ? "" : ` UNION ${linkedWith("$1", "people")}`;
  const people = `people (token) AS (SELECT found.token FROM (${found.join(" UNION ")}) AS found (token)${linked})`;
  const persons = key === null ? "count(DISTINCT token)" : "count(DISTINCT piipe.canonical($1::text, token))";
  const staying = tables.map(({ at, user }) => {
    const rows = going(at);
    const { table } = tableAt(plan, at);
    const compared =
      types.size === 1
        ? `${columnOfRow(user.name)} IN (SELECT token::${table.typeOf(user.name)} FROM people)`
        : `${columnOfRow(user.name)}::text IN (SELECT token FROM people)`;
    return `(SELECT count(*) FROM ${nameOf(plan, at)} AS t WHERE ${compared}${rows === null ? "" : ` AND ${rows} IS NOT TRUE`})`;
  });
  const { rows } = await run(
    `WITH RECURSIVE ${people} SELECT ${staying.join(" + ")} AS rows, (SELECT ${persons} FROM people) AS users`,
    values,
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
