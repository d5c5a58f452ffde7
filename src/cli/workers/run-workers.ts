import { resolve } from "node:path";
import { systemClock } from "../../clock.ts";
import type { Totals } from "../../pipeline/totals.ts";
import type { FleetMonitor } from "../../telemetry/fleet-monitor.ts";
import type { LogLevel } from "../../telemetry/log-level.ts";
import { createLineWriter } from "../../telemetry/log.ts";
import type { ListenAddress } from "../../telemetry/metrics-listener.ts";
import type { CommandFailure } from "../failure.ts";
import type { RunDashboard } from "../run-dashboard.ts";
import type { StopSignals } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";
import { logSupervisor } from "./supervisor-log.ts";
import { Supervisor } from "./supervisor.ts";
import { type WorkerPlace, showPlace } from "./worker-count.ts";
import { startWorkerProcess } from "./worker-process.ts";

export interface WorkersOptions {
  readonly config: string;
  readonly untilEmpty: boolean;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly allowDebug: boolean;
  /** Where the metrics of all are served; null: nowhere. */
  readonly metrics: ListenAddress | null;
}

export interface WorkersRun {
  readonly totals: Totals | null;
  readonly elapsedMs: number;
  readonly failure: CommandFailure | null;
  readonly restarts: number;
}

/** What this process shows of them; null: not wanted. */
export interface Watchers {
  readonly monitor: FleetMonitor | null;
  readonly dashboard: Pick<RunDashboard, "watch"> | null;
  /** Gets what all of them have done so far; null: none of them has begun. */
  readonly onTotals: (totals: () => Totals | null) => void;
}

/** Several processes of this program, until all of them have ended. */
export async function runWorkers(
  options: WorkersOptions,
  connectionShares: readonly number[],
  signals: StopSignals,
  terminal: Terminal,
  { monitor, dashboard, onTotals }: Watchers,
): Promise<WorkersRun> {
  const log = logSupervisor(
    createLineWriter({
      write: terminal.writeError,
      format: terminal.isInteractive ? "text" : "json",
      level: options.logLevel,
    }),
  );
  const supervisor = new Supervisor({
    start: (place, onReport) => {
      const worker = startWorkerProcess(workerArguments(options, place, terminal), (report) => {
        if (report.report === "metrics") monitor?.hear(place.number, report.sample);
        else onReport(report);
      });
      void worker.ended.then(() => monitor?.forget(place.number));
      return worker;
    },
    connectionShares,
    untilEmpty: options.untilEmpty,
    drainTimeoutMs: options.drainTimeoutMs,
    clock: systemClock,
    reportEvent(event) {
      log(event);
      if (event.type === "worker.replaced") monitor?.countRestart();
    },
  });
  dashboard?.watch(() => supervisor.workers);
  onTotals(() => supervisor.totalsSoFar);
  const failure = await supervisor.run(signals);
  const { totals, restarts, startedMs } = supervisor;
  const elapsedMs = startedMs === null ? 0 : systemClock.nowMs() - startedMs;
  return { totals, elapsedMs, failure, restarts };
}

function workerArguments(options: WorkersOptions, place: WorkerPlace, { folder }: Terminal): readonly string[] {
  return [
    "run",
    "--as-worker",
    showPlace(place),
    "--config",
    resolve(folder, options.config),
    "--drain-timeout",
    String(options.drainTimeoutMs / 1_000),
    "--log-level",
    options.logLevel,
    ...(options.untilEmpty ? ["--until-empty"] : []),
    ...(options.metrics === null ? [] : ["--metrics"]),
    ...(options.allowDebug ? ["--allow-debug"] : []),
  ];
}
