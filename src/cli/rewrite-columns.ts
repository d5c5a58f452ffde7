import { resolve } from "node:path";
import { openDatabase } from "../app/open-database.ts";
import { columnKeysOf, openMask } from "../app/open-mask.ts";
import { openTable } from "../app/open-table.ts";
import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/load-config.ts";
import { PiipeError } from "../errors.ts";
import { type MaskedColumn, isMasked } from "../mask/column-tokens.ts";
import type { RewriteKeys } from "../mask/token-rewrites.ts";
import type { TokenRewrite } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import type { TableName } from "../postgres/identifiers.ts";
import { noteKeys } from "../storage/rotation/key-checks.ts";
import { type RewriteReport, rewriteTokens } from "../storage/rotation/rewrite-tokens.ts";
import { dropInvalidChecks } from "../storage/rotation/token-checks.ts";
import { REWRITE_REPLY_TIMEOUT_MS } from "../storage/rotation/verify-tokens.ts";
import { checkMigrated } from "../storage/schema/migrations.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf, printError, reportOf } from "./failure.ts";
import { textTable } from "./output.ts";
import { ProgressBar } from "./progress-bar.ts";
import { type StopSignals, listenForStop } from "./stop-signals.ts";
import type { Terminal } from "./terminal.ts";

export interface RewriteCommandOptions {
  readonly config: string;
  /** null: all that can be rewritten. */
  readonly column: string | null;
  readonly json: boolean;
}

export type ColumnPlan =
  | { readonly column: MaskedColumn; readonly rewrite: TokenRewrite }
  | { readonly column: MaskedColumn; readonly rewrite: null; /** Why it cannot be. */ readonly reason: string };

export interface RewritePlan {
  readonly plans: readonly ColumnPlan[];
  /** What is rewritten, for errors. */
  readonly what: string;
  /** What to do when some remain. */
  readonly remedy: string;
  /** What cannot be rewritten, for errors. */
  readonly unreadable: string;
  /** What to know about those. */
  readonly whenUnreadable: string;
}

/** One of the two commands that rewrite tokens. */
export interface RewriteCommand {
  readonly command: string;
  /** @throws {PiipeError} `usage.invalid` when there is nothing to do */
  readonly plan: (columns: readonly MaskedColumn[], keys: RewriteKeys) => RewritePlan;
}

/** A batch takes well under a second, unless it waits for locks. */
const DRAIN_TIMEOUT_MS = 30_000;

interface ColumnReport extends RewriteReport {
  readonly column: MaskedColumn;
}

/** Rewrites one column after the other and prints what was done. */
export async function rewriteColumns(
  { config: file, column, json }: RewriteCommandOptions,
  terminal: Terminal,
  { command, plan }: RewriteCommand,
): Promise<ExitCode> {
  const config = await loadConfig(resolve(terminal.folder, file), terminal.environment);
  const { keyring } = await openMask(config, terminal.environment["PIIPE_KEYS"]);
  const primary = keyring?.primary ?? null;
  if (keyring === null || primary === null) {
    throw new PiipeError("keys.missing", `${command} needs a keyring with a primary version, and there is none`, {
      hint: "Name the keyring as `keys.file` in the configuration, or put its text into PIIPE_KEYS.",
    });
  }
  const columns = config.columns.filter(isMasked);
  const whole = plan(columns, { keyring, primary, domain: config.keys.domain });
  const plans = column === null ? whole.plans : [chosenPlan(whole.plans, column, command)];
  const signals = listenForStop(terminal, DRAIN_TIMEOUT_MS, "the batch under way");
  const pool = openDatabase(config, { replyTimeoutMs: REWRITE_REPLY_TIMEOUT_MS });
  const reports: ColumnReport[] = [];
  try {
    await checkMigrated(pool);
    const { name: table } = await openTable(config, keyring, pool);
    await noteKeys(pool, columnKeysOf(config, keyring));
    const names = columns.map(({ name }) => name);
    const dropped = await dropInvalidChecks(pool, table, names, { clock: systemClock, stop: signals.stop });
    for (const check of dropped) {
      terminal.writeError(
        `dropped the check ${check}: it did not hold for all rows, and would refuse new tokens in those; ` +
          "add it again with `piipe migrate --token-checks`\n",
      );
    }
    for (const { column: target, rewrite } of plans) {
      if (rewrite === null) continue;
      const report = await rewriteColumn(pool, { table, column: target.name, rewrite }, signals, terminal);
      reports.push({ ...report, column: target });
      if (report.left === null) break;
    }
  } finally {
    signals.close();
    await pool.close();
  }
  const isCut = reports.some(({ left }) => left === null);
  const error = isCut ? interrupted() : unfinishedError(reports, whole);
  print({ reports, plans, version: primary.version, error }, json, terminal);
  if (error === null) return EXIT_CODES.done;
  printError(error, terminal);
  return exitCodeOf(error);
}

