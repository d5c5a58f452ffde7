import type { Readiness } from "./readiness.ts";

/** What the metrics listener serves. */
export interface Monitored {
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Readiness;
}
