import { resolve } from "node:path";
import { showConfigured } from "../../app/configured-tables.ts";
import { type Redrive, openRedrive } from "../../app/open-redrive.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { RefusalCounts } from "../../pipeline/refusal-counts.ts";
import type { Totals } from "../../pipeline/totals.ts";
import type { Emit } from "../../telemetry/events.ts";
import { createLog } from "../../telemetry/log.ts";
import { confirm, requireConsent } from "../confirm.ts";
import { EXIT_CODES, type ExitCode, type CommandFailure, failureOf, printReport } from "../failure.ts";
import { operatorName } from "../operator-name.ts";
import { counted, differingOf, rareJson, rareText, reasonOf } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
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
  let failure: CommandFailure | null = null;
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
      outcome.refusals.add(event);
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
  const table = showConfigured(config);
  const messages = counted(depth, "message");
  return `Send about ${messages} of ${from} through the pipeline into ${table}? What is stored or quarantined is deleted there.`;
}

const doneBy = ({ stored, skipped, dropped = 0, duplicate, quarantined, left }: Readonly<Totals>): number =>
  stored + skipped + dropped + duplicate + quarantined + left;

/** What a redrive came to: filled while it works, so that one that fails tells what it did. */
export interface RedriveOutcome {
  readonly dryRun: boolean;
  /** null: nothing was begun. */
  begun: Pick<Redrive, "from" | "source" | "isAws" | "totals" | "leftAlone"> | null;
  elapsedMs: number;
  /** The quarantine took no more. */
  isQuarantineFull: boolean;
  readonly refusals: RefusalCounts;
}

function newRedriveOutcome(dryRun: boolean): RedriveOutcome {
  return { dryRun, begun: null, elapsedMs: 0, isQuarantineFull: false, refusals: new RefusalCounts() };
}

const NOTHING: Pick<Redrive, "totals" | "leftAlone"> = {
  totals: { received: 0, stored: 0, skipped: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 },
  leftAlone: { foreign: 0, unmarked: 0, unseen: 0, hidden: 0 },
};

function redriveJson({ dryRun, begun, elapsedMs, refusals }: RedriveOutcome): object {
  const { totals } = begun ?? NOTHING;
  const { received, stored, skipped, duplicate, quarantined, left, deleted } = totals;
  return {
    dryRun,
    ...(begun && { from: begun.from, queue: begun.source }),
    received,
    ...(dryRun
      ? { wouldStore: stored, wouldSkip: skipped, duplicate, wouldQuarantine: quarantined }
      : { stored, skipped, duplicate, quarantined }),
    ...rareJson(totals, dryRun),
    left,
    ...(begun ?? NOTHING).leftAlone,
    deleted,
    refusals: refusals.list(),
    elapsedMs: Math.round(elapsedMs),
  };
}

function redriveSummary(outcome: RedriveOutcome): string {
  const { dryRun, begun, refusals } = outcome;
  const { totals, leftAlone } = begun ?? NOTHING;
  const { received, skipped, quarantined, left } = totals;
  const { foreign, unmarked, unseen, hidden } = leftAlone;
  const lines = [firstLine(outcome), ...refusals.lines()];
  if (skipped > 0)
    lines.push(`kept out of the table by its own triggers or rules${dryRun ? "" : ", and deleted"}: ${skipped}`);
  if (left > 0)
    lines.push(
      `refused, and left in the dead-letter queue ${outcome.isQuarantineFull ? "as the quarantine is full" : "for want of a sealing key"}: ${left}`,
    );
  if (foreign > 0) lines.push(`left alone, as another queue's: ${foreign}`);
  if (unmarked > 0) {
    lines.push(`left alone, as they do not say which queue they come from: ${unmarked}; --from takes them too`);
    if (begun?.isAws === false) {
      lines.push(`  servers other than AWS's may never say so: \`piipe redrive --from ${begun.from}\``);
    }
  }
  if (unseen > 0) lines.push(`not seen, as they are behind others of their group: about ${unseen}`);
  if (hidden > 0) lines.push(`not given back, and visible again after the visibility timeout: ${hidden}`);
  if (dryRun && received + foreign + unmarked > 0)
    lines.push("nothing was written or deleted; each message was received once more");
  if (!dryRun && quarantined > 0) lines.push("`piipe quarantine list` shows what was quarantined, and why.");
  return `${lines.join("\n")}\n`;
}

function firstLine({ dryRun, begun }: RedriveOutcome): string {
  const { totals, leftAlone } = begun ?? NOTHING;
  const { received, stored, duplicate, quarantined, deleted } = totals;
  const found = leftAlone.foreign + leftAlone.unmarked;
  if (received === 0 && found > 0) return `${counted(found, "message")} found, none taken:`;
  const messages = counted(received, "message");
  return dryRun
    ? `${messages}: ${stored} would be stored${rareText(totals)}, ${duplicate} already there, ${quarantined} would be quarantined`
    : `${messages}: stored ${stored}${rareText(totals)}, already there ${duplicate}${differingOf(totals)}, quarantined ${quarantined}, deleted ${deleted}`;
}
