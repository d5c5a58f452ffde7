import { type MetricSamples, samplesOf } from "./metric-samples.ts";
import { MetricSet } from "./metric-set.ts";

/** The metrics that one run has once, however many workers share its work. */
export class SharedMetrics {
  readonly #set = new MetricSet("run");

  /** @param workers so many are to run */
  constructor(version: string, workers: number) {
    this.#set.set("piipe_build_info", 1, { version });
    this.#set.set("piipe_workers", workers);
  }

  setReady(workers: number): void {
    this.#set.set("piipe_workers_ready", workers);
  }

  countRestart(): void {
    this.#set.add("piipe_worker_restarts_total", 1);
  }

  samples(): Promise<readonly MetricSamples[]> {
    return samplesOf(this.#set.registry);
  }
}
