import { once } from "node:events";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { ask } from "../../tests/support/http-ask.ts";
import { type MetricsListener, openMetricsListener } from "./metrics-listener.ts";
import type { Readiness } from "./readiness.ts";
import type { Monitored } from "./worker-monitor.ts";

const ANYWHERE = { host: "127.0.0.1", port: 0 };
const TEXT = "# HELP piipe_workers w\n# TYPE piipe_workers gauge\npiipe_workers 1\n";

const hasIPv6 = Object.values(networkInterfaces()).some((each) => each?.some(({ address }) => address === "::1"));

const opened: MetricsListener[] = [];
afterEach(async () => {
  for (const listener of opened.splice(0)) await listener.close();
});

async function open(monitored: Partial<Monitored> = {}, at = ANYWHERE): Promise<MetricsListener> {
  const listener = await openMetricsListener(at, {
    metrics: () => Promise.resolve(TEXT),
    readiness: () => ({ ready: true }),
    ...monitored,
  });
  opened.push(listener);
  return listener;
}

const portOf = ({ url }: MetricsListener): number => Number(new URL(url).port);

describe("the metrics listener", () => {
  it("serves the metrics as Prometheus' text format", async () => {
    const { url } = await open();
    expect(await ask(`${url}/metrics?name=x`)).toMatchObject({
      status: 200,
      body: TEXT,
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
    });
  });

  it("says whether the process is alive, and whether it does its work", async () => {
    let readiness: Readiness = { ready: false, reason: "starting" };
    const { url } = await open({ readiness: () => readiness });
    expect(await ask(`${url}/healthz`)).toMatchObject({ status: 200, body: '{"alive":true}\n' });
    expect(await ask(`${url}/readyz`)).toMatchObject({ status: 503, body: '{"ready":false,"reason":"starting"}\n' });
    readiness = { ready: false, reason: "writes-failing", code: "database.unreachable" };
    expect(await ask(`${url}/readyz`)).toMatchObject({
      status: 503,
      body: '{"ready":false,"reason":"writes-failing","code":"database.unreachable"}\n',
    });
    readiness = { ready: true };
    expect(await ask(`${url}/readyz`)).toMatchObject({ status: 200, body: '{"ready":true}\n' });
  });

  it("answers whatever others hold open", async () => {
    const listener = await open();
    const sockets = Array.from({ length: 100 }, () => connect(portOf(listener), "127.0.0.1").on("error", () => {}));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    expect(await ask(`${listener.url}/healthz`)).toMatchObject({ status: 200 });
    for (const socket of sockets) socket.destroy();
  });

  it("answers under any name: Prometheus finds it by whatever address it has", async () => {
    const { url } = await open();
    expect(await ask(`${url}/metrics`, { headers: { host: "pipeline-7.example:80" } })).toMatchObject({ status: 200 });
  });

  it("answers HEAD as GET, without the body", async () => {
    const { url } = await open();
    const { status, headers, body } = await ask(`${url}/metrics`, { method: "HEAD" });
    expect({ status, length: headers["content-length"], body }).toEqual({
      status: 200,
      length: String(TEXT.length),
      body: "",
    });
  });

  it.each(["POST", "PUT", "DELETE", "OPTIONS"])("refuses %s", async (method) => {
    const { url } = await open();
    expect(await ask(`${url}/metrics`, { method })).toMatchObject({
      status: 405,
      headers: { allow: "GET, HEAD" },
    });
  });

  it.each(["/", "/metrics/", "/Metrics", "/../metrics", "//metrics", "/healthz/x"])("knows no %s", async (path) => {
    // By hand: a client would tidy the path up.
    const socket = connect(portOf(await open()), "127.0.0.1");
    socket.end(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    const [head] = (await once(socket, "data")) as [Buffer];
    expect(head.toString()).toContain("HTTP/1.1 404 ");
    await once(socket, "close");
  });

  it("cuts off whoever sends a request byte by byte, while others are served", async () => {
    const listener = await open();
    const slow = connect(portOf(listener), "127.0.0.1");
    slow.on("error", () => {}).resume();
    slow.write("GET /metrics HTTP/1.1\r\nhost: x\r\nx-slow: ");
    const dripping = setInterval(() => slow.write("a"), 100);
    expect((await ask(`${listener.url}/metrics`)).status).toBe(200);
    await once(slow, "close").finally(() => clearInterval(dripping));
    expect((await ask(`${listener.url}/metrics`)).status).toBe(200);
  });

  it("hangs up when the metrics cannot be made; the process goes on", async () => {
    const { url } = await open({ metrics: () => Promise.reject(new Error("a bug")) });
    await expect(ask(`${url}/metrics`)).rejects.toThrow(/hang up/);
    expect((await ask(`${url}/healthz`)).status).toBe(200);
  });

  it("closes at once, also with connections that are kept open, and twice", async () => {
    const listener = await open();
    const kept = connect(portOf(listener), "127.0.0.1");
    kept.resume();
    await once(kept, "connect");
    const closed = once(kept, "close");
    await listener.close();
    await closed;
    await listener.close();
    await expect(ask(`${listener.url}/metrics`)).rejects.toThrow("ECONNREFUSED");
  });

  it.skipIf(!hasIPv6)("listens on IPv6 too", async () => {
    const { url } = await open({}, { host: "::1", port: 0 });
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await ask(`${url}/healthz`)).status).toBe(200);
  });

  it.each([
    ["a port that is taken", "127.0.0.1", true, "is taken by another program"],
    ["an address of another machine", "192.0.2.1", false, "is no address of this machine"],
    ["a name that nobody knows", "nowhere.invalid", false, "nowhere.invalid:"],
  ])("says what is wrong with %s", async (_, host, isTaken, text) => {
    const port = isTaken ? portOf(await open()) : 9464;
    await expect(openMetricsListener({ host, port }, {} as Monitored)).rejects.toMatchObject({
      code: "metrics.address",
      message: expect.stringContaining(text) as string,
      hint: expect.stringMatching(/./) as string,
    });
  });
});
