import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type MetricRow, METRICS } from "../../src/telemetry/metric-table.ts";
import { startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { metricsUrl, scrape, sumOf, valuesOf } from "../support/metrics.ts";
import { query } from "../support/postgres.ts";
import { findProgram, runProgram } from "../support/programs.ts";
import { startSqsProxy, type SqsProxy } from "../support/sqs-proxy.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity?: string };
  readonly annotations: { readonly summary?: string; readonly description?: string };
}

interface Panel {
  readonly title: string;
  readonly targets?: ReadonlyArray<{ readonly expr: string }>;
}

const pathOf = (name: string): string => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));
const RULES_FILE = pathOf("prometheus/piipe.rules.yml");
const TESTS_FILE = pathOf("prometheus/piipe.rules.test.yml");

const { groups } = parse(await readFile(RULES_FILE, "utf8")) as { groups: ReadonlyArray<{ rules: readonly Rule[] }> };
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(await readFile(pathOf("grafana/piipe.json"), "utf8")) as {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: ReadonlyArray<{ readonly expr: string }> };
  readonly templating: { readonly list: ReadonlyArray<{ readonly query: string | { readonly query: string } }> };
};
const panelQueries = [
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.annotations.list.map(({ expr }) => expr),
];
const variableQueries = dashboard.templating.list.map(({ query: asked }) =>
  typeof asked === "string" ? asked : asked.query,
);

/** The metrics that a query reads, each by its name in the table. */
function metricsIn(expr: string): readonly string[] {
  const names = expr.match(/\b(?:piipe|process|nodejs)_\w+/g) ?? [];
  return [...new Set(names.map((name) => (name in METRICS ? name : name.replace(/_(?:bucket|sum|count)$/, ""))))];
}

/** The labels that a query selects or groups by. */
function labelsIn(expr: string): readonly string[] {
  const selected = [...expr.matchAll(/[{,]\s*(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name]) => name ?? "");
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/,\s*/));
  return [...selected, ...grouped];
}

const rowOf = (name: string): MetricRow | undefined => (METRICS as Readonly<Record<string, MetricRow>>)[name];

/** What is wrong with the metrics and labels of a query, by the table. */
function faultsOf(expr: string): readonly string[] {
  const metrics = metricsIn(expr);
  const known = new Set(["job", "instance", "worker", "le", ...metrics.flatMap((name) => rowOf(name)?.labels ?? [])]);
  return [
    ...metrics.filter((name) => rowOf(name) === undefined).map((name) => `there is no metric ${name}`),
    ...labelsIn(expr)
      .filter((label) => !known.has(label))
      .map((label) => `no metric of ${expr} has the label ${label}`),
  ];
}

describe("the alert rules", () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    "%s asks for metrics that exist, and says what to do",
    (_, { expr, labels, annotations }) => {
      expect(faultsOf(expr)).toEqual([]);
      expect(["critical", "warning", "info"]).toContain(labels.severity);
      expect(annotations.summary?.length).toBeGreaterThan(10);
      expect(annotations.description?.length).toBeGreaterThan(60);
    },
  );

  it("are each seen to fire in their tests", async () => {
    const fired = (await readFile(TESTS_FILE, "utf8")).matchAll(/alertname="(\w+)", alertstate="firing"/g);
    expect([...new Set([...fired].map(([, name]) => name))].toSorted()).toEqual(
      rules.map(({ alert }) => alert).toSorted(),
    );
  });

  it("name only commands and files that exist", async () => {
    const texts = rules.map(({ annotations }) => annotations.description ?? "").join("\n");
    for (const [, file = ""] of texts.matchAll(/\b(docs\/\S+\.md)/g)) {
      expect(await readFile(new URL(`../../${file}`, import.meta.url), "utf8")).not.toBe("");
    }
    const cli = await readFile(new URL("../../docs/cli.md", import.meta.url), "utf8");
    for (const [, command] of texts.matchAll(/`(piipe [a-z ]+)`/g)) expect(cli).toContain(command);
  });

  it("that are broken would be found", () => {
    expect(faultsOf("rate(piipe_stored_total[5m])")).toEqual(["there is no metric piipe_stored_total"]);
    expect(faultsOf("sum by (reason) (piipe_in_flight)")).toHaveLength(1);
    expect(faultsOf('piipe_events_refused_total{reason="x"}')).toHaveLength(1);
    expect(faultsOf("rate(piipe_batch_write_seconds_bucket[5m])")).toEqual([]);
  });
});

describe("the Grafana dashboard", () => {
  it("asks for metrics and labels that exist", () => {
    expect(panelQueries.length).toBeGreaterThan(30);
    expect([...panelQueries, ...variableQueries].flatMap(faultsOf)).toEqual([]);
  });

  it("shows most of what a worker measures", () => {
    const shown = new Set(panelQueries.flatMap(metricsIn));
    const workers = Object.entries<MetricRow>(METRICS).filter(([, { scope }]) => scope === "worker");
    const missing = workers.map(([name]) => name).filter((name) => !shown.has(name));
    expect(missing).toEqual([
      "piipe_received_bytes_total",
      "piipe_process_seconds_total",
      "piipe_unknown_field_events_total",
      "piipe_clock_offset_seconds",
    ]);
  });
});

