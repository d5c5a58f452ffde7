import { resolve } from "node:path";
import { withConnections } from "../../app/open-database.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import type { Totals } from "../../pipeline/totals.ts";
import type { LiveWorker } from "../../storage/workers.ts";
import { reportOf } from "../../telemetry/error-report.ts";
import type { LogLevel } from "../../telemetry/log-level.ts";
import { createLog } from "../../telemetry/log.ts";
import type { ListenAddress } from "../../telemetry/metrics-listener.ts";
import type { WorkerMonitor } from "../../telemetry/worker-monitor.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf } from "../failure.ts";
import { ERASE_LINE } from "../progress-bar.ts";
import { runPipeline } from "../run-pipeline.ts";
import { showsBar, withoutBatches } from "../run-progress.ts";
import { Ending } from "../stop-signals.ts";
import { type ParentChannel, type Terminal, ownStyle } from "../terminal.ts";
import type { WorkerPlace } from "./worker-count.ts";
import { type WorkerReport, readOrder } from "./worker-process.ts";

interface WorkerOptions {
  readonly config: string;
  readonly untilEmpty: boolean;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  /** Where the supervisor serves the metrics; null: nowhere. */
  readonly metrics: ListenAddress | null;
}

const REPORT_EVERY_MS = 1_000;

/** One of several workers: it runs a pipeline as a single process does, and leaves the last word to its supervisor. */
export async function runWorker(options: WorkerOptions, place: WorkerPlace, terminal: Terminal): Promise<ExitCode> {
  const { parent } = terminal;
  if (parent === undefined) {
    throw new PiipeError("usage.invalid", "--as-worker is given to the processes that piipe itself starts", {
      hint: "Give --workers with the number of processes to start.",
    });
  }
  const ending = obey(parent, terminal, options.drainTimeoutMs);
  const tell = (report: WorkerReport): Promise<void> => parent.send(report);
  // The supervisor's bar is the last line of the terminal that both write to; it is drawn again in a moment.
  const hasBar = showsBar(options, terminal);
  const logAll = createLog({
    write: hasBar ? (line) => terminal.writeError(ownStyle(ERASE_LINE, line, "")) : terminal.writeError,
    format: terminal.isInteractive ? "text" : "json",
    level: options.logLevel,
    worker: place.number,
  });
  const log = hasBar ? withoutBatches(logAll) : logAll;
  const monitor = options.metrics === null ? null : (await import("../run-metrics.ts")).monitorWorker(ending.stop);
  let timer: NodeJS.Timeout | null = null;
  let failure: unknown = null;
  try {
    const config = await loadConfig(resolve(terminal.folder, options.config), terminal.environment);
    const run = await runPipeline(withConnections(config, place.connections), terminal, {
      untilEmpty: options.untilEmpty,
      signals: ending,
      emit(event) {
        // They are the same for all.
        if (event.type !== "config.warning" || place.number === 1) log(event);
        monitor?.count(event);
      },
      number: place.number,
      onStarted({ totals, worker }) {
        void tell({ report: "started" });
        monitor?.watch(() => worker().figures);
        timer = setInterval(() => {
          void tell(progressReport(totals, worker()));
          if (monitor) void tellMetrics(monitor, tell);
        }, REPORT_EVERY_MS);
      },
    });
    failure = run.failure;
    if (run.totals) await tell(progressReport(run.totals, null));
  } catch (error) {
    failure = error;
  }
  if (timer) clearInterval(timer);
  if (failure !== null) await tell({ report: "failed", error: reportOf(failure) });
  ending.close();
  parent.close();
  return failure === null ? EXIT_CODES.done : exitCodeOf(failure);
}

/**
 * Ctrl-C, a closed terminal's SIGHUP and a service manager's SIGTERM reach every process of a group at once, beside the supervisor's order: however
 * often that is, it means the one stop. To cut the drain short is for the supervisor, or for the time limit when there
 * is no supervisor any more.
 */
function obey(parent: ParentChannel, terminal: Terminal, drainTimeoutMs: number): Ending {
  const ending = new Ending(drainTimeoutMs);
  terminal.onSignal(() => ending.drain());
  parent.onClosed(() => ending.drain());
  parent.onMessage((message) => {
    const order = readOrder(message);
    if (order === "stop") ending.drain();
    else if (order === "abort") ending.abortNow();
  });
  return ending;
}

async function tellMetrics(monitor: WorkerMonitor, tell: (report: WorkerReport) => Promise<void>): Promise<void> {
  await tell({ report: "metrics", sample: { samples: await monitor.samples(), readiness: monitor.readiness() } });
}

const progressReport = (totals: Readonly<Totals>, worker: LiveWorker | null): WorkerReport => ({
  report: "progress",
  totals: { ...totals },
  worker,
});
