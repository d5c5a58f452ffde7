import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { type LabelOf, type MetricName, type MetricNameOf, type MetricRow, METRICS } from "./metric-table.ts";

/** The metrics of one scope of the table, each made at once: those without labels are served from the start, as 0. */
export class MetricSet {
  readonly registry = new Registry();
  readonly #counters = new Map<MetricName, Counter>();
  readonly #gauges = new Map<MetricName, Gauge>();
  readonly #histograms = new Map<MetricName, Histogram>();

  constructor(scope: MetricRow["scope"]) {
    for (const [key, row] of Object.entries<MetricRow>(METRICS)) {
      if (row.scope !== scope) continue;
      const name = key as MetricName;
      const options = { name, help: row.help, labelNames: row.labels, registers: [this.registry] };
      if (row.type === "counter") this.#counters.set(name, new Counter(options));
      else if (row.type === "gauge") this.#gauges.set(name, new Gauge(options));
      else this.#histograms.set(name, new Histogram({ ...options, buckets: [...(row.buckets ?? [])] }));
    }
  }

  add<N extends MetricNameOf<"counter">>(name: N, value: number, labels?: Readonly<Record<LabelOf<N>, string>>): void {
    const counter = this.#counters.get(name);
    if (labels === undefined) counter?.inc(value);
    else counter?.inc(labels, value);
  }

  set<N extends MetricNameOf<"gauge">>(name: N, value: number, labels?: Readonly<Record<LabelOf<N>, string>>): void {
    const gauge = this.#gauges.get(name);
    if (labels === undefined) gauge?.set(value);
    else gauge?.set(labels, value);
  }

  observe(name: MetricNameOf<"histogram">, value: number): void {
    this.#histograms.get(name)?.observe(value);
  }
}
