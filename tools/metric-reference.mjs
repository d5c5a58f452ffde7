/**
 * @typedef {import("../src/telemetry/metric-table.ts").MetricRow} MetricRow
 */

const INTRO = `# Metrics

\`piipe run --metrics\` serves them at \`http://127.0.0.1:9464/metrics\`, in Prometheus' text format;
\`--metrics 0.0.0.0:9464\` also to others. They are counts, durations, codes and names of the configuration: nothing of an
event is in them. [\`deploy/prometheus\`](../deploy/prometheus) has alert rules for them, and
[\`deploy/grafana\`](../deploy/grafana) a dashboard.

With \`--workers\` one address serves all workers, as they were up to a second ago; each value carries the label
\`worker\`, its number. A worker that is started again counts from 0, as a process that is restarted does.

The last column says what OpenTelemetry's semantic conventions call the same, with its unit, for those who translate:
piipe itself does not send OTLP. Names that begin with \`piipe.\` have no counterpart there.

## Health

| path       | answer                                                                                                     |
| ---------- | ---------------------------------------------------------------------------------------------------------- |
| \`/healthz\` | 200 as long as the process's event loop turns, whatever the queue and the database do                      |
| \`/readyz\`  | 200 when the worker, or with \`--workers\` at least one, does its work; else 503 with a reason, such as \`{"ready":false,"reason":"writes-failing","code":"database.unreachable"}\` |

Reasons: \`starting\`, \`draining\` (after SIGTERM), \`writes-failing\` and \`receives-failing\`: for five seconds or more, or
at once when no row can be written and the worker holds what it has ([message-life.md](message-life.md)).
An empty queue's replies do not count as success. After an outage of the queue, \`receives-failing\` therefore lasts until a
message comes, or for one minute. Kubernetes: \`livenessProbe\` on \`/healthz\`, never on \`/readyz\`: a restart mends neither queue nor database.`;

/** @type {ReadonlyArray<readonly [MetricRow["scope"], string]>} */
const SECTIONS = [
  ["run", "## Of the run"],
  ["worker", "## Of each worker"],
  ["process", "## Of each worker's process"],
];

/**
 * The whole of docs/metrics.md.
 * @param {Readonly<Record<string, MetricRow>>} METRICS
 * @returns {string}
 */
export function metricReference(METRICS) {
  const sections = SECTIONS.map(([scope, title]) => {
    const rows = Object.entries(METRICS).filter(([, row]) => row.scope === scope);
    const lines = rows.map(
      ([name, { type, labels, help, otel }]) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} | ${showOtel(otel)} |`,
    );
    return [
      title,
      "",
      "| metric | type | labels | meaning | OpenTelemetry |",
      "| --- | --- | --- | --- | --- |",
      ...lines,
    ].join("\n");
  });
  return [INTRO, ...sections].join("\n\n");
}

/** @param {MetricRow["otel"]} otel */
function showOtel({ name, unit }) {
  const [, plain = name, note = ""] = /^(\S+)( \(.*\))?$/.exec(name) ?? [];
  return `\`${plain}\`${note}, \`${unit}\``;
}
