import type { Totals } from "../../pipeline/totals.ts";
import type { LiveWorker } from "../../storage/workers.ts";
import type { WorkerSample } from "../../telemetry/fleet-monitor.ts";
import type { ErrorReport } from "../print-error.ts";

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

export const orderMessage = (order: Order): object => ({ order });

/** Null for what is none: anything may be sent over a channel. */
export function readOrder(message: unknown): Order | null {
  const { order } = (message ?? {}) as { readonly order?: unknown };
  return order === "stop" || order === "abort" ? order : null;
}

/** Null for what is none. */
export function readReport(message: unknown): WorkerReport | null {
  const { report } = (message ?? {}) as { readonly report?: unknown };
  return typeof report === "string" && REPORTS.has(report) ? (message as WorkerReport) : null;
}