describe("a run that meets every trouble", () => {
  const sqs = testSqs();
  let proxy: SqsProxy;
  let pipeline: LoginPipeline;
  /** The metrics that the last run served, without workers and with two. */
  const scraped: string[] = [];

  beforeAll(async () => {
    proxy = await startSqsProxy(sqs.endpoint);
    pipeline = await createLoginPipeline(sqs, { endpoint: proxy.endpoint });
    await query(
      pipeline.databaseUrl,
      `CREATE FUNCTION give_way() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION USING ERRCODE = 'serialization_failure'; END $$`,
    );
    for (const workers of ["1", "2"]) scraped.push(await meetTrouble(workers));
  });
  afterAll(async () => {
    await pipeline.remove();
    await proxy.stop();
  });

  /** A failed receive, an event that is refused, a value that looks personal, a write that the database refuses. */
  async function meetTrouble(workers: string): Promise<string> {
    const run = startCli(["run", "--metrics", "127.0.0.1:0", "--workers", workers], pipeline);
    const url = await metricsUrl(run);
    const has = (name: string) => async () => sumOf(await scrape(url), name) > 0;
    await until(
      "all workers are ready",
      async () => sumOf(await scrape(url), "piipe_workers_ready") === Number(workers),
    );
    let failures = 0;
    proxy.answer = ({ action }) => (action === "ReceiveMessage" && failures++ < 3 ? "hang up" : undefined);
    const [event = ""] = loginEvents(1);
    await query(
      pipeline.databaseUrl,
      "CREATE TRIGGER busy BEFORE INSERT ON user_logins FOR EACH STATEMENT EXECUTE PROCEDURE give_way()",
    );
    await sqs.send(pipeline.queue.url, [...loginEvents(20), "{}", event.replace("user-0", "jane@example.org")]);
    await until("a write is tried again", has("piipe_batch_retries_total"));
    await query(pipeline.databaseUrl, "DROP TRIGGER busy ON user_logins");
    await until("the events are stored", has("piipe_events_stored_total"));
    await until("an event is refused", has("piipe_events_quarantined_total"));
    await until("a leak is suspected", has("piipe_leaks_suspected_total"));
    await until("a request is tried again", has("piipe_source_retries_total"));
    const text = await scrape(url);
    run.process.kill("SIGTERM");
    const { code, stderr } = await run.ended;
    expect(code, stderr).toBe(0);
    return text;
  }

  it("serves every metric that an alert reads", () => {
    for (const text of scraped) {
      const read = new Set(rules.flatMap(({ expr }) => metricsIn(expr)));
      const seriesOf = (name: string) => valuesOf(text, rowOf(name)?.type === "histogram" ? `${name}_count` : name);
      expect([...read].filter((name) => seriesOf(name).size === 0)).toEqual([]);
    }
  });

  it("says no value of an event", () => {
    for (const text of scraped) expect(text).not.toMatch(/jane|example\.org|user-\d|203\.0\./);
  });

  it.skipIf(findProgram("promtool") === null)(
    "serves what `promtool check metrics` finds no fault with (needs the Debian package prometheus)",
    async () => {
      for (const text of scraped)
        expect(await runProgram("promtool", ["check", "metrics"], text)).toMatchObject({ code: 0, output: "" });
    },
  );
});

describe.skipIf(findProgram("promtool") === null)("promtool (needs the Debian package prometheus)", () => {
  it.each([
    ["accepts the rules", ["check", "rules", RULES_FILE], "20 rules found"],
    ["accepts the example of a configuration", ["check", "config", pathOf("prometheus/prometheus.yml")], "SUCCESS"],
    ["sees each alert fire when it should", ["test", "rules", TESTS_FILE], "SUCCESS"],
  ])("%s", async (_, args, text) => {
    const { code, output } = await runProgram("promtool", args);
    expect(code, output).toBe(0);
    expect(output).toContain(text);
  });

  it("reads every query of the Grafana dashboard", async () => {
    const folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
    try {
      const file = join(folder, "queries.yml");
      const recorded = panelQueries.map((expr, index) => ({
        record: `panel:query${index}`,
        expr: expr.replaceAll("$__rate_interval", "1m").replaceAll("$__interval", "1m"),
      }));
      await writeFile(file, JSON.stringify({ groups: [{ name: "panels", rules: recorded }] }));
      const { code, output } = await runProgram("promtool", ["check", "rules", file]);
      expect(code, output).toBe(0);
      expect(output).toContain(`${panelQueries.length} rules found`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
