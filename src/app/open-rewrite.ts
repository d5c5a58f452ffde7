import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import { keyNameOf, type MaskedColumn, maskedOf, placeOf } from "../mask/column-tokens.ts";
import type { RewriteKeys } from "../mask/token-rewrites.ts";
import type { TokenRewrite } from "../pipeline/contracts.ts";
import { noteKeys } from "../storage/rotation/key-checks.ts";
import { requireOwnRows } from "../storage/rotation/require-own-rows.ts";
import type { RewriteProgress } from "../storage/rotation/rewrite-range.ts";
import { type RewriteReport, rewriteTokens } from "../storage/rotation/rewrite-tokens.ts";
import { dropInvalidChecks } from "../storage/rotation/token-checks.ts";
import { REWRITE_REPLY_TIMEOUT_MS } from "../storage/rotation/verify-tokens.ts";
import { replacerInside } from "./inner-tokens.ts";
import { withDatabase } from "./open-database.ts";
import { columnKeysOf, openMask } from "./open-mask.ts";
import { openTables } from "./open-tables.ts";
import { columnsNamed, type PlacedColumn, placedColumns, placeIn } from "./placed-columns.ts";

/** One of the ways to make stored tokens anew: `REWRAP` and `TAKEOVER`. */
export interface RewriteWay {
  /** Its command, for errors. */
  readonly command: string;
  /** @throws {PiipeError} `usage.invalid` when there is nothing to do */
  readonly plan: (columns: readonly MaskedColumn[], keys: RewriteKeys) => RewritePlan;
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

/** With the table that has the column. */
export type PlacedPlan = ColumnPlan & Pick<PlacedColumn, "table" | "shown">;

/** What is to be rewritten, checked as far as that goes without the database. */
export interface Rewrite {
  readonly plans: readonly PlacedPlan[];
  /** The primary key version. */
  readonly version: number;
  /** @throws {PiipeError} `database.*`, `keys.*`; `interrupted` when `abort` fired */
  readonly run: (watch: RewriteWatch) => Promise<RewriteOutcome>;
}

export interface RewriteWatch {
  /** Finishes the batch under way. */
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** A token check that did not hold for all rows was dropped: it would refuse new tokens in those. */
  readonly onCheckDropped: (check: string) => void;
  /** Called with each column before it is begun. */
  readonly onColumn: (column: string) => ColumnWatch;
}

export interface ColumnWatch {
  readonly update: (progress: RewriteProgress) => void;
  /** Called once, also when it failed. */
  readonly end: () => void;
}

export interface RewriteOutcome {
  readonly reports: readonly ColumnReport[];
  /** Why not all is rewritten; null: it is. */
  readonly error: PiipeError | null;
}

export interface ColumnReport extends RewriteReport {
  readonly column: MaskedColumn;
  /** As it is shown. */
  readonly shown: string;
}

/**
 * Plans to make the stored tokens of the configured columns anew.
 * @param options `column`: null: all that can be rewritten; `keysJson`: the keyring's JSON, as `PIIPE_KEYS` holds it
 * @throws {PiipeError} `usage.invalid` when there is nothing to do; `keys.*`
 */
export async function openRewrite(
  config: Config,
  { command, plan }: RewriteWay,
  { column, keysJson }: { readonly column: string | null; readonly keysJson: string | undefined },
): Promise<Rewrite> {
  const { keyring } = await openMask(config, keysJson);
  const primary = keyring?.primary ?? null;
  if (keyring === null || primary === null) {
    throw new PiipeError("keys.missing", `${command} needs a keyring with a primary version, and there is none`, {
      hint: "Name the keyring as `keys.file` or `keys.secret` in the configuration, or put its text into PIIPE_KEYS.",
    });
  }
  const placed = placedColumns(config, maskedOf);
  const whole = plan(
    placed.map((masked) => masked.column),
    { keyring, primary, domain: config.keys.domain },
  );
  const all = whole.plans.flatMap((planned) =>
    placed
      .filter((masked) => masked.column === planned.column)
      .map(({ table, shown }): PlacedPlan => ({ ...planned, table, shown })),
  );
  const plans = column === null ? all : chosenPlans(all, column, command);
  return {
    plans,
    version: primary.version,
    async run(watch) {
      const reports = await rewriteColumns(config, keyring, plans, watch);
      const isCut = reports.some(({ left }) => left === null);
      return { reports, error: isCut ? interrupted() : unfinishedError(reports, whole) };
    },
  };
}

/** With the columns that share its key: links and originals are those of all of them. */
function chosenPlans(plans: readonly PlacedPlan[], name: string, command: string): readonly PlacedPlan[] {
  const named = columnsNamed(plans, name);
  const keys = new Set(named.flatMap(({ column, rewrite }) => (rewrite === null ? [] : [keyNameOf(column)])));
  if (keys.size > 0) return plans.filter(({ column }) => keys.has(keyNameOf(column)));
  const [plan] = named;
  const why = plan === undefined || plan.rewrite !== null ? "" : `: ${plan.reason}`;
  const names = plans.filter(({ rewrite }) => rewrite !== null).map(({ shown }) => shown);
  throw new PiipeError("usage.invalid", `${command} cannot rewrite a column ${name}${why}`, {
    hint: names.length === 0 ? "No column can be rewritten." : `It can rewrite: ${names.join(", ")}.`,
  });
}

/** One column after the other; those after one that was stopped are left out. */
function rewriteColumns(
  config: Config,
  keyring: Keyring,
  plans: readonly PlacedPlan[],
  { stop, abort, onCheckDropped, onColumn }: RewriteWatch,
): Promise<readonly ColumnReport[]> {
  return withDatabase(
    config,
    async (pool) => {
      const { tables } = await openTables(config, keyring, pool);
      for (const { table } of tables) await requireOwnRows(pool, table.name);
      await noteKeys(pool, columnKeysOf(config, keyring));
      const names = new Map(config.tables.map((target, at) => [target, tables[at]?.table.name ?? target.name]));
      for (const [{ columns }, table] of names) {
        const masked = maskedOf(columns).map((column) => placeOf(column).column);
        const dropped = await dropInvalidChecks(pool, table, masked, { clock: systemClock, stop });
        for (const check of dropped) onCheckDropped(check);
      }
      const reports: ColumnReport[] = [];
      for (const { rewrite, ...placed } of plans) {
        if (rewrite === null) continue;
        const { column, shown } = placed;
        const table = names.get(placed.table) ?? placed.table.name;
        const { update, end } = onColumn(shown);
        try {
          const options = { clock: systemClock, stop, abort, onProgress: update };
          const task = { table, place: placeIn(placed), rewrite, replaceInside: replacerInside(column) };
          const report = await rewriteTokens(pool, task, options);
          reports.push({ ...report, column, shown });
          if (report.left === null) break;
        } catch (error) {
          throw abort.aborted ? interrupted() : error;
        } finally {
          end();
        }
      }
      return reports;
    },
    { replyTimeoutMs: REWRITE_REPLY_TIMEOUT_MS },
  );
}

function interrupted(): PiipeError {
  return new PiipeError("interrupted", "stopped before all was rewritten; what was rewritten stays", {
    hint: "The same command goes on where this one ended.",
  });
}

function unfinishedError(
  reports: readonly ColumnReport[],
  { what, remedy, unreadable: whatUnreadable, whenUnreadable }: RewritePlan,
): PiipeError | null {
  const of = (count: (left: NonNullable<RewriteReport["left"]>) => number): readonly string[] =>
    reports.flatMap(({ shown, left }) =>
      left !== null && count(left) > 0 ? [`${count(left)} in column ${shown}`] : [],
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
