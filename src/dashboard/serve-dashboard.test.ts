import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SimClock } from "../../tests/simulation/sim-clock.ts";
import { dashboardData, REPORT } from "../../tests/support/dashboard-data.ts";
import { type EventStream, watchEvents } from "../../tests/support/event-stream.ts";
import { ask } from "../../tests/support/http-ask.ts";
import { SeededRandom } from "../../tests/support/seeded-random.ts";
import { until } from "../../tests/support/until.ts";
import { pass } from "../../tests/support/virtual-time.ts";
import { systemClock } from "../clock.ts";
import { PiipeError } from "../errors.ts";
import type { DashboardData } from "./dashboard-data.ts";
import type { ListenPlace } from "./listen-place.ts";
import { type Dashboard, type DashboardOptions, serveDashboard } from "./serve-dashboard.ts";

const TOKEN = "a-token-of-more-than-16";
const LOOPBACK: ListenPlace = { address: "127.0.0.1", port: 0, isLoopback: true, names: ["127.0.0.1"] };
/** As seen by the guard; the tests reach it all the same. */
const OUTSIDE: ListenPlace = { ...LOOPBACK, isLoopback: false };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-client-"));
  await mkdir(join(folder, "client", "assets"), { recursive: true });
  await writeFile(join(folder, "secret.html"), "not for the web");
  await writeFile(join(folder, "client", "index.html"), "<!doctype html><title>x</title>");
  await writeFile(join(folder, "client", "assets", "index-B1a2C3d4.js"), "export {};");
  await writeFile(join(folder, "client", "notes.exe"), "no type of the web");
});
afterAll(() => rm(folder, { recursive: true }));

const opened: Dashboard[] = [];
const streams: EventStream[] = [];
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  for (const dashboard of opened.splice(0)) await dashboard.close();
});

interface Served {
  readonly url: string;
  readonly port: number;
  readonly bugs: readonly unknown[];
}

async function serve(options: Partial<DashboardOptions> = {}, data: Partial<DashboardData> = {}): Promise<Served> {
  const bugs: unknown[] = [];
  const dashboard = await serveDashboard({
    data: dashboardData(data),
    place: LOOPBACK,
    token: null,
    clientFolder: join(folder, "client"),
    clock: systemClock,
    reportBug: (error) => bugs.push(error),
    ...options,
  });
  opened.push(dashboard);
  return { url: `http://127.0.0.1:${dashboard.port}`, port: dashboard.port, bugs };
}

const PLAIN = { status: 403, body: expect.stringContaining("dashboard.refused") };
const bearer = { authorization: `Bearer ${TOKEN}` };
const json = (url: string) => ({ origin: url, "content-type": "application/json", "sec-fetch-site": "same-origin" });

