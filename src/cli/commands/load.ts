import { resolve } from "node:path";
import { type Load, type LoadInput, type LoadProgress, openLoad } from "../../app/open-load.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { RefusalCounts } from "../../pipeline/refusal-counts.ts";
import type { Totals } from "../../pipeline/totals.ts";
import type { Emit } from "../../telemetry/events.ts";
import { createLog } from "../../telemetry/log.ts";
import { type CommandFailure, EXIT_CODES, type ExitCode, failureOf, printReport } from "../failure.ts";
import { counted, differingOf } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { listenForStop, type StopSignals } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";

export interface LoadCommandOptions {
  /** `-`: stdin. */
  readonly files: readonly string[];
  readonly config: string;
  readonly json: boolean;
}

const DRAIN_TIMEOUT_MS = 25_000;
const STDIN = "-";

/** What a load came to: filled while it works, so that one that fails tells what it did. */
interface LoadOutcome {
  readonly files: Array<LoadProgress & { readonly file: string; readonly isComplete: boolean }>;
  readonly refusals: RefusalCounts;
  totals: Readonly<Totals>;
  isQuarantineFull: boolean;
  elapsedMs: number;
}

export async function loadCommand(options: LoadCommandOptions, terminal: Terminal): Promise<ExitCode> {
  const signals = listenForStop(terminal, DRAIN_TIMEOUT_MS);
  const outcome: LoadOutcome = {
    files: [],
    refusals: new RefusalCounts(),
    totals: { received: 0, stored: 0, skipped: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 },
    isQuarantineFull: false,
    elapsedMs: 0,
  };
  let failure: CommandFailure | null = null;
  try {
    await loadAll(outcome, options, signals, terminal);
    if (outcome.totals.left > 0) throw eventsLeft(outcome);
  } catch (error) {
    const isStop = error instanceof PiipeError && error.code === "interrupted" && signals.stop.aborted;
    if (!isStop || signals.abort.aborted) failure = failureOf(error);
  }
  signals.close();
  if (failure) printReport(failure.error, terminal);
  if (options.json) {
    terminal.writeOut(`${JSON.stringify({ ...loadJson(outcome), ...(failure && { error: failure.error }) })}\n`);
  } else {
    terminal.writeError(loadSummary(outcome));
  }
  if (failure) return failure.exitCode;
  // Whoever removes a file once it is loaded must not take a stop for that.
  return signals.stop.aborted && outcome.files.filter(({ isComplete }) => isComplete).length < options.files.length
    ? EXIT_CODES.interrupted
    : EXIT_CODES.done;
}

async function loadAll(
  outcome: LoadOutcome,
  { files, config: configFile, json }: LoadCommandOptions,
  signals: StopSignals,
  terminal: Terminal,
): Promise<void> {
  if (files.filter((file) => file === STDIN).length > 1) throw stdinTwice();
  const config = await loadConfig(resolve(terminal.folder, configFile), terminal.environment);
  const inputs = files.map((file) => ({ file, input: inputOf(file, terminal) }));
  const log = createLog({ write: terminal.writeError, format: "text", level: "warn" });
  let onWritten = (): void => {};
  const emit: Emit = (event) => {
    if (event.type === "event.refused") {
      outcome.refusals.add(event);
      outcome.isQuarantineFull ||= event.fate === "full";
    } else log(event);
    if (event.type === "batch.written") onWritten();
  };
  const opened = await openLoad(config, {
    keysJson: terminal.environment["PIIPE_KEYS"],
    process: { pid: terminal.pid, number: null },
    hasFiles: files.some((file) => file !== STDIN),
    emit,
  });
  outcome.totals = opened.totals;
  const startedMs = performance.now();
  try {
    for (const { file, input } of inputs) {
      if (signals.stop.aborted) return;
      const { totals } = opened;
      const before = doneBy(totals);
      const leftBefore = totals.left;
      let bar: ProgressBar | null = null;
      let total: number | null = null;
      const done = (): number => doneBy(totals) - before;
      onWritten = () => bar?.update(done(), total);
      let progress: LoadProgress;
      try {
        progress = await opened.load(input, signals, (begun) => {
          bar = new ProgressBar(terminal, file === STDIN ? "events" : `${file}: events`);
          total = begun.events === null ? null : begun.events - begun.alreadyLoaded;
        });
      } finally {
        finish(bar, done(), total);
      }
      const isComplete = !signals.stop.aborted && totals.left === leftBefore;
      outcome.files.push({ file, ...progress, isComplete });
      if (!json) terminal.writeError(fileLine({ file, ...progress, isComplete }));
    }
  } finally {
    outcome.elapsedMs = performance.now() - startedMs;
    await opened.close();
  }
}

