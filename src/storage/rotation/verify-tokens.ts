import { PiipeError } from "../../errors.ts";
import { quoteTable, showTable } from "../../postgres/identifiers.ts";
import type { RunStatement } from "../../postgres/transaction.ts";
import { SHELL_REMEDY } from "./require-own-rows.ts";
import {
  RANGE_SETTINGS,
  type RewriteOptions,
  type RewriteTask,
  blocksOf,
  countForeignRows,
  findOldRows,
  foreignTo,
  holdsAny,
  isOfForm,
  rangesOf,
  readHeaps,
  rewriteText,
} from "./rewrite-range.ts";
import { SIDE_TABLES, findOldSideRows } from "./rewrite-side-rows.ts";

export interface LeftTokens {
  /** Old tokens in rows, links and originals: other sessions wrote them meanwhile. */
  readonly remaining: number;
  /** Rows whose value looks like an old token and cannot be rewritten, or like no token at all where that is looked for. */
  readonly unreadable: number;
}

/** One statement reads the whole table: hours, where it is very large. */
const LOOK_TIMEOUT_MS = 21_600_000;
/** How long the pool must wait for a reply: longer than the server works on one. */
export const REWRITE_REPLY_TIMEOUT_MS = LOOK_TIMEOUT_MS + 30_000;

/**
 * Counts old tokens. `run` is of a transaction that sees one snapshot. Read batch by batch in snapshots of their
 * own, a row could be missed that another session moves from what is still to be read to what was read. null: `stop` fired.
 *
 * What was read by its place is not believed: of a table that only stands for others, as distributed servers have them, no
 * place leads to a row, and its size is none. A last look asks as a user would.
 * @throws {PiipeError} `database.table-mismatch` when that finds more
 */
export async function verifyTokens(
  run: RunStatement,
  task: RewriteTask,
  { stop, onProgress }: Pick<RewriteOptions, "stop" | "onProgress">,
): Promise<LeftTokens | null> {
  await run(RANGE_SETTINGS);
  const all = rangesOf(task, await readHeaps(run, task.table, task.place.column));
  const total = blocksOf(all);
  let done = 0;
  let remaining = 0;
  let unreadable = 0;
  for (const range of all) {
    if (stop.aborted) return null;
    for (const { text } of await findOldRows(run, task, range)) {
      if (rewriteText(task, text).pairs.size === 0) unreadable += 1;
      else remaining += 1;
    }
    unreadable += await countForeignRows(run, task, range);
    done += blocksOf([range]);
    onProgress({ phase: "verifying", done, total });
  }
  await requireNoMore(run, task, remaining + unreadable);
  for (const side of SIDE_TABLES) {
    for (let after: string | null = ""; after !== null;) {
      if (stop.aborted) return null;
      const { replacements, last }: Awaited<ReturnType<typeof findOldSideRows>> = await findOldSideRows(
        run,
        side,
        task,
        after,
      );
      remaining += replacements.length;
      after = last;
    }
  }
  return { remaining, unreadable };
}

/** @param found rows with old tokens, and with what is none, in the same snapshot */
async function requireNoMore(run: RunStatement, { table, place, rewrite }: RewriteTask, found: number): Promise<void> {
  await run(`SET LOCAL enable_seqscan = on; SET LOCAL statement_timeout = ${LOOK_TIMEOUT_MS}`);
  const { rows } = await run(
    `SELECT coalesce(sum(
       (CASE WHEN ${holdsAny(place, isOfForm(rewrite.forms))} THEN 1 ELSE 0 END) +
       (CASE WHEN ${holdsAny(place, foreignTo(rewrite) ?? (() => "false"))} THEN 1 ELSE 0 END)), 0) AS rows
     FROM ${quoteTable(table)} AS stored`,
  );
  const more = Number(rows[0]?.["rows"]) - found;
  if (more <= 0) return;
  throw new PiipeError(
    "database.table-mismatch",
    `${more} rows of ${showTable(table)} still have what was to be rewritten in column ${place.name}, and are not where PostgreSQL keeps its rows`,
    { hint: SHELL_REMEDY },
  );
}
