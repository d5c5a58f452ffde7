import { readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { ConfigPage, QuarantinePage, Tick } from "../../src/dashboard/api.ts";
import { Canaries } from "../support/canaries.ts";
import { runCli } from "../support/cli.ts";
import { type DashboardCli, startDashboard } from "../support/dashboard-cli.ts";
import { type EventStream, type StreamedEvent, watchEvents } from "../support/event-stream.ts";
import type { HttpAnswer } from "../support/http-ask.ts";
import {
  createLoginPipeline,
  LOGIN_COLUMNS,
  type LoginPipeline,
  type LoginPipelineOptions,
} from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { type RestartablePostgres, startRestartablePostgres } from "../support/restartable-postgres.ts";
import { type SqsProxy, startSqsProxy } from "../support/sqs-proxy.ts";
import { testSqs } from "../support/sqs.ts";

const BROKEN_COLUMNS = LOGIN_COLUMNS.replace("app_version: { type: version }", "app_version: { type: integer }");
const TOKEN = "0123456789abcdef";
const ACTIONS = ["--dashboard-actions", "--private-file", "piipe.private.json"];

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];
const dashboards: DashboardCli[] = [];
const streams: EventStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  for (const dashboard of dashboards.splice(0)) await dashboard.stop();
  for (const pipeline of pipelines.splice(0)) await pipeline.remove();
});

async function loginPipeline(options: LoginPipelineOptions = {}): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs, { settings: "quarantine: { haltAboveShare: 1 }", ...options });
  pipelines.push(pipeline);
  return pipeline;
}

async function dashboardOf(pipeline: LoginPipeline, args: readonly string[] = []): Promise<DashboardCli> {
  const environment = args.includes("--dashboard-actions")
    ? { ...pipeline.environment, PIIPE_DASHBOARD_TOKEN: TOKEN }
    : pipeline.environment;
  const dashboard = await startDashboard(args, { ...pipeline, environment });
  dashboards.push(dashboard);
  return dashboard;
}

async function watch({ url, headers }: DashboardCli): Promise<EventStream> {
  const stream = await watchEvents(`${url}/api/stream`, headers);
  streams.push(stream);
  return stream;
}

const isTick =
  (holds: (tick: Tick) => boolean) =>
  ({ event, data }: StreamedEvent): boolean =>
    event === "tick" && holds(data as Tick);

const jsonOf = ({ body }: HttpAnswer): unknown => JSON.parse(body);

async function secretsOf({ folder, databaseUrl }: LoginPipeline): Promise<readonly string[]> {
  const files = await Promise.all(
    ["piipe.keys.json", "piipe.private.json"].map((file) => readFile(join(folder, file), "utf8")),
  );
  const keys = files.flatMap((text) => [...text.matchAll(/"([\w-]{40,})"/g)].map(([, key = ""]) => key));
  expect(keys.length).toBeGreaterThanOrEqual(3);
  return [new URL(databaseUrl).password, databaseUrl, ...keys];
}

