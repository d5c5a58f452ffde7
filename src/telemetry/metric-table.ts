/** Every metric that `piipe run --metrics` serves, as data: the code, the documentation and the tests read this table. */

export interface MetricRow {
  readonly type: "counter" | "gauge" | "histogram";
  /** `run`: once for each `piipe run`. `worker`: of each worker. `process`: of each worker, measured by Node. */
  readonly scope: "run" | "worker" | "process";
  /** Their values come from closed lists and the configuration, never from an event. */
  readonly labels: readonly string[];
  readonly help: string;
  /** What OpenTelemetry's semantic conventions call it; `piipe.…` where they have no name. */
  readonly otel: { readonly name: string; readonly unit: string };
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** From a local database to one that is about to time out. */
const WRITE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** From a queue that is read as it fills to one that was left alone for two weeks, the longest that SQS keeps. */
const AGE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400, 1_209_600];
const BATCH_EVENTS = [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];

export const METRICS = {
  piipe_build_info: {
    type: "gauge",
    scope: "run",
    labels: ["version"],
    help: "Always 1; the version of piipe is a label.",
    otel: { name: "service.version (resource)", unit: "1" },
  },
  piipe_workers: {
    type: "gauge",
    scope: "run",
    labels: [],
    help: "Workers that this run is to have: 1 without --workers.",
    otel: { name: "piipe.workers", unit: "{worker}" },
  },
  piipe_workers_ready: {
    type: "gauge",
    scope: "run",
    labels: [],
    help: "Workers that have started, do not drain, and whose receives and writes do not keep failing.",
    otel: { name: "piipe.workers.ready", unit: "{worker}" },
  },
  piipe_worker_restarts_total: {
    type: "counter",
    scope: "run",
    labels: [],
    help: "Workers that ended before they should, and were started again.",
    otel: { name: "piipe.worker.restarts", unit: "{restart}" },
  },
  piipe_deliveries_received_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Deliveries received from the queue.",
    otel: { name: "messaging.client.consumed.messages", unit: "{message}" },
  },
  piipe_deliveries_redelivered_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Of those received: at least for the second time.",
    otel: { name: "piipe.deliveries.redelivered", unit: "{message}" },
  },
  piipe_deliveries_corrupt_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Messages whose body did not match the digest that SQS sent with it, or whose SentTimestamp is no time.",
    otel: { name: "piipe.deliveries.corrupt", unit: "{message}" },
  },
  piipe_received_bytes_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Bytes of the bodies received, and of the attributes that columns read.",
    otel: { name: "piipe.deliveries.io", unit: "By" },
  },
  piipe_in_flight: {
    type: "gauge",
    scope: "worker",
    labels: [],
    help: "Deliveries received and not settled.",
    otel: { name: "piipe.deliveries.in_flight", unit: "{message}" },
  },
  piipe_lag_seconds: {
    type: "gauge",
    scope: "worker",
    labels: [],
    help: "Age of the oldest message that was just stored or, while nothing is stored, waits to be; 0 when there is none.",
    otel: { name: "piipe.lag", unit: "s" },
  },
  piipe_stored_age_seconds: {
    type: "histogram",
    scope: "worker",
    labels: [],
    help: "Age of a batch's oldest message when it was stored.",
    otel: { name: "piipe.stored.age", unit: "s" },
    buckets: AGE_SECONDS,
  },
  piipe_process_seconds_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Time spent on decoding and masking.",
    otel: { name: "messaging.process.duration (its sum)", unit: "s" },
  },
  piipe_batch_write_seconds: {
    type: "histogram",
    scope: "worker",
    labels: [],
    help: "Time from the first try to write a batch until its outcome was known.",
    otel: { name: "db.client.operation.duration", unit: "s" },
    buckets: WRITE_SECONDS,
  },
  piipe_batch_events: {
    type: "histogram",
    scope: "worker",
    labels: [],
    help: "Events in a batch.",
    otel: { name: "piipe.batch.events", unit: "{event}" },
    buckets: BATCH_EVENTS,
  },
  piipe_settle_seconds: {
    type: "histogram",
    scope: "worker",
    labels: [],
    help: "Time to delete or release the messages of a batch.",
    otel: { name: "messaging.client.operation.duration", unit: "s" },
    buckets: WRITE_SECONDS,
  },
  piipe_events_stored_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Rows written.",
    otel: { name: "piipe.events.stored", unit: "{event}" },
  },
  piipe_events_skipped_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Rows that a trigger or rule of the table kept out, without an error; their messages are deleted.",
    otel: { name: "piipe.events.skipped", unit: "{event}" },
  },
  piipe_events_dropped_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Events that no table takes, with unmatched: drop; their messages are deleted.",
    otel: { name: "piipe.events.dropped", unit: "{event}" },
  },
  piipe_rows_on_conflict_total: {
    type: "counter",
    scope: "worker",
    labels: ["outcome"],
    help: "Rows of tables with onConflict; outcome is inserted, updated or ignored.",
    otel: { name: "piipe.rows.on_conflict", unit: "{row}" },
  },
  piipe_events_duplicate_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Events that were stored or quarantined before, or whose rows were all ignored; nothing was written.",
    otel: { name: "piipe.events.duplicate", unit: "{event}" },
  },
  piipe_events_differing_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Of the duplicates: with the business id (dedupeBy) of an event that had other content.",
    otel: { name: "piipe.events.differing", unit: "{event}" },
  },
  piipe_events_quarantined_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Refused events written into the quarantine.",
    otel: { name: "piipe.events.quarantined", unit: "{event}" },
  },
  piipe_events_refused_total: {
    type: "counter",
    scope: "worker",
    labels: ["code", "fate"],
    help: "Refused events by reason; fate is quarantine, unless the run ends before it is written; left when there is no key to seal with; full when the quarantine is.",
    otel: { name: "piipe.events.refused", unit: "{event}" },
  },
  piipe_deliveries_deleted_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Messages deleted from the queue.",
    otel: { name: "piipe.deliveries.deleted", unit: "{message}" },
  },
  piipe_deliveries_released_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Messages given back to the queue.",
    otel: { name: "piipe.deliveries.released", unit: "{message}" },
  },
  piipe_deliveries_unsettled_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Deletes and releases that failed; those messages come again.",
    otel: { name: "piipe.deliveries.unsettled", unit: "{message}" },
  },
  piipe_visibility_failures_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Messages that could not be kept hidden for longer; they may be delivered twice.",
    otel: { name: "piipe.visibility.failures", unit: "{message}" },
  },
  piipe_source_retries_total: {
    type: "counter",
    scope: "worker",
    labels: ["action", "code"],
    help: "Requests to SQS that failed and were tried again, by action and error code.",
    otel: { name: "piipe.source.retries", unit: "{retry}" },
  },
  piipe_batch_retries_total: {
    type: "counter",
    scope: "worker",
    labels: ["code"],
    help: "Writes of a batch that failed and were tried again, by error code.",
    otel: { name: "piipe.batch.retries", unit: "{retry}" },
  },
  piipe_leaks_suspected_total: {
    type: "counter",
    scope: "worker",
    labels: ["column", "detector"],
    help: "Values of unmasked columns that look like personal data.",
    otel: { name: "piipe.leaks.suspected", unit: "{value}" },
  },
  piipe_unknown_fields: {
    type: "gauge",
    scope: "worker",
    labels: [],
    help: "Different fields seen so far that no column declares.",
    otel: { name: "piipe.fields.unknown", unit: "{field}" },
  },
  piipe_unknown_field_events_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Events with fields that no column declares.",
    otel: { name: "piipe.events.unknown_fields", unit: "{event}" },
  },
  piipe_ledger_maintenance_failures_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Upkeeps of the ledger that failed; they are tried again within the hour.",
    otel: { name: "piipe.ledger.maintenance.failures", unit: "{failure}" },
  },
  piipe_heartbeat_failures_total: {
    type: "counter",
    scope: "worker",
    labels: [],
    help: "Reports to piipe.workers that failed.",
    otel: { name: "piipe.heartbeat.failures", unit: "{failure}" },
  },
  piipe_clock_offset_seconds: {
    type: "gauge",
    scope: "worker",
    labels: [],
    help: "How far SQS's clock is ahead of this machine's; 0 unless it is more than SQS accepts.",
    otel: { name: "piipe.clock.offset", unit: "s" },
  },
  process_cpu_seconds_total: {
    type: "counter",
    scope: "process",
    labels: [],
    help: "CPU time of the process, user and system.",
    otel: { name: "process.cpu.time", unit: "s" },
  },
  process_cpu_user_seconds_total: {
    type: "counter",
    scope: "process",
    labels: [],
    help: "CPU time that the process spent outside the system.",
    otel: { name: "process.cpu.time (cpu.mode=user)", unit: "s" },
  },
  process_resident_memory_bytes: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "Memory that the process occupies.",
    otel: { name: "process.memory.usage", unit: "By" },
  },
  process_start_time_seconds: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "When the process started, in seconds since 1970.",
    otel: { name: "process.creation.time (resource)", unit: "s" },
  },
  process_open_fds: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "Open file descriptors; on Linux only.",
    otel: { name: "process.unix.file_descriptor.count", unit: "{file_descriptor}" },
  },
  process_max_fds: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "The limit of open file descriptors; on Linux only.",
    otel: { name: "piipe.process.file_descriptor.limit", unit: "{file_descriptor}" },
  },
  nodejs_eventloop_lag_seconds: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "Delay of the event loop while the metrics were collected.",
    otel: { name: "piipe.nodejs.eventloop.delay.now", unit: "s" },
  },
  nodejs_eventloop_lag_p50_seconds: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "Median delay of the event loop since the last collection.",
    otel: { name: "nodejs.eventloop.delay.p50", unit: "s" },
  },
  nodejs_eventloop_lag_p99_seconds: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "99th percentile of the event loop's delay since the last collection.",
    otel: { name: "nodejs.eventloop.delay.p99", unit: "s" },
  },
  nodejs_heap_size_total_bytes: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "Size of the JavaScript heap.",
    otel: { name: "v8js.memory.heap.limit", unit: "By" },
  },
  nodejs_heap_size_used_bytes: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "Used part of the JavaScript heap.",
    otel: { name: "v8js.memory.heap.used", unit: "By" },
  },
  nodejs_external_memory_bytes: {
    type: "gauge",
    scope: "process",
    labels: [],
    help: "Memory outside the JavaScript heap, such as of buffers.",
    otel: { name: "piipe.nodejs.memory.external", unit: "By" },
  },
  nodejs_gc_duration_seconds: {
    type: "histogram",
    scope: "process",
    labels: ["kind"],
    help: "Duration of garbage collections; kind is major, minor, incremental or weakcb.",
    otel: { name: "v8js.gc.duration", unit: "s" },
  },
  nodejs_version_info: {
    type: "gauge",
    scope: "process",
    labels: ["version", "major", "minor", "patch"],
    help: "Always 1; the version of Node is in the labels.",
    otel: { name: "process.runtime.version (resource)", unit: "1" },
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export type MetricName = keyof typeof METRICS;
export type MetricNameOf<T extends MetricRow["type"]> = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends T ? N : never;
}[MetricName];
export type LabelOf<N extends MetricName> = (typeof METRICS)[N]["labels"][number];
