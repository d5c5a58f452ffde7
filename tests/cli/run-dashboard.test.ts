import { chmod } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Hello, Tick } from "../../src/dashboard/api.ts";
import { type CliResult, runCli } from "../support/cli.ts";
import { type DashboardCli, startDashboard } from "../support/dashboard-cli.ts";
import { type EventStream, watchEvents } from "../support/event-stream.ts";
import { ask } from "../support/http-ask.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { hasPseudoTerminal, startAtTerminal } from "../support/pseudo-terminal.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const TOKEN = "0123456789abcdef";
const isThere = hasPseudoTerminal();
const about = isThere ? "" : ": skipped, there is no `script` of util-linux on this machine";

const sqs = testSqs();
let pipeline: LoginPipeline;
let server: Server;
let busyPort: number;
const dashboards: DashboardCli[] = [];
const streams: EventStream[] = [];
beforeAll(async () => {
  // What a poll took that a stopped run had begun comes back soon.
  pipeline = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "5" } });
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  busyPort = (server.address() as { port: number }).port;
});
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  for (const dashboard of dashboards.splice(0)) await dashboard.stop();
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await pipeline.remove();
});

const withToken = (token: string) => ({
  ...pipeline,
  environment: { ...pipeline.environment, PIIPE_DASHBOARD_TOKEN: token },
});

async function start(args: readonly string[], options = pipeline): Promise<DashboardCli> {
  const dashboard = await startDashboard(args, options);
  dashboards.push(dashboard);
  return dashboard;
}

async function watch(url: string, headers: Readonly<Record<string, string>>): Promise<EventStream> {
  const stream = await watchEvents(`${url}/api/stream`, headers);
  streams.push(stream);
  return stream;
}

