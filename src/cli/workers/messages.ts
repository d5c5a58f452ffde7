import type { Totals } from "../../pipeline/totals.ts";
import type { ErrorReport } from "../print-error.ts";

/** What the supervisor tells a worker: to finish what it has received, or to cut that short. */
export type Order = "stop" | "abort";

/** What a worker tells its supervisor. How it ended is its exit code. */
export type WorkerReport =
  /** It has found everything in order, and receives. */
  | { readonly report: "started" }
  /** Of this process so far. */
  | { readonly report: "totals"; readonly totals: Totals }
  /** Why it is about to end. */
  | { readonly report: "failed"; readonly error: ErrorReport };

export const orderMessage = (order: Order): object => ({ order });

/** Null for what is none: anything may be sent over a channel. */
export function readOrder(message: unknown): Order | null {
  const { order } = (message ?? {}) as { readonly order?: unknown };
  return order === "stop" || order === "abort" ? order : null;
}

/** Null for what is none. */
export function readReport(message: unknown): WorkerReport | null {
  const { report } = (message ?? {}) as { readonly report?: unknown };
  return report === "started" || report === "totals" || report === "failed" ? (message as WorkerReport) : null;
}
