import { PiipeError } from "../../errors.ts";
import type { TokenPlace } from "../../pipeline/contracts.ts";
import type { PostgresPool, Row } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import type { Dialect } from "../../postgres/dialect.ts";
import { quoteTable, showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { ERASURE_LOCK, takeLock } from "../locks.ts";
import { retryAtOnce } from "../retry-database.ts";
import {
  type BesideCounts,
  LINKS,
  VAULT_ENTRIES,
  countBesideRows,
  deleteOrphans,
  isKnown,
  type KeyPlaces,
  otherKeys,
  sumOf,
  tokensByKey,
} from "./find-erasable.ts";
import type { StoredTable } from "./stored-columns.ts";
import { type ColumnTokens, type SqlPart, tokenFilter } from "./token-filter.ts";
import { tokensIn } from "./tokens-in.ts";

/** One transaction deletes so many rows at most: its locks and its WAL must not hold up the workers. */
const ROWS_PER_BATCH = 5_000;
/** Where a transaction is limited: with each row may go the links and originals of its other tokens. */
const ROWS_PER_LIMITED_BATCH = 500;
/** One may be the work of a rewrap, for which the batch waited; so many mean that something keeps the rows. */
const FRUITLESS_BATCHES_MAX = 10;

export interface ErasedCounts extends BesideCounts {
  readonly rows: number;
}

/**
 * Deletes the rows with the tokens, in batches, until none is left, then the vault entries and the links. The links go
 * last: what was cut short is found by them again. Links and vault entries of other places go with the last row that has
 * their token, in its batch: nothing would lead to them later. Safe to repeat, and beside running workers.
 *
 * @param places all of the table's whose tokens may have links and originals
 * @param onProgress called with the number of rows deleted so far
 * @throws {PiipeError} `interrupted` when `abort` fires: what was deleted stays deleted; `database.*`
 */
export async function eraseTokens(
  pool: PostgresPool,
  table: StoredTable,
  searches: readonly ColumnTokens[],
  {
    places,
    onProgress,
    abort,
  }: {
    readonly places: readonly TokenPlace[];
    readonly onProgress: (rows: number) => void;
    readonly abort: AbortSignal;
  },
): Promise<ErasedCounts> {
  const options = {
    doing: `erasing from ${showTable(table.name)}`,
    ...TIMEOUTS.readingTable,
    writesTarget: true,
    abort,
  };
  const dialect = await pool.dialect(abort);
  const batchRows = dialect.transactionMax === null ? ROWS_PER_BATCH : ROWS_PER_LIMITED_BATCH;
  const others = otherKeys(places, searches);
  const batch = deleteBatch(table, searches, others, batchRows);
  const filter = tokenFilter(table, searches);
  const remaining = `SELECT 1 FROM ${quoteTable(table.name)} AS t WHERE ${filter.sql} LIMIT 1`;
  const inBatch = <T>(work: (run: RunStatement) => Promise<T>): Promise<T> =>
    retryAtOnce(() => inTransaction(pool, options, work)).catch((error: unknown) => {
      throw dialect.transactionMax !== null && isTooMuch(error) ? tooManyRows(table) : error;
    });
  let rows = 0;
  let beside: BesideCounts = { links: 0, vault: 0 };
  await untilNoneLeft(table, batchRows, {
    async deleteSome() {
      const deleted = await inBatch(async (run) => {
        const { rows: gone, rowCount } = await run(batch.sql, batch.values);
        return { rowCount, orphans: await deleteOrphansOf(run, dialect, table, tokensOf(gone, others, searches)) };
      });
      rows += deleted.rowCount;
      beside = sumOf([beside, deleted.orphans]);
      onProgress(rows);
      return deleted.rowCount;
    },
    isAnyLeft: async () => (await pool.query(options.doing, remaining, filter.values, abort)).rowCount > 0,
  });
  await untilNoneLeft(table, batchRows, {
    async deleteSome() {
      const deleted = await inBatch((run) => deleteBesideRows(run, searches));
      beside = sumOf([beside, deleted]);
      return deleted.links + deleted.vault;
    },
    async isAnyLeft() {
      const left = await inBatch((run) => countBesideRows(run, searches));
      return left.links + left.vault > 0;
    },
  });
  return { rows, ...beside };
}

/**
 * Each look is a transaction of its own: only so it sees what another one committed while the deletion waited for it. A
 * rewrap deletes a token and inserts it anew, or moves the row that has it.
 */
async function untilNoneLeft(
  table: StoredTable,
  batchRows: number,
  { deleteSome, isAnyLeft }: { readonly deleteSome: () => Promise<number>; readonly isAnyLeft: () => Promise<boolean> },
): Promise<void> {
  let fruitless = 0;
  for (;;) {
    const deleted = await deleteSome();
    // A full batch leaves the look to the next one.
    if (deleted < batchRows && !(await isAnyLeft())) return;
    fruitless = deleted === 0 ? fruitless + 1 : 0;
    if (fruitless === FRUITLESS_BATCHES_MAX) throw notDeleted(table);
  }
}

/**
 * The condition stands twice: a place may hold another row by now, and partitions each have the same places. Rows without
 * a key are deleted all at once. Gives the rows' tokens of the other keys, as lists `c0` and so on.
 */
function deleteBatch(
  table: StoredTable,
  searches: readonly ColumnTokens[],
  others: readonly KeyPlaces[],
  batchRows: number,
): SqlPart {
  const name = quoteTable(table.name);
  const { sql, values } = tokenFilter(table, searches);
  const some = (key: string): string => `SELECT ${key} FROM ${name} AS t WHERE ${sql} LIMIT ${batchRows}`;
  const batch = isOfSome(table.key, some);
  const known = others.map((key, index) => {
    const held = key.others.map((place) => tokensIn("t", place)).join(" UNION ");
    const isNamed = isKnown("held.token", `$${values.length + index + 1}`);
    return `(SELECT json_agg(held.token)::text FROM (${held}) AS held (token) WHERE ${isNamed}) AS ${nameOf(index)}`;
  });
  const returning = known.length === 0 ? "" : ` RETURNING ${known.join(", ")}`;
  return {
    sql: `DELETE FROM ${name} AS t WHERE ${batch}${sql}${returning}`,
    values: [...values, ...others.map(({ key }) => key)],
  };
}

/** A condition for the rows `t` whose key a query gives, followed by AND. */
function isOfSome(key: StoredTable["key"], query: (key: string) => string): string {
  if (key.length === 0) return "";
  const columns = key.map((column) => `t.${column}`).join(", ");
  // Places are read by their addresses.
  if (columns === "t.ctid") return `t.ctid = ANY (ARRAY(${query(columns)})) AND `;
  return `(${columns}) IN (${query(columns)}) AND `;
}

const nameOf = (index: number): string => `c${index}`;

interface GoneTokens {
  readonly of: KeyPlaces;
  readonly tokens: readonly string[];
}

/** Without repetition, without the searched ones, whose turn comes last, and without the keys that have none. */
function tokensOf(
  rows: readonly Row[],
  keys: readonly KeyPlaces[],
  searches: readonly ColumnTokens[],
): readonly GoneTokens[] {
  return keys.flatMap((of, index) => {
    const tokens = new Set(rows.flatMap((row) => JSON.parse(row[nameOf(index)] ?? "[]") as readonly string[]));
    for (const search of of.searches) for (const token of searches[search]?.tokens ?? []) tokens.delete(token);
    return tokens.size === 0 ? [] : [{ of, tokens: [...tokens] }];
  });
}

/** One erasure at a time: each of two would take the row that the other is deleting for one that stays. */
async function deleteOrphansOf(
  run: RunStatement,
  dialect: Dialect,
  table: StoredTable,
  gone: readonly GoneTokens[],
): Promise<BesideCounts> {
  if (gone.length > 0) await takeLock(run, dialect, ERASURE_LOCK);
  const deleted: BesideCounts[] = [];
  for (const { of, tokens } of gone) deleted.push(await deleteOrphans(run, table, of, tokens));
  return sumOf(deleted);
}

async function deleteBesideRows(run: RunStatement, searches: readonly ColumnTokens[]): Promise<BesideCounts> {
  let links = 0;
  let vault = 0;
  for (const { values } of tokensByKey(searches)) {
    vault += (await run(`DELETE FROM piipe.vault WHERE ${VAULT_ENTRIES}`, values)).rowCount;
    links += (await run(`DELETE FROM piipe.key_links WHERE ${LINKS}`, values)).rowCount;
  }
  return { links, vault };
}

const notDeleted = (table: StoredTable): PiipeError =>
  new PiipeError("database.refused", `PostgreSQL keeps rows that were to be erased from ${showTable(table.name)}`, {
    hint: "Look for a trigger, a rule or a row-level policy that turns deletes away.",
  });

const isTooMuch = (error: unknown): boolean => error instanceof DatabaseFailure && error.sqlState === "54000";

const tooManyRows = (table: StoredTable): PiipeError =>
  new PiipeError(
    "database.refused",
    `more rows of ${showTable(table.name)} are to be erased than one transaction may change`,
    {
      hint:
        "They are deleted in parts where the table has a primary key. Without one, delete most of them by hand, a thousand at a " +
        "time, then run the command again.",
      sqlState: "54000",
    },
  );
