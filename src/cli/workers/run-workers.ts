import { resolve } from "node:path";
import { systemClock } from "../../clock.ts";
import type { Totals } from "../../pipeline/totals.ts";
import { createLineWriter } from "../../telemetry/line-writer.ts";
import type { LogLevel } from "../../telemetry/log-level.ts";
import type { Failure } from "../failure.ts";
import type { StopSignals } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";
import { Supervisor } from "./supervisor.ts";
import { logSupervisor } from "./supervisor-log.ts";
import { showPlace, type WorkerPlace } from "./worker-place.ts";
import { startWorkerProcess } from "./worker-process.ts";

export interface WorkersOptions {
  readonly config: string;
  readonly untilEmpty: boolean;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly allowDebug: boolean;
}

export interface WorkersRun {
  readonly totals: Totals | null;
  readonly elapsedMs: number;
  readonly failure: Failure | null;
  readonly restarts: number;
}

/** Several processes of this program, until all of them have ended. */
export async function runWorkers(
  options: WorkersOptions,
  connectionShares: readonly number[],
  signals: StopSignals,
  terminal: Terminal,
): Promise<WorkersRun> {
  const supervisor = new Supervisor({
    start: (place, onReport) => startWorkerProcess(workerArguments(options, place, terminal), onReport),
    connectionShares,
    untilEmpty: options.untilEmpty,
    drainTimeoutMs: options.drainTimeoutMs,
    clock: systemClock,
    reportEvent: logSupervisor(
      createLineWriter({
        write: terminal.writeError,
        format: terminal.isInteractive ? "text" : "json",
        level: options.logLevel,
      }),
    ),
  });
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
    ...(options.allowDebug ? ["--allow-debug"] : []),
  ];
}
