import { createServer } from "node:net";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import type { Hello, Tick } from "../../src/dashboard/api.ts";
import { startCli } from "../support/cli.ts";
import { startDashboard } from "../support/dashboard-cli.ts";
import { type EventStream, watchEvents } from "../support/event-stream.ts";
import { ask } from "../support/http-ask.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
const streams: EventStream[] = [];
afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

async function watch(url: string, headers: Readonly<Record<string, string>>): Promise<EventStream> {
  const stream = await watchEvents(`${url}/api/stream`, headers);
  streams.push(stream);
  return stream;
}

describe("run --dashboard", () => {
  it("shows all workers of --workers", async () => {
    const pipeline = await createLoginPipeline(sqs);
    onTestFinished(() => pipeline.remove());
    const dashboard = await startDashboard(["--workers", "2"], pipeline);
    onTestFinished(() => dashboard.stop());
    const stream = await watch(dashboard.url, {});
    const tick = await stream.find("both are there", ({ event, data }) => {
      if (event !== "tick") return false;
      const { workers } = (data as Tick).snapshot;
      return (
        workers.ok &&
        [1, 2].every((number) => workers.value.some((worker) => worker.number === number && worker.state === "running"))
      );
    });
    expect((tick.data as Tick).sample).toMatchObject({ inFlight: 0 });
  });
});

describe("demo --serve", () => {
  it("says which address it has when another program has the usual one", async () => {
    const other = createServer();
    // Whoever listens there: it is taken.
    const isListening = await new Promise<boolean>((resolve) => {
      other.once("error", () => resolve(false)).listen(4780, "127.0.0.1", () => resolve(true));
    });
    const demo = startCli(["demo", "--serve"]);
    await demo.printed("4780 is taken: the dashboard is at http://127.0.0.1:");
    await demo.printed("Everything stays up until Ctrl-C");
    demo.process.kill("SIGINT");
    expect((await demo.ended).code).toBe(0);
    if (isListening) await new Promise((resolve) => other.close(resolve));
  });

  it("opens the dashboard with a token, and the refused event can be replayed and discarded there", async () => {
    const demo = startCli(["demo", "--serve"]);
    await demo.printed("writing table");
    const [, url = "", token = ""] =
      /Dashboard: {2}(http:\/\/127\.0\.0\.1:\d+)\/\?token=([\w-]+)\n/.exec(demo.stderr()) ?? [];
    const headers = { authorization: `Bearer ${token}` };
    expect(await ask(`${url}/`)).toMatchObject({ status: 401 });
    const stream = await watch(url, headers);
    const { data } = await stream.find("hello", ({ event }) => event === "hello");
    expect((data as Hello).actions).toEqual({ replay: true, discard: true });
    const act = (action: string) =>
      ask(`${url}/api/quarantine/${action}`, {
        method: "POST",
        headers: { ...headers, origin: url, "content-type": "application/json" },
        body: '{"code":"field.missing"}',
      });
    expect(JSON.parse((await act("replay")).body)).toMatchObject({ events: 1, refused: 1, unopened: 0 });
    expect(JSON.parse((await act("discard")).body)).toMatchObject({ events: 1, done: 1 });
    demo.process.kill("SIGINT");
    expect((await demo.ended).code).toBe(0);
  });
});
