import { resolve } from "node:path";
import {
  type ColumnWatch,
  type Rewrite,
  type RewriteOutcome,
  type RewriteWay,
  openRewrite,
} from "../../app/open-rewrite.ts";
import { REWRAP, TAKEOVER } from "../../app/rewrite-ways.ts";
import { loadConfig } from "../../config/load-config.ts";
import { reportOf } from "../../telemetry/error-report.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf, printError } from "../failure.ts";
import { textTable } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { listenForStop } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";

export interface RewriteCommandOptions {
  readonly config: string;
  /** null: all that can be rewritten. */
  readonly column: string | null;
  readonly json: boolean;
}

export const keysRewrapCommand = (options: RewriteCommandOptions, terminal: Terminal): Promise<ExitCode> =>
  rewriteCommand(options, terminal, REWRAP);

export const keysTakeoverCommand = (options: RewriteCommandOptions, terminal: Terminal): Promise<ExitCode> =>
  rewriteCommand(options, terminal, TAKEOVER);

/** A batch takes well under a second, unless it waits for locks. */
const DRAIN_TIMEOUT_MS = 30_000;

/** Rewrites one column after the other and prints what was done. */
async function rewriteCommand(
  { config: file, column, json }: RewriteCommandOptions,
  terminal: Terminal,
  way: RewriteWay,
): Promise<ExitCode> {
  const config = await loadConfig(resolve(terminal.folder, file), terminal.environment);
  const rewrite = await openRewrite(config, way, { column, keysJson: terminal.environment["PIIPE_KEYS"] });
  const { stop, abort, close } = listenForStop(terminal, DRAIN_TIMEOUT_MS, "the batch under way");
  const outcome = await rewrite
    .run({
      stop,
      abort,
      onCheckDropped(check) {
        terminal.writeError(
          `dropped the check ${check}: it did not hold for all rows, and would refuse new tokens in those; ` +
            "add it again with `piipe migrate --token-checks`\n",
        );
      },
      onColumn: (name) => new ColumnBars(terminal, name),
    })
    .finally(close);
  print(rewrite, outcome, json, terminal);
  if (outcome.error === null) return EXIT_CODES.done;
  printError(outcome.error, terminal);
  return exitCodeOf(outcome.error);
}

/** A bar for each phase of a column. */
class ColumnBars implements ColumnWatch {
  readonly #terminal: Terminal;
  readonly #column: string;
  #shown: ShownPhase;

  constructor(terminal: Terminal, column: string) {
    this.#terminal = terminal;
    this.#column = column;
    // Before the first blocks are done: the rate is of the time that they take, too.
    this.#shown = this.#start("rewriting");
  }

  readonly update: ColumnWatch["update"] = ({ phase, done, total }) => {
    if (this.#shown.phase !== phase) {
      this.end();
      this.#shown = this.#start(phase);
    }
    this.#shown.done = done;
    this.#shown.total = total;
    this.#shown.bar.update(done, total);
  };

  readonly end = (): void => {
    const { bar, done, total } = this.#shown;
    if (done > 0) bar.finish(done, total);
  };

  #start(phase: string): ShownPhase {
    return { phase, bar: new ProgressBar(this.#terminal, `${this.#column}: ${phase} blocks`), done: 0, total: 0 };
  }
}

interface ShownPhase {
  readonly phase: string;
  readonly bar: ProgressBar;
  done: number;
  total: number;
}

function print(
  { plans, version }: Rewrite,
  { reports, error }: RewriteOutcome,
  json: boolean,
  terminal: Terminal,
): void {
  const notRewritable = plans.flatMap((plan) =>
    plan.rewrite === null ? [{ column: plan.shown, mask: plan.column.mask, reason: plan.reason }] : [],
  );
  if (json) {
    const columns = reports.map(({ column, shown, rows, links, originals, left }) => ({
      column: shown,
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
    const cells = reports.map(({ shown, rows, links, originals, left }) => ({
      column: shown,
      "rows rewritten": String(rows),
      links: String(links),
      vault: String(originals),
      remaining: left === null ? "not known" : String(left.remaining),
      unreadable: left === null ? "not known" : String(left.unreadable),
    }));
    terminal.writeOut(`${textTable(cells)}\n`);
  }
  for (const { column, reason } of notRewritable) {
    terminal.writeError(`warning: column ${column} was not rewritten: ${reason}\n`);
  }
}
