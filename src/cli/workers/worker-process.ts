import { type ChildProcess, fork } from "node:child_process";
import type { Totals } from "../../pipeline/totals.ts";
import type { LiveWorker } from "../../storage/workers.ts";
import type { ErrorReport } from "../../telemetry/error-report.ts";
import type { WorkerSample } from "../../telemetry/fleet-monitor.ts";

/** What the supervisor tells a worker: to finish what it has received, or to cut that short. */
export type Order = "stop" | "abort";

/** What a worker tells its supervisor. How it ended is its exit code. */
export type WorkerReport =
  /** It has found everything in order, and receives. */
  | { readonly report: "started" }
  /** Of this process so far. */
  | {
      readonly report: "progress";
      readonly totals: Totals;
      /** null: it is about to end. */
      readonly worker: LiveWorker | null;
    }
  /** Of this process now, where they are served. */
  | { readonly report: "metrics"; readonly sample: WorkerSample }
  /** Why it is about to end. */
  | { readonly report: "failed"; readonly error: ErrorReport };

const REPORTS: ReadonlySet<string> = new Set<WorkerReport["report"]>(["started", "progress", "metrics", "failed"]);

const orderMessage = (order: Order): object => ({ order });

/** Null for what is none: anything may be sent over a channel. */
export function readOrder(message: unknown): Order | null {
  const { order } = (message ?? {}) as { readonly order?: unknown };
  return order === "stop" || order === "abort" ? order : null;
}

/** Null for what is none. */
function readReport(message: unknown): WorkerReport | null {
  const { report } = (message ?? {}) as { readonly report?: unknown };
  return typeof report === "string" && REPORTS.has(report) ? (message as WorkerReport) : null;
}

export interface WorkerExit {
  /** Null when a signal ended it, or it could not be started. */
  readonly code: number | null;
  readonly signal: string | null;
}

/** A worker as its supervisor sees it. */
export interface WorkerProcess {
  /** Undefined: it could not be started. */
  readonly pid: number | undefined;
  /** Without effect on one that has ended. */
  readonly send: (order: Order) => void;
  readonly kill: () => void;
  /** Resolves after its last report. Never rejects. */
  readonly ended: Promise<WorkerExit>;
}

/** The file that this process was started with. */
const MAIN_FILE = process.argv[1] ?? "";

/** Starts this program again, with the options of Node and the environment that this process has. */
export function startWorkerProcess(args: readonly string[], onReport: (report: WorkerReport) => void): WorkerProcess {
  let child: ChildProcess;
  try {
    // Its log goes to where this process's does: nothing to pass on, and nothing lost when this process is killed.
    child = fork(MAIN_FILE, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  } catch {
    // No memory for it, for one. Node throws that, and emits most other causes.
    return { pid: undefined, send() {}, kill() {}, ended: Promise.resolve({ code: null, signal: null }) };
  }
  child.on("message", (message) => {
    const report = readReport(message);
    if (report) onReport(report);
  });
  const ended = new Promise<WorkerExit>((resolve) => {
    // Unlike `exit`, it comes when the channel has been read to its end.
    child.once("close", (code, signal) => resolve({ code, signal }));
    child.on("error", () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
  return {
    pid: child.pid,
    send(order) {
      if (child.connected) child.send(orderMessage(order), () => {});
    },
    kill: () => void child.kill("SIGKILL"),
    ended,
  };
}
