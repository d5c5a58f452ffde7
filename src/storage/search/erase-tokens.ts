import { PiipeError } from "../../errors.ts";
import type { PostgresPool, Row } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import type { Dialect } from "../../postgres/dialect.ts";
import { quoteTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { ERASURE_LOCK, takeLock } from "../locks.ts";
import { retryAtOnce } from "../retry-database.ts";
import {
  childrenFirst,
  type ErasePlan,
  type KeyPlaces,
  otherKeys,
  rowsThatGo,
  searchesOf,
  tableAt,
} from "./erase-plan.ts";
import {
  type BesideCounts,
  LINKS,
  VAULT_ENTRIES,
  countBesideRows,
  deleteOrphans,
  isKnown,
  sumOf,
  tokensByKey,
} from "./find-erasable.ts";
import { showTables } from "./look-up.ts";
import { nullingOf } from "./nulled-places.ts";
import type { ColumnTokens, SqlPart } from "./token-filter.ts";
import { tokensIn } from "./tokens-in.ts";

/** One transaction deletes so many rows at most: its locks and its WAL must not hold up the workers. */
const ROWS_PER_BATCH = 5_000;
/** Where a transaction is limited: with each row may go the links and originals of its other tokens. */
const ROWS_PER_LIMITED_BATCH = 500;
/** One may be the work of a rewrap, for which the batch waited; so many mean that something keeps the rows. */
const FRUITLESS_BATCHES_MAX = 10;
/** As often may a worker store rows that refer to those of a batch; after that they are of a table that is not the pipeline's. */
const REFERRED_BATCHES_MAX = 3;

export interface ErasedCounts extends BesideCounts {
  /** Of all tables. */
  readonly rows: number;
  /** Of each table, in the plan's order. */
  readonly rowsOf: readonly number[];
}

/**
 * Deletes the rows that the plan takes, or sets them to NULL where it says so, in batches, until none is left, then the vault
 * entries and the links of the searched tokens. The links go last: what was cut short is found by them again. A batch takes
 * the rows that refer to others before these, and all tables in one transaction as far as its room goes. Links and vault
 * entries of other places go with the last row that has their token, in its batch: nothing would lead to them later. Safe to
 * repeat, and beside running workers.
 *
 * @param onProgress called with the number of rows done so far
 * @throws {PiipeError} `interrupted` when `abort` fires: what was deleted stays deleted; `database.*`
 */
export async function eraseTokens(
  pool: PostgresPool,
  plan: ErasePlan,
  { onProgress, abort }: { readonly onProgress: (rows: number) => void; readonly abort: AbortSignal },
): Promise<ErasedCounts> {
  const shown = showTables(plan.tables);
  const options = { doing: `erasing from ${shown}`, ...TIMEOUTS.readingTable, writesTarget: true, abort };
  const dialect = await pool.dialect(abort);
  const batchRows = dialect.transactionMax === null ? ROWS_PER_BATCH : ROWS_PER_LIMITED_BATCH;
  const others = otherKeys(plan);
  const order = childrenFirst(plan).filter((at) => rowsThatGo(plan, at) !== null);
  const searches = searchesOf(plan);
  const inBatch = <T>(work: (run: RunStatement) => Promise<T>): Promise<T> =>
    retryAtOnce(() => inTransaction(pool, options, work)).catch((error: unknown) => {
      throw dialect.transactionMax !== null && isTooMuch(error) ? tooManyRows(shown) : error;
    });
  const rowsOf = plan.tables.map(() => 0);
  const sum = (): number => rowsOf.reduce((all, rows) => all + rows, 0);
  let beside: BesideCounts = { links: 0, vault: 0 };
  await untilNoneLeft(shown, batchRows, {
    async deleteSome() {
      const batch = await inBatch(async (run) => {
        const taken = plan.tables.map(() => 0);
        const rows: Row[] = [];
        let room = batchRows;
        for (const at of order) {
          if (room <= 0) break;
          const { sql, values } = batchOf(plan, at, others, room);
          const { rows: gone, rowCount } = await run(sql, values);
          taken[at] = rowCount;
          rows.push(...gone);
          room -= rowCount;
        }
        return { taken, orphans: await deleteOrphansOf(run, dialect, plan, tokensOf(rows, others)) };
      });
      const before = sum();
      for (const [at, rows] of batch.taken.entries()) rowsOf[at] = (rowsOf[at] ?? 0) + rows;
      beside = sumOf([beside, batch.orphans]);
      onProgress(sum());
      return sum() - before;
    },
    async isAnyLeft() {
      for (const at of order) if (await isLeft(pool, plan, at, options)) return true;
      return false;
    },
  });
  await untilNoneLeft(shown, batchRows, {
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
  return { rows: sum(), rowsOf, ...beside };
}

async function isLeft(
  pool: PostgresPool,
  plan: ErasePlan,
  at: number,
  { doing, abort }: { readonly doing: string; readonly abort: AbortSignal },
): Promise<boolean> {
  const going = rowsThatGo(plan, at);
  if (going === null) return false;
  const text = `SELECT 1 FROM ${quoteTable(tableAt(plan, at).table.name)} AS t WHERE ${going.sql} LIMIT 1`;
  return (await pool.query(doing, text, going.values, abort)).rowCount > 0;
}

/**
 * Each look is a transaction of its own: only so it sees what another one committed while the deletion waited for it. A
 * rewrap deletes a token and inserts it anew, or moves the row that has it.
 */
async function untilNoneLeft(
  tables: string,
  batchRows: number,
  { deleteSome, isAnyLeft }: { readonly deleteSome: () => Promise<number>; readonly isAnyLeft: () => Promise<boolean> },
): Promise<void> {
  let fruitless = 0;
  for (;;) {
    const { deleted, failure } = await deleteSome().then(
      (rows) => ({ deleted: rows, failure: null }),
      (error: unknown) => {
        if (!isReferredTo(error)) throw error;
        return { deleted: 0, failure: error };
      },
    );
    // A full batch leaves the look to the next one.
    if (deleted < batchRows && !(await isAnyLeft())) return;
    fruitless = deleted === 0 ? fruitless + 1 : 0;
    if (failure !== null && fruitless >= REFERRED_BATCHES_MAX) throw referredTo(tables, failure);
    if (fruitless === FRUITLESS_BATCHES_MAX) throw notDeleted(tables);
  }
}

/** Rows that refer to those of a batch: a worker may have stored them meanwhile, and then the next one takes them first. */
const isReferredTo = (error: unknown): error is DatabaseFailure =>
  error instanceof DatabaseFailure && (error.sqlState === "23503" || error.sqlState === "23001");

/**
 * The condition stands twice: a place may hold another row by now, and partitions each have the same places. Rows without
 * a key are taken all at once. Gives the rows' tokens of the other keys, as lists `c0` and so on: those from before.
 */
function batchOf(plan: ErasePlan, at: number, others: readonly KeyPlaces[], room: number): SqlPart {
  const going = rowsThatGo(plan, at);
  if (going === null) throw new TypeError("no row of the table can go");
  const { table, nulled } = tableAt(plan, at);
  const name = quoteTable(table.name);
  const parameters = [...going.values];
  const known = others.flatMap((key, index) => {
    const places = key.others.filter((other) => other.at === at);
    if (places.length === 0) return [];
    parameters.push(key.key);
    const held = places.map(({ place }) => tokensIn("t", place)).join(" UNION ");
    const isNamed = isKnown("held.token", `$${parameters.length}`);
    const list = `(SELECT json_agg(held.token)::text FROM (${held}) AS held (token) WHERE ${isNamed})`;
    return [{ name: listName(index), query: `${list} AS ${listName(index)}` }];
  });
  const returning = (of: "name" | "query", from = ""): string =>
    known.length === 0 ? "" : ` RETURNING ${known.map((list) => from + list[of]).join(", ")}`;
  if (nulled !== null) {
    // Partitions each have the same places.
    const key = table.key.join() === "ctid" ? ["tableoid", ...table.key] : table.key;
    const read = [...key.map((column) => `t.${column}`), ...known.map(({ query }) => query)].join(", ");
    const isSame = key.map((column) => `t.${column} = known.${column}`).join(" AND ");
    return {
      sql:
        `UPDATE ${name} AS t SET ${nullingOf(table, nulled)} FROM (SELECT ${read} ` +
        `FROM ${name} AS t WHERE ${going.sql} LIMIT ${room}) AS known ` +
        `WHERE ${isSame} AND ${going.sql}` +
        returning("name", "known."),
      values: parameters,
    };
  }
  const batch = isOfSome(table.key, (key) => `SELECT ${key} FROM ${name} AS t WHERE ${going.sql} LIMIT ${room}`);
  return { sql: `DELETE FROM ${name} AS t WHERE ${batch}${going.sql}${returning("query")}`, values: parameters };
}

/** A condition for the rows `t` whose key a query gives, followed by AND. */
function isOfSome(key: readonly string[], query: (key: string) => string): string {
  if (key.length === 0) return "";
  const columns = key.map((column) => `t.${column}`).join(", ");
  // Places are read by their addresses.
  if (columns === "t.ctid") return `t.ctid = ANY (ARRAY(${query(columns)})) AND `;
  return `(${columns}) IN (${query(columns)}) AND `;
}

const listName = (index: number): string => `c${index}`;

interface GoneTokens {
  readonly of: KeyPlaces;
  readonly tokens: readonly string[];
}

/** Without repetition, without the searched ones, whose turn comes last, and without the keys that have none. */
function tokensOf(rows: readonly Row[], keys: readonly KeyPlaces[]): readonly GoneTokens[] {
  return keys.flatMap((of, index) => {
    const tokens = new Set(rows.flatMap((row) => JSON.parse(row[listName(index)] ?? "[]") as readonly string[]));
    for (const token of of.tokens) tokens.delete(token);
    return tokens.size === 0 ? [] : [{ of, tokens: [...tokens] }];
  });
}

/** One erasure at a time: each of two would take the row that the other is deleting for one that stays. */
async function deleteOrphansOf(
  run: RunStatement,
  dialect: Dialect,
  plan: ErasePlan,
  gone: readonly GoneTokens[],
): Promise<BesideCounts> {
  if (gone.length > 0) await takeLock(run, dialect, ERASURE_LOCK);
  const deleted: BesideCounts[] = [];
  for (const { of, tokens } of gone) deleted.push(await deleteOrphans(run, plan, of, tokens));
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

const notDeleted = (tables: string): PiipeError =>
  new PiipeError("database.refused", `PostgreSQL keeps rows that were to be erased from ${tables}`, {
    hint: "Look for a trigger, a rule or a row-level policy that turns deletes or updates away.",
  });

const isTooMuch = (error: unknown): boolean => error instanceof DatabaseFailure && error.sqlState === "54000";

const tooManyRows = (tables: string): PiipeError =>
  new PiipeError("database.refused", `more rows of ${tables} are to be erased than one transaction may change`, {
    hint:
      "They are deleted in parts where the table has a primary key. Without one, delete most of them by hand, a thousand at a " +
      "time, then run the command again.",
    sqlState: "54000",
  });

/** The failure names the constraint, and the table that has it. */
const referredTo = (tables: string, { message }: DatabaseFailure): PiipeError =>
  new PiipeError(
    "database.refused",
    `rows that were to be erased from ${tables} are referred to by rows of a table that the configuration does not have: ${message}`,
    {
      hint: "Delete those first, with SQL or with the configuration of their pipeline, or give the foreign key ON DELETE CASCADE.",
    },
  );