describe("the dashboard of a run", () => {
  it("replays and discards as the commands do, and shows neither a raw value nor a secret anywhere", async () => {
    const canaries = new Canaries();
    const event = (user: string, changes: Readonly<Record<string, unknown>> = {}): string =>
      JSON.stringify({
        user_id: user,
        app_version: "2.3.0",
        device_type: "ios",
        ip: canaries.note("198.51.100.201"),
        locale: "US",
        device_id: canaries.text(),
        ...changes,
      });
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    const bodies = [
      event("a"),
      event("b"),
      event("c", { ip: `${canaries.text()}.999` }),
      event("d", { device_type: [canaries.text()] }),
    ];
    await sqs.send(pipeline.queue.url, bodies);
    expect(await runCli(["run", "--until-empty"], pipeline)).toMatchObject({ code: 0 });
    const file = join(pipeline.folder, "piipe.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace("{ type: integer }", "{ type: version }"));
    // Rows from before there was a mask.
    const bare = canaries.text();
    await query(
      pipeline.databaseUrl,
      `INSERT INTO user_logins (user_id, masked_device_id) VALUES ('x', '${bare}'), ('y', '${bare}')`,
    );

    const dashboard = await dashboardOf(pipeline, ACTIONS);
    const { get, post, token } = dashboard;
    const answers: HttpAnswer[] = [];
    const note = async (asking: Promise<HttpAnswer>): Promise<HttpAnswer> => {
      const answer = await asking;
      answers.push(answer);
      return answer;
    };
    const stream = await watch(dashboard);
    await stream.find(
      "all four wait",
      isTick(({ snapshot: { quarantine } }) => quarantine.ok && quarantine.value.pending === 4),
    );

    const before = await note(get("/api/quarantine"));
    expect(jsonOf(before)).toMatchObject({
      reasons: expect.arrayContaining([expect.objectContaining({ code: "field.type" })]),
      entries: Array.from({ length: 4 }, () => ({ state: "pending" })),
    });
    const replayed = await note(post("/api/quarantine/replay", { code: "field.type" }));
    expect(replayed).toMatchObject({ status: 200 });
    expect(jsonOf(replayed)).toMatchObject({ done: 2, duplicate: 0, unopened: 0 });
    const left = jsonOf(await note(get("/api/quarantine"))) as QuarantinePage;
    expect(left.entries).toHaveLength(2);
    const [first, second] = left.entries;
    expect(jsonOf(await note(post("/api/quarantine/discard", { ids: [first?.id] })))).toEqual({
      events: 1,
      done: 1,
      skipped: 0,
      duplicate: 0,
      refused: 0,
      unopened: 0,
    });
    const again = await note(post("/api/quarantine/discard", { ids: [first?.id] }));
    expect(jsonOf(again)).toMatchObject({ events: 0, done: 0 });
    const unknown = await note(post("/api/quarantine/replay", { ids: ["00000000-0000-0000-0000-000000000000"] }));
    expect(unknown).toMatchObject({ status: 400, body: expect.stringContaining("usage.invalid") });
    await stream.find(
      "one is left",
      isTick(({ snapshot: { quarantine } }) => quarantine.ok && quarantine.value.pending === 1),
    );

    const states = await query<{ state: string; count: string }>(
      pipeline.databaseUrl,
      "SELECT state, count(*) FROM piipe.quarantine GROUP BY 1 ORDER BY 1",
    );
    expect(states).toEqual([
      { state: "discarded", count: "1" },
      { state: "pending", count: "1" },
      { state: "replayed", count: "2" },
    ]);
    const rows = await query(
      pipeline.databaseUrl,
      "SELECT user_id, app_version FROM user_logins WHERE app_version IS NOT NULL ORDER BY 1",
    );
    expect(rows).toEqual([
      { user_id: "a", app_version: 2_003_000 },
      { user_id: "b", app_version: 2_003_000 },
    ]);
    const audits = await query<{ action: string; operator: string; details: { ids: string[] } }>(
      pipeline.databaseUrl,
      "SELECT action, operator, details FROM piipe.audit ORDER BY id",
    );
    expect(audits.map(({ action, operator }) => ({ action, operator }))).toEqual([
      { action: "replay", operator: `dashboard@${hostname()}` },
      { action: "discard", operator: `dashboard@${hostname()}` },
    ]);
    expect(audits[1]?.details.ids).toEqual([first?.id]);

    const duplicates = await note(get("/api/duplicates?column=masked_device_id"));
    expect(jsonOf(duplicates)).toMatchObject({
      column: "masked_device_id",
      valuesFound: 1,
      duplicates: [{ token: null, rows: 2, users: 2 }],
    });
    expect(jsonOf(await note(get("/api/duplicates?column=masked_ip")))).toMatchObject({
      duplicates: [{ token: expect.stringMatching(/^h1_/), rows: 2 }],
    });
    const config = await note(get("/api/config"));
    expect((jsonOf(config) as ConfigPage).yaml).toContain('url: "[secret]" #');
    for (const path of ["/", "/nothing", "/api/quarantine?state=all", `/api/quarantine?code=${second?.code}`]) {
      await note(get(path));
    }
    await dashboard.stop();
    const { stdout, stderr } = await dashboard.cli.ended;

    const everything = [...answers.flatMap(({ body, headers }) => [body, JSON.stringify(headers)]), stream.text()];
    expect(canaries.find(Buffer.from([...everything, stdout, stderr].join("\n")))).toEqual([]);
    for (const secret of [...(await secretsOf(pipeline)), token ?? ""]) {
      expect(everything.some((text) => text.includes(secret))).toBe(false);
    }
  });

  it("counts what it carries out, and lets nobody act without --dashboard-actions", async () => {
    const pipeline = await loginPipeline();
    const dashboard = await dashboardOf(pipeline);
    expect(dashboard.token).toBeNull();
    for (const action of ["replay", "discard"]) {
      expect(await dashboard.post(`/api/quarantine/${action}`, { code: "field.type" })).toMatchObject({ status: 403 });
    }
    const stream = await watch(dashboard);
    const [hello] = stream.events.length > 0 ? stream.events : [await stream.find("hello", () => true)];
    expect(hello).toMatchObject({ data: { actions: { replay: false, discard: false } } });
    await stream.find(
      "its own worker is there",
      isTick(({ snapshot: { workers } }) => workers.ok && workers.value.some(({ state }) => state === "running")),
    );
  });
});

describe("services that are away", () => {
  let postgres: RestartablePostgres;
  let proxy: SqsProxy;
  beforeAll(async () => {
    postgres = await startRestartablePostgres();
    proxy = await startSqsProxy(sqs.endpoint);
  });
  afterAll(async () => {
    await proxy.stop();
    await postgres.stop();
  });

  it("are told of while the stream goes on, and seen again when they are back", async () => {
    const pipeline = await loginPipeline({
      database: { url: postgres.url, drop: () => Promise.resolve() },
      endpoint: proxy.endpoint,
    });
    const dashboard = await dashboardOf(pipeline);
    const stream = await watch(dashboard);
    const allIsWell = isTick(
      ({ snapshot: { depth, workers, quarantine } }) =>
        depth.ok && quarantine.ok && workers.ok && workers.value.some(({ startedAt }) => startedAt !== null),
    );
    await stream.find("all is well", allIsWell);

    await postgres.restart("fast", async () => {
      const gone = await stream.find(
        "the database is away",
        isTick(({ snapshot: { quarantine } }) => !quarantine.ok),
        stream.events.length,
      );
      expect((gone.data as Tick).snapshot).toMatchObject({
        quarantine: { ok: false, error: { code: expect.stringMatching(/^database\./) } },
        workers: { ok: true, value: [{ state: "running" }] },
      });
      const answer = await dashboard.get("/api/quarantine");
      expect(answer).toMatchObject({ status: 503, body: expect.stringContaining('{"error":{"code":"database.') });
      expect((await dashboard.get("/api/config")).status).toBe(200);
    });
    await stream.find("the database is back", allIsWell, stream.events.length);

    proxy.answer = () => "hang up";
    const gone = await stream.find(
      "the queue is away",
      isTick(({ snapshot: { depth } }) => !depth.ok),
      stream.events.length,
    );
    expect((gone.data as Tick).snapshot).toMatchObject({ depth: { ok: false }, quarantine: { ok: true } });
    expect((gone.data as Tick).sample.visible).toBeNull();
    proxy.answer = () => undefined;
    await stream.find("the queue is back", allIsWell, stream.events.length);
    expect(stream.hasEnded()).toBe(false);
  });
});
