import { PiipeError } from "../../errors.ts";
import { backoffMs } from "../../pipeline/backoff.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { TIMEOUTS, type RunStatement, type TransactionOptions, inTransaction } from "../../postgres/transaction.ts";
import { retryDatabase } from "../retry-database.ts";
import {
  type Heap,
  type HeapRange,
  type RewriteOptions,
  type RewriteTask,
  blocksOf,
  explainRefusal,
  rangesOf,
  readHeaps,
  rewriteRange,
} from "./rewrite-range.ts";
import { SIDE_TABLES, findOldSideRows, replaceSideRows } from "./rewrite-side-rows.ts";
import { type LeftTokens, verifyTokens } from "./verify-tokens.ts";

export interface RewriteReport {
  /** Rewritten now, rows of the table. Too low by one batch when the reply to a COMMIT was lost. */
  readonly rows: number;
  /** Rewritten now, of `piipe.key_links`. */
  readonly links: number;
  /** Rewritten now, of `piipe.vault`. */
  readonly originals: number;
  /** What a last look at everything found; null: `stop` fired before, and another call goes on. */
  readonly left: LeftTokens | null;
}

/** Each pass after the first meets what was written, or moved about, while the one before it ran. */
const PASSES_MAX = 4;
/** How often rows that other sessions hold are tried again within a pass: for more than half a minute. */
const ROUNDS_MAX = 20;
/** How often a pass goes through what was added while it ran: a table in use never ends. */
const EXTENSIONS_MAX = 5;
const ROUND_BASE_MS = 50;
const ROUND_CAP_MS = 5_000;

/**
 * Replaces the stored tokens of one place, in the table, its partitions, `piipe.key_links` and `piipe.vault`. In small
 * transactions beside running workers and other sessions; tokens show what they are, so a call after an interruption goes
 * on where the last one ended. Rows that other sessions hold are left for later, so that none is drawn into a deadlock.
 * It ends when one snapshot of everything shows no old token, or when another pass would not help: then some session
 * still writes them.
 *
 * Rows are updated as a user would: triggers of the table fire, and the old versions of the rows, with their tokens, stay
 * on disk until vacuum. Tokens noted in `piipe.audit` stay as they are. Needs SELECT and UPDATE on the table and on each
 * partition.
 *
 * @throws {PiipeError} `database.*`; `interrupted` when `abort` fired
 */
export async function rewriteTokens(
  pool: PostgresPool,
  task: RewriteTask,
  options: RewriteOptions,
): Promise<RewriteReport> {
  const { clock, stop, abort, onProgress } = options;
  const transaction: TransactionOptions = {
    doing: `rewriting the tokens of column ${task.place.name}`,
    // Rows that other sessions hold are not waited for; what else is locked delays the users of the rows held.
    ...TIMEOUTS.besideOthers,
    writesTarget: true,
    abort,
  };
  const within =
    (way: TransactionOptions): InBatch =>
    (work) =>
      retryDatabase(() => inTransaction(pool, way, work), { clock, stop }).catch((error: unknown) => {
        throw explainRefusal(error, task);
      });
  const inBatch = within(transaction);
  const inSnapshot = within({ ...transaction, isSnapshot: true });

  const counts = { rows: 0, links: 0, originals: 0 };
  for (let pass = 1; ; pass += 1) {
    const before = sum(counts);
    const onRows = (rows: number): void => void (counts.rows += rows);
    if (!(await rewriteRows(task, options, inBatch, onRows))) return { ...counts, left: null };
    for (const side of SIDE_TABLES) {
      for (let after: string | null = ""; after !== null;) {
        if (stop.aborted) return { ...counts, left: null };
        const start: string = after;
        const batch = await inBatch(async (run) => {
          const { replacements, last } = await findOldSideRows(run, side, task, start);
          return { replaced: await replaceSideRows(run, side, task.place, replacements), last };
        });
        counts[side.name] += batch.replaced;
        after = batch.last;
      }
    }
    const left = await inSnapshot((run) => verifyTokens(run, task, { stop, onProgress }));
    // A pass that changed nothing, and yet something is left: it was written since.
    const isOver = left === null || left.remaining === 0 || sum(counts) === before || pass === PASSES_MAX;
    if (isOver) return { ...counts, left };
  }
}

type InBatch = <T>(work: (run: RunStatement) => Promise<T>) => Promise<T>;

/**
 * Goes through the table once, and then through the blocks that came meanwhile: a row that another session updates moves
 * to the end.
 * @returns false when `stop` fired
 */
async function rewriteRows(
  task: RewriteTask,
  { clock, stop, onProgress }: RewriteOptions,
  inBatch: InBatch,
  onRows: (rows: number) => void,
): Promise<boolean> {
  const read = (): Promise<readonly Heap[]> => inBatch((run) => readHeaps(run, task.table, task.place.column));
  let heaps = await read();
  let ranges = rangesOf(task, heaps);
  let total = blocksOf(ranges);
  let done = 0;
  for (let extension = 0; ranges.length > 0; extension += 1) {
    for (let round = 1; ranges.length > 0; round += 1) {
      const skipped: HeapRange[] = [];
      for (const range of ranges) {
        if (stop.aborted) return false;
        const { rewritten, hasSkipped } = await inBatch((run) => rewriteRange(run, task, range));
        onRows(rewritten);
        if (hasSkipped) {
          skipped.push(range);
          continue;
        }
        done += blocksOf([range]);
        onProgress({ phase: "rewriting", done, total });
      }
      if (skipped.length > 0 && round === ROUNDS_MAX) throw rowsLocked(task);
      ranges = skipped;
      if (skipped.length > 0) await clock.sleep(backoffMs(round, ROUND_BASE_MS, ROUND_CAP_MS, clock.random()), stop);
    }
    if (extension === EXTENSIONS_MAX) break;
    const known = heaps;
    heaps = await read();
    ranges = rangesOf(task, heaps, known);
    total += blocksOf(ranges);
  }
  return true;
}

function rowsLocked({ table, place }: RewriteTask): PiipeError {
  return new PiipeError(
    "database.busy",
    `other sessions hold rows of ${showTable(table)} whose ${place.name} is to be rewritten`,
    {
      retryable: true,
      hint: "Look in pg_stat_activity for transactions that stay open; the same command goes on where this one ended.",
    },
  );
}

const sum = ({ rows, links, originals }: Readonly<Record<"rows" | "links" | "originals", number>>): number =>
  rows + links + originals;
