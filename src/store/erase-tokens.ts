import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { DatabaseFailure } from "../postgres/database-failure.ts";
import { quoteTable, showTable } from "../postgres/identifiers.ts";
import { inTransaction, type RunStatement } from "../postgres/transaction.ts";
import { type BesideCounts, countBesideRows, LINKS, VAULT_ENTRIES } from "./find-erasable.ts";
import { SEARCH_LIMITS } from "./search-limits.ts";
import type { StoredTable } from "./stored-columns.ts";
import { type ColumnTokens, tokenFilter } from "./token-filter.ts";

/** One transaction deletes so many rows at most: its locks and its WAL must not hold up the workers. */
const ROWS_PER_BATCH = 5_000;
/** One may be the work of a rewrap, for which the batch waited; so many mean that something keeps the rows. */
const FRUITLESS_BATCHES_MAX = 10;

export interface ErasedCounts extends BesideCounts {
  readonly rows: number;
}

/**
 * Deletes the rows with the tokens, in batches, until none is left, then the vault entries and the links. The links go
 * last: what was cut short is found by them again. Safe to repeat, and beside running workers.
 *
 * @param onProgress called with the number of rows deleted so far
 * @throws {PiipeError} `interrupted` when `abort` fires: what was deleted stays deleted; `database.*`
 */
export async function eraseTokens(
  pool: PostgresPool,
  table: StoredTable,
  searches: readonly ColumnTokens[],
  { onProgress, abort }: { readonly onProgress: (rows: number) => void; readonly abort: AbortSignal },
): Promise<ErasedCounts> {
  const options = {
    doing: `erasing from ${showTable(table.name)}`,
    ...SEARCH_LIMITS,
    abort,
  };
  const batch = deleteBatch(table, searches);
  const filter = tokenFilter(table, searches);
  const remaining = `SELECT 1 FROM ${quoteTable(table.name)} AS t WHERE ${filter.sql} LIMIT 1`;
  const inBatch = <T>(work: (run: RunStatement) => Promise<T>): Promise<T> =>
    retried(() => inTransaction(pool, options, work));
  let rows = 0;
  let links = 0;
  let vault = 0;
  await untilNoneLeft(table, {
    async deleteSome() {
      const { rowCount } = await inBatch((run) => run(batch, filter.values));
      rows += rowCount;
      onProgress(rows);
      return rowCount;
    },
    isAnyLeft: async () => (await pool.query(options.doing, remaining, filter.values, abort)).rowCount > 0,
  });
  await untilNoneLeft(table, {
    async deleteSome() {
      const deleted = await inBatch((run) => deleteBesideRows(run, searches));
      links += deleted.links;
      vault += deleted.vault;
      return deleted.links + deleted.vault;
    },
    async isAnyLeft() {
      const left = await inBatch((run) => countBesideRows(run, searches));
      return left.links + left.vault > 0;
    },
  });
  return { rows, links, vault };
}

/**
 * Each look is a transaction of its own: only so it sees what another one committed while the deletion waited for it. A
 * rewrap deletes a token and inserts it anew, or moves the row that has it.
 */
async function untilNoneLeft(
  table: StoredTable,
  { deleteSome, isAnyLeft }: { readonly deleteSome: () => Promise<number>; readonly isAnyLeft: () => Promise<boolean> },
): Promise<void> {
  let fruitless = 0;
  for (;;) {
    const deleted = await deleteSome();
    // A full batch leaves the look to the next one.
    if (deleted < ROWS_PER_BATCH && !(await isAnyLeft())) return;
    fruitless = deleted === 0 ? fruitless + 1 : 0;
    if (fruitless === FRUITLESS_BATCHES_MAX) throw notDeleted(table);
  }
}

/**
 * The condition stands twice: a place may hold another row by now, and partitions each have the same places. A row without
 * a place is deleted with all the others at once.
 */
function deleteBatch(table: StoredTable, searches: readonly ColumnTokens[]): string {
  const name = quoteTable(table.name);
  const { sql } = tokenFilter(table, searches);
  const batch = table.hasPlaces
    ? `t.ctid = ANY (ARRAY(SELECT t.ctid FROM ${name} AS t WHERE ${sql} LIMIT ${ROWS_PER_BATCH})) AND `
    : "";
  return `DELETE FROM ${name} AS t WHERE ${batch}${sql}`;
}

async function deleteBesideRows(run: RunStatement, searches: readonly ColumnTokens[]): Promise<BesideCounts> {
  let links = 0;
  let vault = 0;
  for (const { column, tokens } of searches) {
    const values = [column, JSON.stringify(tokens)];
    vault += (await run(`DELETE FROM piipe.vault WHERE ${VAULT_ENTRIES}`, values)).rowCount;
    links += (await run(`DELETE FROM piipe.key_links WHERE ${LINKS}`, values)).rowCount;
  }
  return { links, vault };
}

const TRIES_MAX = 5;

/** A batch that gave way to another transaction was rolled back: it is tried again at once, as waiting was its failure. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries === TRIES_MAX || !(error instanceof DatabaseFailure) || error.fate !== "retry") throw error;
    }
  }
}

const notDeleted = (table: StoredTable): PiipeError =>
  new PiipeError("database.refused", `PostgreSQL keeps rows that were to be erased from ${showTable(table.name)}`, {
    hint: "Look for a trigger, a rule or a row-level policy that turns deletes away.",
  });