describe("names of the dashboard", () => {
  it.each(["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])("answers as %s with its port", async (name) => {
    const { url, port } = await serve();
    expect(await ask(`${url}/api/config`, { headers: { host: `${name}:${port}` } })).toMatchObject({ status: 200 });
  });

  it.each([
    ["another name", (port: number) => `evil.example:${port}`],
    ["a name that begins like its own", (port: number) => `localhost.evil.example:${port}`],
    ["its name without the port", () => "127.0.0.1"],
    ["its name with another port", (port: number) => `127.0.0.1:${port + 1}`],
    ["a name before an @", (port: number) => `localhost:${port}@evil.example`],
  ])("refuses %s, for pages and data alike", async (_what, hostOf) => {
    const { url, port } = await serve();
    for (const path of ["/", "/api/config", "/api/stream"]) {
      const { status, body } = await ask(`${url}${path}`, { headers: { host: hostOf(port) } });
      // What is no host at all is refused before it gets to the guard.
      expect([400, 403]).toContain(status);
      expect(body).not.toContain("logins");
    }
  });

  it("refuses a request without a name", async () => {
    const { port } = await serve();
    for (const version of ["1.0", "1.1"]) {
      const reply = await raw(port, `GET /api/config HTTP/${version}\r\nConnection: close\r\n\r\n`);
      expect(reply).toMatch(/^HTTP\/1\.1 40[03] /);
      expect(reply).not.toContain("logins");
    }
  });

  it("refuses the request for a whole URL, whatever the Host header says", async () => {
    const { port } = await serve();
    const reply = await raw(
      port,
      `GET http://evil.example/api/config HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(reply).not.toContain("logins");
  });

  it("takes any name where the token protects it: a proxy's, a container's", async () => {
    const { url } = await serve({ place: OUTSIDE, token: TOKEN });
    const headers = { ...bearer, host: "piipe.example" };
    expect(await ask(`${url}/api/config`, { headers })).toMatchObject({ status: 200 });
    expect(await ask(`${url}/api/config`, { headers: { ...headers, host: "a b" } })).toMatchObject({ status: 400 });
  });

  it("is not served without a token outside of loopback", async () => {
    await expect(serve({ place: OUTSIDE })).rejects.toThrow("neither a token nor a name");
  });
});

describe("the token", () => {
  it.each(["/", "/assets/index-B1a2C3d4.js", "/api/config", "/api/stream", "/api/quarantine", "/nothing"])(
    "is needed for %s",
    async (path) => {
      const { url } = await serve({ place: OUTSIDE, token: TOKEN });
      const wrong = { authorization: `Bearer ${TOKEN}x` };
      for (const headers of [{}, wrong, { cookie: "piipe_dashboard=x" }, { authorization: `Basic ${TOKEN}` }]) {
        const { status, body } = await ask(`${url}${path}`, { headers });
        expect(status).toBe(401);
        expect(body).toContain("PIIPE_DASHBOARD_TOKEN");
        expect(body).not.toContain(TOKEN);
      }
    },
  );

  it("is asked for on loopback as well, where one is set", async () => {
    const { url } = await serve({ token: TOKEN });
    expect((await ask(`${url}/`)).status).toBe(401);
    expect((await ask(`${url}/`, { headers: bearer })).status).toBe(200);
  });

  it("given once in the address becomes a cookie that scripts and other sites do not get", async () => {
    const { url, port } = await serve({ token: TOKEN });
    const first = await ask(`${url}/?token=${TOKEN}`);
    expect(first).toMatchObject({ status: 303, headers: { location: "/" } });
    const [cookie = ""] = first.headers["set-cookie"] ?? [];
    expect(cookie).toMatch(new RegExp(`^piipe_dashboard_${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`));
    expect(cookie).not.toContain(TOKEN);
    const [pair = ""] = cookie.split(";");
    expect((await ask(`${url}/`, { headers: { cookie: `other=1; ${pair}` } })).status).toBe(200);
    const again = await ask(`${url}/?token=${TOKEN}`);
    expect(again.headers["set-cookie"]?.[0]?.split(";")[0]).not.toBe(pair);
    expect((await ask(`${url}/`, { headers: { cookie: `${pair}x` } })).status).toBe(401);
    const wrong = await ask(`${url}/?token=${TOKEN}x`);
    expect(wrong.status).toBe(401);
    expect(wrong.headers["set-cookie"]).toBeUndefined();
  });

  it("in the address is for the page alone", async () => {
    const { url } = await serve({ token: TOKEN });
    expect((await ask(`${url}/api/config?token=${TOKEN}`)).status).toBe(401);
  });
});

describe("requests of other sites", () => {
  const acting = { discard: () => Promise.resolve(REPORT) };
  const body = '{"code":"field.type"}';
  const path = "/api/quarantine/discard";

  it("are refused when they would change something", async () => {
    const { url, port } = await serve({}, acting);
    const post = async (headers: Readonly<Record<string, string>>) =>
      (await ask(`${url}${path}`, { method: "POST", headers, body })).status;
    expect(await post(json(url))).toBe(200);
    const { origin: _origin, ...withoutOrigin } = json(url);
    expect(await post(withoutOrigin)).toBe(403);
    for (const origin of [
      "http://evil.example",
      "null",
      `http://127.0.0.1:${port + 1}`,
      `http://evil.example:${port}`,
    ]) {
      expect(await post({ ...json(url), origin })).toBe(403);
    }
    for (const site of ["cross-site", "same-site", "none"]) {
      expect(await post({ ...json(url), "sec-fetch-site": site })).toBe(403);
    }
    const { "content-type": _type, ...withoutType } = json(url);
    expect(await post(withoutType)).toBe(415);
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json-but-not"]) {
      expect(await post({ ...json(url), "content-type": type })).toBe(415);
    }
    expect(await post({ ...json(url), "content-type": "Application/JSON; charset=utf-8" })).toBe(200);
  });

  it("are refused when they would only cost: reads and streams; a link to the page is none of them", async () => {
    const { url } = await serve();
    const headers = { "sec-fetch-site": "cross-site" };
    expect(await ask(`${url}/api/duplicates?column=masked_ip`, { headers })).toMatchObject(PLAIN);
    expect(await ask(`${url}/api/stream`, { headers })).toMatchObject(PLAIN);
    expect((await ask(`${url}/`, { headers })).status).toBe(200);
    for (const site of ["same-origin", "none"]) {
      expect((await ask(`${url}/api/config`, { headers: { "sec-fetch-site": site } })).status).toBe(200);
    }
  });

  it("cannot be made by other methods", async () => {
    const { url } = await serve({}, acting);
    for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const { status, headers } = await ask(`${url}${path}`, { method, headers: { ...json(url) } });
      expect(status).toBe(405);
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  });

  it("cannot read: every reply has the policy, and none a header of CORS", async () => {
    const { url } = await serve(
      { token: TOKEN },
      {
        config() {
          throw new Error("x");
        },
      },
    );
    const replies = await Promise.all([
      ask(`${url}/`, { headers: { ...bearer, origin: "http://evil.example" } }),
      ask(`${url}/`),
      ask(`${url}/`, { headers: { host: "evil.example" } }),
      ask(`${url}/nothing`, { headers: bearer }),
      ask(`${url}/api/config`, { headers: bearer }),
      ask(`${url}/api/quarantine`, { headers: bearer }),
      ask(`${url}/?token=${TOKEN}`),
    ]);
    expect(replies.map(({ status }) => status)).toEqual([200, 401, 403, 404, 500, 200, 303]);
    for (const { headers } of replies) {
      expect(headers).toMatchObject({
        "content-security-policy":
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
          "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
    expect(replies.slice(1).map(({ headers }) => headers["cache-control"])).toEqual(Array(6).fill("no-store"));
  });
});

describe("actions", () => {
  it("are refused where they are not allowed", async () => {
    const { url } = await serve();
    for (const action of ["replay", "discard"]) {
      const reply = await ask(`${url}/api/quarantine/${action}`, {
        method: "POST",
        headers: json(url),
        body: '{"ids":["a"]}',
      });
      expect(reply).toMatchObject({ status: 403, body: expect.stringContaining("--dashboard-actions") });
    }
  });

  it("run one at a time", async () => {
    let finish = (): void => {};
    const asked: unknown[] = [];
    const { url } = await serve(
      {},
      {
        replay: (request) => {
          asked.push(request);
          return new Promise((resolve) => (finish = () => resolve(REPORT)));
        },
        discard: () => Promise.resolve(REPORT),
      },
    );
    const post = (action: string, body: string) =>
      ask(`${url}/api/quarantine/${action}`, { method: "POST", headers: json(url), body });
    const first = post("replay", '{"ids":["a","b"]}');
    await until("the first is at work", () => asked.length === 1);
    expect(await post("discard", '{"code":"field.type"}')).toMatchObject({ status: 409 });
    finish();
    expect(await first).toMatchObject({ status: 200, body: JSON.stringify(REPORT) });
    expect(asked).toEqual([{ ids: ["a", "b"] }]);
    expect((await post("discard", '{"code":"field.type"}')).status).toBe(200);
  });

  it.each([
    "",
    "{}",
    "[]",
    "null",
    "{",
    '{"ids":[]}',
    '{"ids":"a"}',
    '{"ids":[1]}',
    '{"ids":[""]}',
    '{"ids":["a\\u0000"]}',
    '{"code":""}',
    '{"code":null}',
    '{"ids":["a"],"code":"b"}',
    '{"ids":["a"],"all":true}',
    '{"all":true}',
  ])("take ids or a code, and not %s", async (body) => {
    const asked: unknown[] = [];
    const { url } = await serve({}, { discard: (request) => (asked.push(request), Promise.resolve(REPORT)) });
    const headers = json(url);
    expect(await ask(`${url}/api/quarantine/discard`, { method: "POST", headers, body })).toMatchObject({
      status: 400,
    });
    expect(asked).toEqual([]);
  });

  it.each([
    ["of a known length", 'Content-Length: 100\r\n\r\n{"ids"'],
    ["in chunks", 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"ids\r\n'],
  ])("take a body %s that breaks off for no bug", async (_what, rest) => {
    const { url, port, bugs } = await serve({}, { discard: () => Promise.resolve(REPORT) });
    const socket = connect(port, "127.0.0.1");
    await new Promise((resolve) =>
      socket.write(
        `POST /api/quarantine/discard HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${url}\r\n` +
          `Content-Type: application/json\r\n${rest}`,
        resolve,
      ),
    );
    socket.destroy();
    // By the time of these replies the server has seen the end.
    for (let asked = 0; asked < 2; asked += 1) await ask(`${url}/`);
    expect(bugs).toEqual([]);
  });

  it("take 64 KiB, said or not", async () => {
    const { url, port } = await serve({}, { discard: () => Promise.resolve(REPORT) });
    const body = JSON.stringify({ ids: Array.from({ length: 3_000 }, () => "x".repeat(30)) });
    const reply = await ask(`${url}/api/quarantine/discard`, { method: "POST", headers: json(url), body });
    expect(reply).toMatchObject({ status: 413 });
    const chunked = await raw(
      port,
      `POST /api/quarantine/discard HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nOrigin: ${url}\r\n` +
        `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n` +
        `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe("the API", () => {
  it("reads the quarantine as asked", async () => {
    const asked: unknown[] = [];
    const { url } = await serve(
      {},
      {
        quarantine: (query) => (asked.push(query), Promise.resolve({ reasons: [], entries: [] })),
      },
    );
    expect(await ask(`${url}/api/quarantine`)).toMatchObject({ status: 200, body: '{"reasons":[],"entries":[]}' });
    await ask(`${url}/api/quarantine?state=all&code=field.type&limit=1000`);
    expect(asked).toEqual([
      { state: "pending", code: null, entriesMax: 100 },
      { state: null, code: "field.type", entriesMax: 1_000 },
    ]);
    for (const query of [
      "state=x",
      "state=constructor",
      "limit=0",
      "limit=1001",
      "limit=1e3",
      `code=${"x".repeat(200)}`,
      "code=%00",
    ]) {
      expect((await ask(`${url}/api/quarantine?${query}`)).status).toBe(400);
    }
    expect(asked).toHaveLength(2);
  });

  it("looks for duplicates in columns that have some only", async () => {
    const { url } = await serve();
    expect((await ask(`${url}/api/duplicates?column=masked_ip`)).status).toBe(200);
    for (const query of ["", "?column=user_id", "?column="]) {
      expect(await ask(`${url}/api/duplicates${query}`)).toMatchObject({ status: 400 });
    }
  });

  it("says why it has no answer, and of a bug nothing", async () => {
    const away = new PiipeError("database.unreachable", "PostgreSQL is away", { hint: "Start it." });
    const { url, bugs } = await serve(
      {},
      {
        quarantine: () => Promise.reject(away),
        duplicates: () => Promise.reject(new Error("203.0.113.9 is raw")),
      },
    );
    expect(await ask(`${url}/api/quarantine`)).toMatchObject({
      status: 503,
      body: '{"error":{"code":"database.unreachable","message":"PostgreSQL is away","hint":"Start it."}}',
    });
    const bug = await ask(`${url}/api/duplicates?column=masked_ip`);
    expect(bug.status).toBe(500);
    expect(bug.body).toContain("dashboard.failed");
    expect(bug.body).not.toContain("203.0.113.9");
    expect(bugs).toHaveLength(1);
    expect(await ask(`${url}/api/nothing`)).toMatchObject({ status: 404, body: expect.stringContaining("refused") });
  });
});

describe("the pages", () => {
  it("are served with their types; what has a hash in its name is kept for ever", async () => {
    const { url } = await serve();
    expect(await ask(`${url}/`)).toMatchObject({
      status: 200,
      headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache" },
      body: "<!doctype html><title>x</title>",
    });
    expect(await ask(`${url}/assets/index-B1a2C3d4.js`)).toMatchObject({
      status: 200,
      headers: {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "public, max-age=31536000, immutable",
      },
    });
    const head = await ask(`${url}/`, { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, body: "" });
  });

  it.each([
    "/../secret.html",
    "/%2e%2e/secret.html",
    "/..%2fsecret.html",
    "/assets/..%5c..%5csecret.html",
    "/assets/../../secret.html",
    "//secret.html",
    "/index.html%00",
    "/assets",
    "/notes.exe",
  ])("leave out %s", async (path) => {
    const { port } = await serve();
    const reply = await raw(port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`);
    expect(reply).toMatch(/^HTTP\/1\.1 40[0-9] /);
    expect(reply).not.toContain("not for the web");
  });

  it("are missed with a word on what to do where they were not built", async () => {
    const { url } = await serve({ clientFolder: join(folder, "nowhere") });
    expect(await ask(`${url}/`)).toMatchObject({ status: 503, body: expect.stringContaining("npm run build") });
    expect((await ask(`${url}/api/config`)).status).toBe(200);
  });
});

describe("the stream", () => {
  async function watch(url: string): Promise<EventStream> {
    const stream = await watchEvents(`${url}/api/stream`);
    streams.push(stream);
    return stream;
  }

  it("begins with hello, and goes on with ticks", async () => {
    const { url } = await serve();
    const stream = await watch(url);
    expect(stream.headers).toMatchObject({ "content-type": "text/event-stream", "cache-control": "no-store" });
    await stream.find("a tick came", ({ event }) => event === "tick");
    expect(stream.events[0]).toMatchObject({ event: "hello", data: { version: "1.2.3" } });
  });

  it("takes nobody for a viewer who asks for the headers alone", async () => {
    const { url } = await serve();
    for (let round = 0; round < 25; round += 1) {
      const { status, headers, body } = await ask(`${url}/api/stream`, { method: "HEAD" });
      expect([status, headers["content-type"], body]).toEqual([200, "text/event-stream", ""]);
    }
    expect((await watch(url)).status).toBe(200);
  });

  it("takes twenty viewers; one that has gone makes room", async () => {
    const { url } = await serve();
    const viewers = await Promise.all(Array.from({ length: 20 }, () => watch(url)));
    expect(viewers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await ask(`${url}/api/stream`)).toMatchObject({ status: 503 });
    viewers[0]?.close();
    await until("there is room again", async () => (await watch(url)).status === 200);
  });

  it("drops a viewer that never reads; the others go on, and what waits for it stays small", async () => {
    const clock = new SimClock(new SeededRandom(1));
    const big = "x".repeat(1024 * 1024);
    const { url, port } = await serve(
      { clock },
      { snapshot: (parts) => ({ ...dashboardData().snapshot(parts), pipeline: big }) },
    );
    const silent = connect(port, "127.0.0.1");
    silent.on("error", () => {});
    const closed = new Promise<void>((resolve) => silent.on("close", () => resolve()));
    silent.pause();
    silent.write(`GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    const reader = await watch(url);
    // What the kernel holds for it is full after some, and then it has another fifteen.
    const ticks = 60;
    for (let tick = 0; tick < ticks; tick += 1) {
      const before = reader.events.length;
      await pass(clock, 1_000);
      await until("the other got it", () => reader.events.length > before);
    }
    let bytes = 0;
    silent.on("data", (chunk) => (bytes += chunk.length));
    silent.resume();
    await closed;
    expect(bytes).toBeLessThan((ticks * big.length) / 2);
    expect(reader.hasEnded()).toBe(false);
  });

  it("ends with the dashboard", async () => {
    const { url } = await serve();
    const stream = await watch(url);
    for (const dashboard of opened.splice(0)) await dashboard.close();
    await until("the stream has ended", () => stream.hasEnded());
    await expect(ask(url)).rejects.toThrow("ECONNREFUSED");
  });
});

describe("an address", () => {
  it("that another program has is refused with what to do", async () => {
    const { port } = await serve();
    await expect(serve({ place: { ...LOOPBACK, port } })).rejects.toMatchObject({
      code: "dashboard.address",
      message: `the dashboard cannot listen on 127.0.0.1, port ${port}: another program does`,
    });
  });
});

/** What the server answers to these very bytes. */
function raw(port: number, request: string): Promise<string> {
  return new Promise((resolve) => {
    let reply = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.setEncoding("utf8").on("data", (chunk: string) => (reply += chunk));
    socket.on("error", () => {});
    socket.on("close", () => resolve(reply));
  });
}