function chosenPlan(plans: readonly ColumnPlan[], name: string, command: string): ColumnPlan {
  const plan = plans.find(({ column }) => column.name === name);
  if (plan?.rewrite) return plan;
  const why = plan === undefined ? "" : `: ${plan.reason}`;
  const names = plans.filter(({ rewrite }) => rewrite !== null).map(({ column }) => column.name);
  throw new PiipeError("usage.invalid", `${command} cannot rewrite a column ${name}${why}`, {
    hint: names.length === 0 ? "No column can be rewritten." : `It can rewrite: ${names.join(", ")}.`,
  });
}

async function rewriteColumn(
  pool: PostgresPool,
  task: { readonly table: TableName; readonly column: string; readonly rewrite: TokenRewrite },
  { stop, abort }: StopSignals,
  terminal: Terminal,
): Promise<RewriteReport> {
  const start = (phase: string): ShownPhase => ({
    phase,
    bar: new ProgressBar(terminal, `${task.column}: ${phase} blocks`),
    done: 0,
    total: 0,
  });
  // Before the first blocks are done: the rate is of the time that they take, too.
  let shown = start("rewriting");
  try {
    return await rewriteTokens(pool, task, {
      clock: systemClock,
      stop,
      abort,
      onProgress({ phase, done, total }) {
        if (shown.phase !== phase) {
          end(shown);
          shown = start(phase);
        }
        shown.done = done;
        shown.total = total;
        shown.bar.update(done, total);
      },
    });
  } catch (error) {
    throw abort.aborted ? interrupted() : error;
  } finally {
    end(shown);
  }
}

interface ShownPhase {
  readonly phase: string;
  readonly bar: ProgressBar;
  done: number;
  total: number;
}

function end({ bar, done, total }: ShownPhase): void {
  if (done > 0) bar.finish(done, total);
}

function interrupted(): PiipeError {
  return new PiipeError("interrupted", "stopped before all was rewritten; what was rewritten stays", {
    hint: "The same command goes on where this one ended.",
  });
}

interface Outcome {
  readonly reports: readonly ColumnReport[];
  readonly plans: readonly ColumnPlan[];
  /** The primary one. */
  readonly version: number;
  readonly error: PiipeError | null;
}

function print({ reports, plans, version, error }: Outcome, json: boolean, terminal: Terminal): void {
  const notRewritable = plans.flatMap((plan) =>
    plan.rewrite === null ? [{ column: plan.column.name, mask: plan.column.mask, reason: plan.reason }] : [],
  );
  if (json) {
    const columns = reports.map(({ column, rows, links, originals, left }) => ({
      column: column.name,
      mask: column.mask,
      rows,
      links,
      vault: originals,
      remaining: left?.remaining ?? null,
      unreadable: left?.unreadable ?? null,
    }));
    const failure = error === null ? {} : { error: reportOf(error) };
    terminal.writeOut(`${JSON.stringify({ version, columns, notRewritable, ...failure })}\n`);
    return;
  }
  if (reports.length > 0) {
    const shown = reports.map(({ column, rows, links, originals, left }) => ({
      column: column.name,
      "rows rewritten": String(rows),
      links: String(links),
      vault: String(originals),
      remaining: left === null ? "not known" : String(left.remaining),
      unreadable: left === null ? "not known" : String(left.unreadable),
    }));
    terminal.writeOut(`${textTable(shown)}\n`);
  }
  for (const { column, reason } of notRewritable) {
    terminal.writeError(`warning: column ${column} was not rewritten: ${reason}\n`);
  }
}

function unfinishedError(
  reports: readonly ColumnReport[],
  { what, remedy, unreadable: whatUnreadable, whenUnreadable }: RewritePlan,
): PiipeError | null {
  const of = (count: (left: NonNullable<RewriteReport["left"]>) => number): readonly string[] =>
    reports.flatMap(({ column, left }) =>
      left !== null && count(left) > 0 ? [`${count(left)} in column ${column.name}`] : [],
    );
  const remaining = of((left) => left.remaining);
  const unreadable = of((left) => left.unreadable);
  if (remaining.length + unreadable.length === 0) return null;
  const parts: string[] = [];
  if (remaining.length > 0) parts.push(`${what} were written meanwhile and remain (${remaining.join(", ")})`);
  if (unreadable.length > 0) parts.push(`${whatUnreadable} (${unreadable.join(", ")})`);
  return new PiipeError("keys.unfinished", parts.join("; "), {
    hint: [remaining.length > 0 ? remedy : "", unreadable.length > 0 ? whenUnreadable : ""].filter(Boolean).join(" "),
  });
}