function finish(bar: ProgressBar | null, done: number, total: number | null): void {
  if (done > 0) bar?.finish(done, total ?? done);
}

const inputOf = (file: string, { folder, stdin }: Terminal): LoadInput =>
  file === STDIN ? { kind: "stdin", stdin } : { kind: "file", path: resolve(folder, file), shown: file };

const doneBy = ({ stored, skipped, dropped = 0, duplicate, quarantined, left }: Load["totals"]): number =>
  stored + skipped + dropped + duplicate + quarantined + left;

function fileLine({ file, events, alreadyLoaded, isComplete }: LoadOutcome["files"][number]): string {
  const name = file === STDIN ? "stdin" : file;
  if (!isComplete) return `${name}: not loaded to its end${file === STDIN ? "" : "; load it again to go on"}\n`;
  const before =
    alreadyLoaded === 0
      ? ""
      : alreadyLoaded === events
        ? ", all of them loaded before"
        : `, ${alreadyLoaded} of them loaded before`;
  return `${name}: ${counted(events ?? 0, "event")}${before}\n`;
}

function loadJson({ files, totals, refusals, elapsedMs }: LoadOutcome): object {
  const { received, stored, skipped, dropped, duplicate, differing, quarantined, left } = totals;
  return {
    files,
    received,
    stored,
    skipped,
    ...(dropped !== undefined && { dropped }),
    duplicate,
    ...(differing !== undefined && { differing }),
    quarantined,
    left,
    refusals: refusals.list(),
    elapsedMs: Math.round(elapsedMs),
  };
}

function loadSummary({ totals, refusals }: LoadOutcome): string {
  const { received, stored, skipped, dropped = 0, duplicate, quarantined, left } = totals;
  const ofSkipped =
    (skipped > 0 ? `, skipped by the table's triggers or rules ${skipped}` : "") +
    (dropped > 0 ? `, dropped ${dropped} that no table takes` : "");
  const ofLeft = left > 0 ? `, refused and not stored anywhere ${left}` : "";
  const lines = [
    `read ${received}, stored ${stored}${ofSkipped}, already there ${duplicate}${differingOf(totals)}, quarantined ${quarantined}${ofLeft}`,
    ...refusals.lines(),
  ];
  if (quarantined > 0) lines.push("`piipe quarantine list` shows what was quarantined, and why.");
  return `${lines.join("\n")}\n`;
}

const stdinTwice = (): PiipeError =>
  new PiipeError("usage.invalid", "stdin is named twice", { hint: "Give - once: it can be read once." });

function eventsLeft({ totals, isQuarantineFull }: LoadOutcome): PiipeError {
  const events = `${counted(totals.left, "event")} ${totals.left === 1 ? "was" : "were"} refused, and`;
  return isQuarantineFull
    ? new PiipeError("data.beyond-limit", `${events} the quarantine is full`, {
        hint:
          "`piipe quarantine list` shows what waits. Mend the cause, then `piipe quarantine replay`, or `piipe quarantine " +
          "discard`; load the file again after that.",
      })
    : new PiipeError("keys.missing", `${events} there is no key to seal them with for the quarantine`, {
        hint: "`piipe keys new` makes a keyring with such a key. Load the file again after that: what is stored is passed over.",
      });
}
