import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Order, orderMessage, readReport, type WorkerReport } from "./messages.ts";

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

const MAIN_FILE = fileURLToPath(new URL("../main.js", import.meta.url));

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
