import { type MetricSamples, SharedMetrics, labelled, renderSamples } from "./metric-samples.ts";
import type { Readiness } from "./readiness.ts";
import type { Monitored } from "./worker-monitor.ts";

/** What a worker reports of itself. */
export interface WorkerSample {
  readonly samples: readonly MetricSamples[];
  readonly readiness: Readiness;
}

export interface FleetMonitorOptions {
  readonly version: string;
  readonly workers: number;
  /** Fires when the workers drain. */
  readonly stop: AbortSignal;
}

/**
 * The metrics of several workers, as they last reported them, each with the label `worker`: one that is started again
 * is a counter that begins anew, as Prometheus knows it. Ready while at least one of them is.
 */
export class FleetMonitor implements Monitored {
  readonly #stop: AbortSignal;
  readonly #shared: SharedMetrics;
  readonly #last = new Map<number, WorkerSample>();

  constructor({ version, workers, stop }: FleetMonitorOptions) {
    this.#stop = stop;
    this.#shared = new SharedMetrics(version, workers);
  }

  hear(worker: number, sample: WorkerSample): void {
    this.#last.set(worker, sample);
  }

  /** It has ended. */
  forget(worker: number): void {
    this.#last.delete(worker);
  }

  /** Another takes the place of one that ended. */
  countRestart(): void {
    this.#shared.countRestart();
  }

  readiness(): Readiness {
    if (this.#stop.aborted) return { ready: false, reason: "draining" };
    const [first] = this.#last.values();
    if (this.#readyCount() > 0) return { ready: true };
    return first?.readiness ?? { ready: false, reason: "starting" };
  }

  async metrics(): Promise<string> {
    this.#shared.setReady(this.#readyCount());
    const workers = [...this.#last].map(([number, { samples }]) => labelled(samples, "worker", String(number)));
    return renderSamples([await this.#shared.samples(), ...workers]);
  }

  #readyCount(): number {
    return [...this.#last.values()].filter(({ readiness }) => readiness.ready).length;
  }
}
