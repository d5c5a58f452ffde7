import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { Totals } from "../../pipeline/totals.ts";
import { createLog } from "../../telemetry/log.ts";
import type { LogLevel } from "../../telemetry/log-level.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { type Failure, failureOf } from "../failure.ts";
import { printReport } from "../print-error.ts";
import { runPipeline } from "../run-pipeline.ts";
import { listenForStop, type StopSignals } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";
import { runWorker } from "../workers/run-worker.ts";
import { runWorkers } from "../workers/run-workers.ts";
import { countWorkers, shareConnections, type WorkersWanted } from "../workers/worker-count.ts";
import type { WorkerPlace } from "../workers/worker-place.ts";

export interface RunOptions {
  readonly config: string;
  readonly untilEmpty: boolean;
  readonly workers: WorkersWanted;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly json: boolean;
  readonly allowDebug: boolean;
  /** Of this process among the workers of another; null: it is none of them. */
  readonly place: WorkerPlace | null;
}

interface Outcome {
  /** Null: nothing was begun. */
  readonly totals: Readonly<Totals> | null;
  readonly elapsedMs: number;
  readonly failure: Failure | null;
  /** Only where there are several. */
  readonly workers?: { readonly workers: number; readonly restarts: number };
}

const NOTHING: Totals = { received: 0, stored: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 };

export async function runCommand(options: RunOptions, terminal: Terminal): Promise<ExitCode> {
  if (options.place) return runWorker(options, options.place, terminal);
  const signals = listenForStop(terminal, options.drainTimeoutMs);
  const { totals, elapsedMs, failure, workers } = await run(options, signals, terminal);
  signals.close();
  if (failure) printReport(failure.error, terminal);
  if (options.json) {
    const counts = { ...(totals ?? NOTHING), elapsedMs: Math.round(elapsedMs), ...workers };
    terminal.writeOut(`${JSON.stringify(failure ? { ...counts, error: failure.error } : counts)}\n`);
  } else if (totals) {
    terminal.writeError(`${summaryOf(totals)}\n`);
  }
  if (failure) return failure.exitCode;
  return signals.received() === "SIGINT" ? EXIT_CODES.interrupted : EXIT_CODES.done;
}

async function run(options: RunOptions, signals: StopSignals, terminal: Terminal): Promise<Outcome> {
  let config: Config;
  let workers: number;
  try {
    config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
    workers = countWorkers(options.workers, config.sink.postgres.maxConnections, availableParallelism());
  } catch (error) {
    return { totals: null, elapsedMs: 0, failure: failureOf(error) };
  }
  if (workers > 1) {
    const shares = shareConnections(config.sink.postgres.maxConnections, workers);
    const { restarts, ...outcome } = await runWorkers(options, shares, signals, terminal);
    return { ...outcome, workers: { workers, restarts } };
  }
  const { failure, ...outcome } = await runPipeline(config, terminal, {
    untilEmpty: options.untilEmpty,
    signals,
    emit: createLog({
      write: terminal.writeError,
      format: terminal.isInteractive ? "text" : "json",
      level: options.logLevel,
    }),
    onStarted() {},
  });
  return { ...outcome, failure: failure === null ? null : failureOf(failure) };
}

function summaryOf(totals: Totals): string {
  const { received, stored, duplicate, quarantined, left, deleted } = totals;
  const ofLeft = left > 0 ? `, left in the queue ${left}` : "";
  const pointer = quarantined > 0 ? "\n`piipe quarantine list` shows what was quarantined, and why." : "";
  return `received ${received}, stored ${stored}, already there ${duplicate}, quarantined ${quarantined}${ofLeft}, deleted ${deleted}${pointer}`;
}
