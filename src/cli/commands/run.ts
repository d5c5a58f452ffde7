import { resolve } from "node:path";
import { openPipeline, type Pipeline } from "../../app/open-pipeline.ts";
import { PiipeError } from "../../errors.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { Totals } from "../../pipeline/totals.ts";
import { createLog } from "../../telemetry/log.ts";
import type { LogLevel } from "../../telemetry/log-level.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf } from "../exit-codes.ts";
import { printError, reportOf } from "../print-error.ts";
import { listenForStop } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";

export interface RunOptions {
  readonly config: string;
  readonly untilEmpty: boolean;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly json: boolean;
}

const NOTHING: Totals = { received: 0, stored: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 };

export async function runCommand(options: RunOptions, terminal: Terminal): Promise<ExitCode> {
  const signals = listenForStop(terminal, options.drainTimeoutMs);
  const log = createLog({
    write: terminal.writeError,
    format: terminal.isInteractive ? "text" : "json",
    level: options.logLevel,
  });
  let pipeline: Pipeline | null = null;
  let failure: unknown = null;
  let startedMs = performance.now();
  try {
    const config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
    pipeline = await openPipeline(config, {
      keysJson: terminal.environment["PIIPE_KEYS"],
      emit: log,
      untilEmpty: options.untilEmpty,
      credentials: null,
      stop: signals.stop,
    });
    startedMs = performance.now();
    await pipeline.run(signals);
  } catch (error) {
    failure = error;
  }
  try {
    await pipeline?.close();
  } catch (error) {
    failure ??= error;
  }
  signals.close();
  // Stopped before it had begun: that is a stop like any other.
  const isEarlyStop = pipeline === null && failure instanceof PiipeError && failure.code === "interrupted";
  if (isEarlyStop && signals.received() !== null) failure = null;
  if (failure !== null) printError(failure, terminal);
  const elapsedMs = Math.round(performance.now() - startedMs);
  const totals = pipeline?.totals ?? NOTHING;
  if (options.json) {
    const outcome = failure === null ? {} : { error: reportOf(failure) };
    terminal.writeOut(`${JSON.stringify({ ...totals, elapsedMs, ...outcome })}\n`);
  } else if (pipeline) {
    terminal.writeError(`${summaryOf(totals)}\n`);
  }
  if (failure !== null) return exitCodeOf(failure);
  return signals.received() === "SIGINT" ? EXIT_CODES.interrupted : EXIT_CODES.done;
}

function summaryOf(totals: Totals): string {
  const { received, stored, duplicate, quarantined, left, deleted } = totals;
  const ofLeft = left > 0 ? `, left in the queue ${left}` : "";
  const pointer = quarantined > 0 ? "\n`piipe quarantine list` shows what was quarantined, and why." : "";
  return `received ${received}, stored ${stored}, already there ${duplicate}, quarantined ${quarantined}${ofLeft}, deleted ${deleted}${pointer}`;
}
