import { describe, expect, it } from "vitest";
import type { TelemetryEvent } from "./events.ts";
import { FleetMonitor } from "./fleet-monitor.ts";
import { type MetricRow, METRICS } from "./metric-table.ts";
import { WorkerCounters } from "./worker-counters.ts";
import { WorkerMonitor } from "./worker-monitor.ts";

const NOW_MS = 1_700_000_000_000;
const SENT_AT_MS = NOW_MS - 42_000;

const EVENTS: readonly TelemetryEvent[] = [
  { type: "pipeline.started", source: "arn:aws:sqs:eu-west-1:1:logins", table: "public.user_logins" },
  { type: "deliveries.received", count: 12, redelivered: 2, bytes: 1_234, oldestSentAtMs: SENT_AT_MS },
  { type: "delivery.corrupt", count: 1, messageIds: ["a"] },
  { type: "event.refused", messageId: "secret-id", code: "field.type", path: "ip", fate: "quarantine" },
  { type: "event.refused", messageId: "secret-id", code: "body.empty", path: null, fate: "left" },
  { type: "fields.unknown", events: 3, fieldsAdded: 2, fields: 2 },
  { type: "leak.suspected", column: "note", detector: "email", values: 4 },
  { type: "batch.retried", code: "database.busy", sqlState: "40001", attempt: 1, delayMs: 50 },
  {
    type: "batch.written",
    stored: 8,
    dropped: 3,
    inserted: 2,
    updated: 4,
    duplicate: 1,
    quarantined: 1,
    rejected: 0,
    elapsedMs: 30,
    oldestSentAtMs: SENT_AT_MS,
    processed: 12,
    processMs: 5,
  },
  { type: "deliveries.settled", deleted: 10, released: 1, failed: 1, elapsedMs: 7 },
  { type: "visibility.extended", count: 5, failed: 2 },
  { type: "source.retried", action: "ReceiveMessage", code: "queue.throttled", attempt: 1, delayMs: 500 },
  { type: "clock.corrected", offsetMs: -600_000 },
  { type: "ledger.maintenance-failed", code: "database.denied", sqlState: "42501" },
  { type: "heartbeat.failed", code: "database.denied", sqlState: "42501" },
];

function monitorOf(events: readonly TelemetryEvent[], stop = new AbortController().signal): WorkerMonitor {
  const monitor = new WorkerMonitor({ version: "1.2.3", stop, nowMs: () => NOW_MS });
  const counters = new WorkerCounters();
  for (const event of events) {
    monitor.count(event);
    counters.count(event, NOW_MS);
  }
  monitor.watch(() => counters.figures(7, NOW_MS));
  return monitor;
}

/** The lines that are no comments. */
const valuesOf = (text: string): readonly string[] => text.split("\n").filter((line) => /^[a-z]/.test(line));
const familiesOf = (text: string): readonly string[] =>
  [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? "");

describe("the metrics of a worker", () => {
  it("hold what its events tell", async () => {
    const lines = valuesOf(await monitorOf(EVENTS).metrics());
    expect(lines).toEqual(
      expect.arrayContaining([
        'piipe_build_info{version="1.2.3"} 1',
        "piipe_events_dropped_total 3",
        'piipe_rows_on_conflict_total{outcome="inserted"} 2',
        'piipe_rows_on_conflict_total{outcome="updated"} 4',
        "piipe_workers 1",
        "piipe_workers_ready 1",
        "piipe_worker_restarts_total 0",
        "piipe_deliveries_received_total 12",
        "piipe_deliveries_redelivered_total 2",
        "piipe_deliveries_corrupt_total 1",
        "piipe_received_bytes_total 1234",
        "piipe_in_flight 7",
        "piipe_lag_seconds 42",
        'piipe_stored_age_seconds_bucket{le="30"} 0',
        'piipe_stored_age_seconds_bucket{le="60"} 1',
        "piipe_stored_age_seconds_sum 42",
        "piipe_process_seconds_total 0.005",
        'piipe_batch_write_seconds_bucket{le="0.025"} 0',
        'piipe_batch_write_seconds_bucket{le="0.05"} 1',
        "piipe_batch_write_seconds_sum 0.03",
        'piipe_batch_events_bucket{le="10"} 0',
        "piipe_batch_events_sum 13",
        "piipe_settle_seconds_count 1",
        "piipe_events_stored_total 8",
        "piipe_events_duplicate_total 1",
        "piipe_events_quarantined_total 1",
        'piipe_events_refused_total{code="field.type",fate="quarantine"} 1',
        'piipe_events_refused_total{code="body.empty",fate="left"} 1',
        "piipe_deliveries_deleted_total 10",
        "piipe_deliveries_released_total 1",
        "piipe_deliveries_unsettled_total 1",
        "piipe_visibility_failures_total 2",
        'piipe_source_retries_total{action="ReceiveMessage",code="queue.throttled"} 1',
        'piipe_batch_retries_total{code="database.busy"} 1',
        'piipe_leaks_suspected_total{column="note",detector="email"} 4',
        "piipe_unknown_fields 2",
        "piipe_unknown_field_events_total 3",
        "piipe_ledger_maintenance_failures_total 1",
        "piipe_heartbeat_failures_total 1",
        "piipe_clock_offset_seconds -600",
      ]),
    );
    expect(lines.join("\n")).not.toContain("secret-id");
  });

  it("are those of the table, each of them with its type and its help, and no others", async () => {
    const text = await monitorOf(EVENTS).metrics();
    const families = familiesOf(text);
    const rows = Object.entries<MetricRow>(METRICS);
    expect(families.filter((name) => !(name in METRICS))).toEqual([]);
    // Not every system counts file descriptors.
    const everywhere = rows.filter(([name]) => !name.endsWith("_fds")).map(([name]) => name);
    expect(everywhere.filter((name) => !families.includes(name))).toEqual([]);
    for (const [name, { type, help }] of rows) {
      if (families.includes(name)) expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
    }
  });

  it("without labels are 0 from the start, so that the first increase can be seen", async () => {
    const lines = valuesOf(await monitorOf([]).metrics());
    for (const [name, { type, labels, scope }] of Object.entries<MetricRow>(METRICS)) {
      if (scope === "worker" && type === "counter" && labels.length === 0) expect(lines).toContain(`${name} 0`);
    }
    expect(lines).toContain("piipe_workers_ready 0");
  });

  it("a worker that drains is not ready", () => {
    const stop = new AbortController();
    const monitor = monitorOf(EVENTS, stop.signal);
    expect(monitor.readiness()).toEqual({ ready: true });
    stop.abort();
    expect(monitor.readiness()).toEqual({ ready: false, reason: "draining" });
  });
});

