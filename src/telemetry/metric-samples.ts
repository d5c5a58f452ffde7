import { AggregatorRegistry, type Registry } from "prom-client";
import { MetricSet } from "./metric-set.ts";
import { METRICS, type MetricRow } from "./metric-table.ts";

/** One metric with its values; passes through JSON, so that a worker can send it. */
export interface MetricSamples {
  readonly name: string;
  readonly type: string;
  readonly values: ReadonlyArray<{
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    /** Of a histogram: with `_bucket`, `_sum` or `_count`. */
    readonly metricName?: string;
  }>;
}

/** What a registry holds now. */
export async function samplesOf(registry: Registry): Promise<readonly MetricSamples[]> {
  // Its types call `type` a number; it is a word.
  const all = (await registry.getMetricsAsJSON()) as unknown as readonly MetricSamples[];
  return all.map(({ name, type, values }) => ({ name, type, values }));
}

/** Adds a label to every value. JSON has no word for what is no number: such a value is left out. */
export function labelled(samples: readonly MetricSamples[], label: string, text: string): readonly MetricSamples[] {
  return samples.map((metric) => ({
    ...metric,
    values: metric.values
      .filter(({ value }) => Number.isFinite(value))
      .map((value) => ({ ...value, labels: { ...value.labels, [label]: text } })),
  }));
}

/** In Prometheus' text format. Values of the same labels are added up. */
export function renderSamples(sets: ReadonlyArray<readonly MetricSamples[]>): Promise<string> {
  const described = sets.map((samples) =>
    samples.map((metric) => ({ ...metric, help: helpOf(metric.name), aggregator: "sum" })),
  );
  return AggregatorRegistry.aggregate(described).metrics();
}

const helpOf = (name: string): string => (METRICS as Readonly<Record<string, MetricRow>>)[name]?.help ?? name;

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
