import { resolve } from "node:path";
import { type Redrive, openRedrive } from "../../app/open-redrive.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import type { Totals } from "../../pipeline/totals.ts";
import { showTable } from "../../postgres/identifiers.ts";
import type { Emit } from "../../telemetry/events.ts";
import { createLog } from "../../telemetry/log.ts";
import { confirm, requireConsent } from "../confirm.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { type Failure, failureOf } from "../failure.ts";
import { operatorName } from "../operator-name.ts";
import { counted, reasonOf } from "../output.ts";
import { printReport } from "../print-error.ts";
import { ProgressBar } from "../progress-bar.ts";
import { type RedriveOutcome, addRefusal, newRedriveOutcome, redriveJson, redriveSummary } from "../redrive-report.ts";
import { type ProcessSignals, listenForStop } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";

export interface RedriveCommandOptions {
  readonly config: string;
  readonly from: string | null;
  readonly dryRun: boolean;
  readonly reason: string | null;
  readonly yes: boolean;
  readonly json: boolean;
}

const DRAIN_TIMEOUT_MS = 25_000;

export async function redriveCommand(options: RedriveCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const signals = listenForStop(terminal, DRAIN_TIMEOUT_MS);
  const outcome = newRedriveOutcome(options.dryRun);
  let isAgreed = true;
  let failure: Failure | null = null;
  try {
    if (!options.dryRun) requireConsent(options.yes, terminal);
    isAgreed = await redrive(outcome, options, signals, terminal);
  } catch (error) {
    const isEarlyStop = outcome.begun === null && error instanceof PiipeError && error.code === "interrupted";
    if (!isEarlyStop || !signals.stop.aborted) failure = failureOf(error);
  }
  signals.close();
  if (failure) printReport(failure.error, terminal);
  if (options.json) {
    terminal.writeOut(`${JSON.stringify({ ...redriveJson(outcome), ...(failure && { error: failure.error }) })}\n`);
  } else if (outcome.begun) {
    terminal.writeError(redriveSummary(outcome));
  }
  if (!isAgreed) terminal.writeError("nothing was redriven\n");
  if (failure) return failure.exitCode;
  return !isAgreed || signals.received() === "SIGINT" ? EXIT_CODES.interrupted : EXIT_CODES.done;
}

/** Returns whether the person agreed. */
async function redrive(
  outcome: RedriveOutcome,
  options: RedriveCommandOptions,
  signals: ProcessSignals,
  terminal: Terminal,
): Promise<boolean> {
  const config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
  const log = createLog({ write: terminal.writeError, format: "text", level: "warn" });
  let bar: ProgressBar | null = null;
  let depth = 0;
  let isEmpty = false;
  const emit: Emit = (event) => {
    if (event.type === "event.refused") {
      addRefusal(outcome, event);
      outcome.isQuarantineFull ||= event.fate === "full";
    } else log(event);
    if (event.type === "batch.written") bar?.update(doneBy(opened.totals), depth);
  };
  const opened = await openRedrive(config, {
    keysJson: terminal.environment["PIIPE_KEYS"],
    process: { pid: terminal.pid, number: null },
    credentials: null,
    from: options.from,
    isDryRun: options.dryRun,
    operator: operatorName(),
    reason: reasonOf(options.reason),
    emit,
    stop: signals.stop,
    abort: signals.abort,
  });
  try {
    depth = await opened.depth(signals.stop);
    const isAgreed = options.dryRun || (await confirm(questionOf(opened, depth, config), options.yes, terminal));
    if (!isAgreed) return false;
    outcome.begun = opened;
    // The rate is not of the time that the person took to answer.
    bar = new ProgressBar(terminal, "messages");
    const startedMs = performance.now();
    try {
      await opened.run(signals);
      isEmpty = !signals.stop.aborted;
    } finally {
      outcome.elapsedMs = performance.now() - startedMs;
    }
    return true;
  } finally {
    await opened.close();
    const done = doneBy(opened.totals);
    if (done > 0) bar?.finish(done, isEmpty ? done : Math.max(done, depth));
  }
}

function questionOf({ from }: Redrive, depth: number, config: Config): string {
  const table = showTable(config.sink.postgres.table);
  const messages = counted(depth, "message");
  return `Send about ${messages} of ${from} through the pipeline into ${table}? What is stored or quarantined is deleted there.`;
}

const doneBy = ({ stored, skipped, duplicate, quarantined, left }: Readonly<Totals>): number =>
  stored + skipped + duplicate + quarantined + left;
