import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { withConnections } from "../../app/open-database.ts";
import { queueDepth } from "../../app/queue-depth.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import type { Totals } from "../../pipeline/totals.ts";
import type { LogLevel } from "../../telemetry/log-level.ts";
import { createLog } from "../../telemetry/log.ts";
import type { ListenAddress } from "../../telemetry/metrics-listener.ts";
import { EXIT_CODES, type ExitCode, type CommandFailure, failureOf, printReport } from "../failure.ts";
import { differingOf, rareText } from "../output.ts";
import type { DashboardArguments, RunDashboard } from "../run-dashboard.ts";
import type { RunMetrics } from "../run-metrics.ts";
import { runPipeline } from "../run-pipeline.ts";
import { RunProgress, showsBar, withoutBatches } from "../run-progress.ts";
import { type StopSignals, listenForStop } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";
import { runWorker } from "../workers/run-worker.ts";
import { runWorkers } from "../workers/run-workers.ts";
import {
  type WorkerPlace,
  type WorkersWanted,
  connectionsBeside,
  countWorkers,
  shareConnections,
} from "../workers/worker-count.ts";

export interface RunCommandOptions {
  readonly config: string;
  readonly untilEmpty: boolean;
  readonly workers: WorkersWanted;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly json: boolean;
  readonly allowDebug: boolean;
  /** Where to serve the metrics; null: nowhere. */
  readonly metrics: ListenAddress | null;
  /** null: none. */
  readonly dashboard: DashboardArguments | null;
  /** Of this process among the workers of another; null: it is none of them. */
  readonly place: WorkerPlace | null;
}

interface RunOutcome {
  /** Null: nothing was begun. */
  readonly totals: Readonly<Totals> | null;
  readonly elapsedMs: number;
  readonly failure: CommandFailure | null;
  /** Only where there are several. */
  readonly workers?: { readonly workers: number; readonly restarts: number };
}

const NOTHING: Totals = { received: 0, stored: 0, skipped: 0, duplicate: 0, quarantined: 0, left: 0, deleted: 0 };

export async function runCommand(options: RunCommandOptions, terminal: Terminal): Promise<ExitCode> {
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

async function run(options: RunCommandOptions, signals: StopSignals, terminal: Terminal): Promise<RunOutcome> {
  let config: Config;
  let workers: number;
  let metrics: RunMetrics | null = null;
  let dashboard: RunDashboard | null;
  try {
    config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
    workers = countWorkers(options.workers, config.sink.postgres.maxConnections, availableParallelism());
    metrics = await openMetrics(options, workers, signals, terminal);
    dashboard = await openDashboard(config, options, signals, terminal);
  } catch (error) {
    await metrics?.close();
    return { totals: null, elapsedMs: 0, failure: failureOf(error) };
  }
  const { maxConnections } = config.sink.postgres;
  const connections = dashboard === null ? maxConnections : connectionsBeside(maxConnections, workers);
  const progress = showsBar(options, terminal) ? new RunProgress(terminal) : null;
  if (workers > 1) {
    const shares = shareConnections(connections, workers);
    const depth = queueDepth(config, null);
    const watchers = {
      monitor: metrics?.fleet ?? null,
      dashboard,
      onTotals: (totals: () => Totals | null) => progress?.watch(totals, (signal) => depth.total(signal)),
    };
    const { restarts, ...outcome } = await runWorkers(options, shares, signals, terminal, watchers);
    progress?.close({ isEmpty: outcome.failure === null && !signals.stop.aborted });
    await depth.close();
    await dashboard?.close();
    await metrics?.close();
    return { ...outcome, workers: { workers, restarts } };
  }
  const logAll = createLog({
    write: terminal.writeError,
    format: terminal.isInteractive ? "text" : "json",
    level: options.logLevel,
  });
  const log = progress === null ? logAll : withoutBatches(logAll);
  const monitor = metrics?.worker;
  const { failure, ...outcome } = await runPipeline(withConnections(config, connections), terminal, {
    untilEmpty: options.untilEmpty,
    signals,
    emit(event) {
      log(event);
      monitor?.count(event);
    },
    number: null,
    onStarted({ worker, totals, depth }) {
      progress?.watch(() => totals, depth);
      monitor?.watch(() => worker().figures);
      dashboard?.watch(() => [worker()]);
    },
  });
  progress?.close({ isEmpty: failure === null && !signals.stop.aborted });
  await dashboard?.close();
  await metrics?.close();
  return { ...outcome, failure: failure === null ? null : failureOf(failure) };
}

async function openMetrics(
  { metrics: at, logLevel }: RunCommandOptions,
  workers: number,
  { stop }: StopSignals,
  terminal: Terminal,
): Promise<RunMetrics | null> {
  if (at === null) return null;
  const { openRunMetrics } = await import("../run-metrics.ts");
  return openRunMetrics({ at, workers, logLevel, stop }, terminal);
}

async function openDashboard(
  config: Config,
  { dashboard }: RunCommandOptions,
  { abort }: StopSignals,
  terminal: Terminal,
): Promise<RunDashboard | null> {
  if (dashboard === null) return null;
  const { openRunDashboard } = await import("../run-dashboard.ts");
  return openRunDashboard(config, dashboard, abort, terminal);
}

function summaryOf(totals: Totals): string {
  const { received, stored, skipped, duplicate, quarantined, left, deleted } = totals;
  const ofSkipped = skipped > 0 ? `, skipped by the table's triggers or rules ${skipped}` : "";
  const ofDuplicates = differingOf(totals);
  const ofLeft = left > 0 ? `, left in the queue ${left}` : "";
  const pointer = quarantined > 0 ? "\n`piipe quarantine list` shows what was quarantined, and why." : "";
  return `received ${received}, stored ${stored}${ofSkipped}${rareText(totals)}, already there ${duplicate}${ofDuplicates}, quarantined ${quarantined}${ofLeft}, deleted ${deleted}${pointer}`;
}
