import type { RunStatement } from "../postgres/transaction.ts";
import { blocksOf, RANGE_SETTINGS, rangesOf, readHeaps } from "./heap-ranges.ts";
import { countForeignRows, findOldRows } from "./rewrite-range.ts";
import { findOldSideRows, SIDE_TABLES } from "./rewrite-side-rows.ts";
import type { LeftTokens, RewriteOptions, RewriteTask } from "./rewrite-tokens.ts";

/**
 * Counts old tokens. `run` is of a transaction that sees one snapshot. Read batch by batch in snapshots of their
 * own, a row could be missed that another session moves from what is still to be read to what was read. null: `stop` fired.
 */
export async function verifyTokens(
  run: RunStatement,
  task: RewriteTask,
  { stop, onProgress }: Pick<RewriteOptions, "stop" | "onProgress">,
): Promise<LeftTokens | null> {
  await run(RANGE_SETTINGS);
  const all = rangesOf(await readHeaps(run, task.table, task.column));
  const total = blocksOf(all);
  let done = 0;
  let remaining = 0;
  let unreadable = 0;
  for (const range of all) {
    if (stop.aborted) return null;
    for (const { token } of await findOldRows(run, task, range)) {
      if (task.rewrite.rewrite(token) === null) unreadable += 1;
      else remaining += 1;
    }
    unreadable += await countForeignRows(run, task, range);
    done += blocksOf([range]);
    onProgress({ phase: "verifying", done, total });
  }
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