describe("the metrics of several workers", () => {
  /** As through the channel between two processes. */
  const sampleOf = async (monitor: WorkerMonitor) =>
    JSON.parse(JSON.stringify({ samples: await monitor.samples(), readiness: monitor.readiness() })) as Parameters<
      FleetMonitor["hear"]
    >[1];
  const fleetOf = (stop = new AbortController().signal) => new FleetMonitor({ version: "1.2.3", workers: 2, stop });

  it("carry each worker's number; what the run has once has none", async () => {
    const fleet = fleetOf();
    fleet.hear(1, await sampleOf(monitorOf(EVENTS)));
    fleet.hear(2, await sampleOf(monitorOf([...EVENTS, ...EVENTS])));
    fleet.countRestart();
    const text = await fleet.metrics();
    const lines = valuesOf(text);
    expect(lines).toEqual(
      expect.arrayContaining([
        "piipe_workers 2",
        "piipe_workers_ready 2",
        "piipe_worker_restarts_total 1",
        'piipe_events_stored_total{worker="1"} 8',
        'piipe_events_stored_total{worker="2"} 16',
        'piipe_events_refused_total{code="field.type",fate="quarantine",worker="2"} 2',
        'piipe_batch_write_seconds_bucket{le="+Inf",worker="1"} 1',
        'piipe_batch_write_seconds_count{worker="2"} 2',
        expect.stringMatching(/^process_resident_memory_bytes\{worker="2"\} \d+$/),
      ]),
    );
    const families = familiesOf(text);
    expect(new Set(families).size).toBe(families.length);
    expect(lines.filter((line) => !/ (?:-?[\d.]+(?:e[+-]?\d+)?)$/.test(line))).toEqual([]);
  });

  it("are gone with a worker that ended, until it is heard of again", async () => {
    const fleet = fleetOf();
    fleet.hear(1, await sampleOf(monitorOf(EVENTS)));
    fleet.forget(1);
    const text = await fleet.metrics();
    expect(valuesOf(text)).toEqual(expect.arrayContaining(["piipe_workers 2", "piipe_workers_ready 0"]));
    expect(text).not.toContain('worker="1"');
    fleet.hear(1, await sampleOf(monitorOf([])));
    expect(valuesOf(await fleet.metrics())).toContain('piipe_events_stored_total{worker="1"} 0');
  });

  it("leave out what is no number", async () => {
    const fleet = fleetOf();
    const sample = await sampleOf(monitorOf([]));
    const broken = {
      name: "piipe_lag_seconds",
      type: "gauge",
      values: [{ value: null as unknown as number, labels: {} }],
    };
    fleet.hear(1, { ...sample, samples: [broken] });
    expect(await fleet.metrics()).not.toMatch(/^piipe_lag_seconds/m);
  });

  it("one that is ready is enough; without any, the first of them says why", async () => {
    const stop = new AbortController();
    const fleet = fleetOf(stop.signal);
    expect(fleet.readiness()).toEqual({ ready: false, reason: "starting" });
    const failing = { ready: false, reason: "writes-failing", code: "database.unreachable" } as const;
    fleet.hear(1, { samples: [], readiness: failing });
    expect(fleet.readiness()).toEqual(failing);
    fleet.hear(2, { samples: [], readiness: { ready: true } });
    expect(fleet.readiness()).toEqual({ ready: true });
    stop.abort();
    expect(fleet.readiness()).toEqual({ ready: false, reason: "draining" });
  });
});
