import { PACKAGE_VERSION } from "../app/package-version.ts";
import { systemClock } from "../clock.ts";
import { FleetMonitor } from "../telemetry/fleet-monitor.ts";
import type { LogLevel } from "../telemetry/log-level.ts";
import { createLineWriter } from "../telemetry/log.ts";
import { type ListenAddress, openMetricsListener } from "../telemetry/metrics-listener.ts";
import { WorkerMonitor } from "../telemetry/worker-monitor.ts";
import type { Terminal } from "./terminal.ts";

/** What `run --metrics` serves: the one worker in this process, or several in others. */
export interface RunMetrics {
  readonly worker: WorkerMonitor | null;
  readonly fleet: FleetMonitor | null;
  /** Last of all: until then it can be asked. */
  readonly close: () => Promise<void>;
}

export interface RunMetricsOptions {
  readonly at: ListenAddress;
  readonly workers: number;
  readonly logLevel: LogLevel;
  readonly stop: AbortSignal;
}

/** Listens before anything else is opened, so that a start that takes long can be seen. */
export async function openRunMetrics(options: RunMetricsOptions, terminal: Terminal): Promise<RunMetrics> {
  const { at, workers, logLevel, stop } = options;
  const monitor = workers === 1 ? monitorWorker(stop) : new FleetMonitor({ version: PACKAGE_VERSION, workers, stop });
  const { url, close } = await openMetricsListener(at, monitor);
  const format = terminal.isInteractive ? "text" : "json";
  const writeLine = createLineWriter({ write: terminal.writeError, format, level: logLevel });
  writeLine("info", `metrics at ${url}/metrics`, { type: "metrics.listening", url });
  return {
    worker: monitor instanceof WorkerMonitor ? monitor : null,
    fleet: monitor instanceof FleetMonitor ? monitor : null,
    close,
  };
}

/** Of this process: to be served here, or to be reported to the process that serves them. */
export function monitorWorker(stop: AbortSignal): WorkerMonitor {
  return new WorkerMonitor({ version: PACKAGE_VERSION, stop, nowMs: () => systemClock.nowMs() });
}
