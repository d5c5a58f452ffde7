import { Registry, collectDefaultMetrics } from "prom-client";
import type { Emit, TelemetryEvent } from "./events.ts";
import { type MetricSamples, SharedMetrics, renderSamples, samplesOf } from "./metric-samples.ts";
import { MetricSet } from "./metric-set.ts";
import { METRICS } from "./metric-table.ts";
import { type Readiness, ReadinessWatch } from "./readiness.ts";
import type { WorkerFigures } from "./worker-figures.ts";

/** What the metrics listener serves. */
export interface Monitored {
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Readiness;
}

/** The event loop's delay is sampled so often: at the library's 10 ms, an idle worker would be woken by that alone. */
const EVENT_LOOP_SAMPLE_MS = 100;

export interface WorkerMonitorOptions {
  readonly version: string;
  /** Fires when the worker drains. */
  readonly stop: AbortSignal;
  readonly nowMs: () => number;
}

/** The metrics and the readiness of one worker, from its telemetry events. */
export class WorkerMonitor implements Monitored {
  readonly #options: WorkerMonitorOptions;
  readonly #set = new MetricSet("worker");
  readonly #process = new Registry();
  readonly #readiness = new ReadinessWatch();
  readonly #shared: SharedMetrics;
  #figures: (() => WorkerFigures) | null = null;

  constructor(options: WorkerMonitorOptions) {
    this.#options = options;
    this.#shared = new SharedMetrics(options.version, 1);
    collectDefaultMetrics({ register: this.#process, eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLE_MS });
    // Some of the library's are misnamed, and some cost more than they tell.
    for (const { name } of this.#process.getMetricsAsArray()) {
      if (!(name in METRICS)) this.#process.removeSingleMetric(name);
    }
  }

  readonly count: Emit = (event) => {
    this.#readiness.count(event, this.#options.nowMs());
    this.#count(event);
  };

  /** The pipeline is in order: from now on it says what is in flight. */
  watch(figures: () => WorkerFigures): void {
    this.#figures = figures;
  }

  readiness(): Readiness {
    if (this.#options.stop.aborted) return { ready: false, reason: "draining" };
    return this.#readiness.readiness(this.#options.nowMs());
  }

  /** For another process that serves them. */
  async samples(): Promise<readonly MetricSamples[]> {
    if (this.#figures !== null) {
      const { inFlight, lagMs } = this.#figures();
      this.#set.set("piipe_in_flight", inFlight);
      this.#set.set("piipe_lag_seconds", lagMs / 1_000);
    }
    return [...(await samplesOf(this.#set.registry)), ...(await samplesOf(this.#process))];
  }

  async metrics(): Promise<string> {
    this.#shared.setReady(this.readiness().ready ? 1 : 0);
    return renderSamples([await this.#shared.samples(), await this.samples()]);
  }

  #count(event: TelemetryEvent): void {
    const set = this.#set;
    switch (event.type) {
      case "deliveries.received":
        set.add("piipe_deliveries_received_total", event.count);
        set.add("piipe_deliveries_redelivered_total", event.redelivered);
        set.add("piipe_received_bytes_total", event.bytes);
        return;
      case "delivery.corrupt":
        set.add("piipe_deliveries_corrupt_total", event.count);
        return;
      case "batch.written":
        set.add("piipe_events_stored_total", event.stored);
        set.add("piipe_events_skipped_total", event.skipped ?? 0);
        set.add("piipe_events_duplicate_total", event.duplicate);
        set.add("piipe_events_quarantined_total", event.quarantined);
        set.add("piipe_process_seconds_total", event.processMs / 1_000);
        set.observe(
          "piipe_batch_events",
          event.stored + (event.skipped ?? 0) + event.duplicate + event.quarantined + event.rejected,
        );
        set.observe("piipe_batch_write_seconds", event.elapsedMs / 1_000);
        set.observe("piipe_stored_age_seconds", Math.max(0, this.#options.nowMs() - event.oldestSentAtMs) / 1_000);
        return;
      case "duplicates.differed":
        set.add("piipe_events_differing_total", event.count);
        return;
      case "batch.retried":
      case "batch.held":
        set.add("piipe_batch_retries_total", 1, { code: event.code });
        return;
      case "event.refused":
        set.add("piipe_events_refused_total", 1, { code: event.code, fate: event.fate });
        return;
      case "fields.unknown":
        set.set("piipe_unknown_fields", event.fields);
        set.add("piipe_unknown_field_events_total", event.events);
        return;
      case "leak.suspected":
        set.add("piipe_leaks_suspected_total", event.values, { column: event.column, detector: event.detector });
        return;
      case "deliveries.settled":
        set.add("piipe_deliveries_deleted_total", event.deleted);
        set.add("piipe_deliveries_released_total", event.released);
        set.add("piipe_deliveries_unsettled_total", event.failed);
        set.observe("piipe_settle_seconds", event.elapsedMs / 1_000);
        return;
      case "visibility.extended":
        set.add("piipe_visibility_failures_total", event.failed);
        return;
      case "source.retried":
        set.add("piipe_source_retries_total", 1, { action: event.action, code: event.code });
        return;
      case "clock.corrected":
        set.set("piipe_clock_offset_seconds", event.offsetMs / 1_000);
        return;
      case "ledger.maintenance-failed":
        set.add("piipe_ledger_maintenance_failures_total", 1);
        return;
      case "heartbeat.failed":
        set.add("piipe_heartbeat_failures_total", 1);
        return;
      case "pipeline.started":
      case "rows.skipped":
      case "source.slowed":
      case "queue.awaited":
      case "source.recovered":
      case "objects.left":
      case "ledger.maintained":
      case "keyring.changed":
      case "keyring.refused":
      case "pipeline.draining":
      case "pipeline.aborted":
      case "pipeline.stopped":
      case "config.warning":
        return;
      default:
        // A new event must be counted, or be named above.
        event satisfies never;
    }
  }
}