describe("run --dashboard", () => {
  it("is in the help, with what belongs to it", async () => {
    const { stdout } = await runCli(["run", "--help"]);
    for (const text of ["--dashboard [host:port]", "127.0.0.1:4780", "--dashboard-actions", "--private-file <path>"]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).toContain("PIIPE_DASHBOARD_TOKEN");
  });

  it("serves the pages and the figures while the run goes on, and ends with it", async () => {
    const dashboard = await start(["--json"]);
    expect(dashboard.token).toBeNull();
    const page = await dashboard.get("/");
    expect(page).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    const stream = await watch(dashboard.url, {});
    await sqs.send(pipeline.queue.url, loginEvents(30));
    const tick = await stream.find("the events are counted", ({ event, data }) => {
      if (event !== "tick") return false;
      const { workers } = (data as Tick).snapshot;
      return workers.ok && workers.value.some(({ figures }) => figures.stored === 30);
    });
    expect((tick.data as Tick).snapshot).toMatchObject({ pipeline: "user_logins", queue: pipeline.queue.name });
    await stream.find(
      "a mean was measured",
      ({ event, data }) => event === "tick" && (data as Tick).sample.writeMs !== null,
    );
    await dashboard.stop();
    const { code, stdout } = await dashboard.cli.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ stored: 30 });
    expect(stream.hasEnded()).toBe(true);
    await expect(dashboard.get("/")).rejects.toThrow("ECONNREFUSED");
  });

  it("ends with a run that ends by itself, also while somebody watches", async () => {
    const dashboard = await start(["--until-empty"]);
    await watch(dashboard.url, {}).catch(() => {});
    expect((await dashboard.cli.ended).code).toBe(0);
  });

  it("leaves the pipeline one connection less", async () => {
    const dashboard = await start([]);
    const stream = await watch(dashboard.url, {});
    await stream.find("a tick came", ({ event }) => event === "tick");
    await sqs.send(pipeline.queue.url, loginEvents(2_000));
    await stream.find("they are stored", ({ event, data }) => {
      if (event !== "tick") return false;
      const { workers } = (data as Tick).snapshot;
      return workers.ok && workers.value.some(({ state, figures }) => state === "running" && figures.stored === 2_000);
    });
    const [row] = await query<{ count: number }>(
      pipeline.databaseUrl,
      "SELECT count(*)::integer AS count FROM pg_stat_activity WHERE application_name = 'piipe' AND datname = current_database()",
    );
    expect(row?.count).toBeLessThanOrEqual(4);
  });

  it("at an address for others asks for the token that was set, and prints none", async () => {
    const dashboard = await start(["--dashboard", "0.0.0.0:0"], withToken(TOKEN));
    const url = `http://127.0.0.1:${new URL(dashboard.url).port}`;
    expect(await ask(`${url}/`)).toMatchObject({ status: 401 });
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect(await ask(`${url}/`, { headers })).toMatchObject({ status: 200 });
    expect((await watch(url, headers)).status).toBe(200);
    expect(dashboard.cli.stderr()).not.toContain(TOKEN);
  });

  it("with --dashboard-actions shows nothing without the token that was set", async () => {
    const dashboard = await start(["--dashboard-actions"], withToken(TOKEN));
    expect(dashboard.cli.stderr()).not.toContain(TOKEN);
    expect(await ask(`${dashboard.url}/`)).toMatchObject({ status: 401 });
    const stream = await watch(dashboard.url, dashboard.headers);
    const { data } = await stream.find("hello", ({ event }) => event === "hello");
    expect((data as Hello).actions).toEqual({ replay: false, discard: true });
    const refused = await dashboard.post("/api/quarantine/replay", { code: "field.type" });
    expect(refused).toMatchObject({ status: 403, body: expect.stringContaining("--private-file") });
  });

  it("prints its address whatever the log's level is", async () => {
    expect((await start(["--log-level", "error"])).url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it.skipIf(!isThere)(`prints a token of its own at a terminal${about}`, async () => {
    const cli = startAtTerminal(["run", "--dashboard", "127.0.0.1:0", "--dashboard-actions"], pipeline);
    let found: readonly string[] | null = null;
    await until("the address is printed", () => {
      found = /dashboard at (http:\/\/127\.0\.0\.1:\d+)\/\?token=([\w-]{32})\r/.exec(cli.written());
      return found !== null;
    });
    const [, url = "", token = ""] = found as unknown as readonly string[];
    expect(await ask(`${url}/`)).toMatchObject({ status: 401 });
    expect(await ask(`${url}/`, { headers: { authorization: `Bearer ${token}` } })).toMatchObject({ status: 200 });
    cli.type("\u0003");
    expect(await cli.ended).toBe(130);
  });
});

describe("run --dashboard that cannot be", () => {
  const port = (): string => `127.0.0.1:${busyPort}`;

  it.each<readonly [what: string, args: () => readonly string[], code: number, text: string]>([
    ["an address for others without a token", () => ["--dashboard", "0.0.0.0:0"], 2, "PIIPE_DASHBOARD_TOKEN"],
    ["all addresses of IPv6 without a token", () => ["--dashboard", "[::]:0"], 2, "PIIPE_DASHBOARD_TOKEN"],
    ["what is no address", () => ["--dashboard", "4780"], 2, "Give host:port"],
    [
      "actions without a token where one would stand in the log",
      () => ["--dashboard", "127.0.0.1:0", "--dashboard-actions"],
      2,
      "Set PIIPE_DASHBOARD_TOKEN",
    ],
    ["actions without a dashboard", () => ["--dashboard-actions"], 2, "--dashboard-actions is for --dashboard"],
    [
      "a private file without actions",
      () => ["--dashboard", "127.0.0.1:0", "--private-file", "x"],
      2,
      "--private-file is for --dashboard-actions",
    ],
    [
      "a private file that is not there",
      () => ["--dashboard", "127.0.0.1:0", "--dashboard-actions", "--private-file", "none.json"],
      3,
      "none.json is not there",
    ],
    ["a port that is taken", () => ["--dashboard", port()], 4, "another program does"],
    ["a port that is taken, with workers", () => ["--dashboard", port(), "--workers", "2"], 4, "another program does"],
    ["an address of another machine", () => ["--dashboard", "192.0.2.1:4780"], 2, "it needs a token"],
    ["a name that leads nowhere", () => ["--dashboard", "nowhere.invalid:4780"], 4, "leads to no address"],
  ])("refuses %s before anything is received", async (_what, args, code, text) => {
    await sqs.send(pipeline.queue.url, loginEvents(1));
    const before = await sqs.count(pipeline.queue.url);
    const result = await runCli(["run", ...args(), "--until-empty"], pipeline);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
    expect(result.stderr).toContain(text);
    expect(await sqs.count(pipeline.queue.url)).toEqual(before);
  });

  it("says so as JSON, too", async () => {
    const { code, stdout } = await runCli(["run", "--dashboard", port(), "--json"], pipeline);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({ received: 0, error: { code: "dashboard.address" } });
  });

  it("refuses a token that is too short, without a word of it", async () => {
    const result: CliResult = await runCli(["run", "--dashboard", "127.0.0.1:0"], withToken("short-canary"));
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("16 characters");
    expect(result.stdout + result.stderr).not.toContain("canary");
  });

  it("refuses a private file that others can read", async () => {
    const file = join(pipeline.folder, "piipe.private.json");
    await chmod(file, 0o644);
    const args = ["run", "--dashboard", "127.0.0.1:0", "--dashboard-actions", "--private-file", "piipe.private.json"];
    const result = await runCli(args, pipeline);
    await chmod(file, 0o600);
    expect(result.code).toBe(3);
    expect(result.stderr).toContain("keys.unsafe");
  });
});
