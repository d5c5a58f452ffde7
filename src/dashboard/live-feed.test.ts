import { afterEach, describe, expect, it } from "vitest";
import { SimClock } from "../../tests/simulation/sim-clock.ts";
import { dashboardData } from "../../tests/support/dashboard-data.ts";
import { liveWorker } from "../../tests/support/live-worker.ts";
import { SeededRandom } from "../../tests/support/seeded-random.ts";
import { pass } from "../../tests/support/virtual-time.ts";
import type { Hello, Tick } from "./api.ts";
import type { DashboardData } from "./dashboard-data.ts";
import { LiveFeed } from "./live-feed.ts";

const closing: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function started(parts: Partial<DashboardData> = {}) {
  const clock = new SimClock(new SeededRandom(1));
  const bugs: unknown[] = [];
  const feed = new LiveFeed({ data: dashboardData(parts), clock, reportBug: (error) => bugs.push(error) });
  const running = feed.run();
  closing.push(async () => {
    feed.close();
    await running;
  });
  return { clock, bugs, feed };
}

/** Takes all that a stream has to give until it ends or the viewer leaves. */
function viewer(stream: ReadableStream<Uint8Array> | null) {
  if (stream === null) throw new Error("there was no room");
  const reader = stream.getReader();
  const events: Array<{ event: string; data: unknown }> = [];
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const [, event = "", data = ""] = /^event: (.*)\ndata: (.*)\n\n$/.exec(decoder.decode(value)) ?? [];
      events.push({ event, data: JSON.parse(data) });
    }
  };
  const ended = read().catch(() => {});
  const of = (name: string): readonly unknown[] => events.filter(({ event }) => event === name).map(({ data }) => data);
  return {
    hello: () => of("hello")[0] as Hello | undefined,
    ticks: () => of("tick") as readonly Tick[],
    leave: () => reader.cancel(),
    ended,
  };
}

describe("the live feed", () => {
  it("greets with the history of a quarter of an hour, which it keeps while nobody watches, asking nobody", async () => {
    let reads = 0;
    const { clock, feed } = started({
      ownWorkers: () => [liveWorker({}, { receivedPerSecond: 5 })],
      readDepth: () => ((reads += 1), Promise.reject(new Error("asked"))),
      readDeadLetters: () => ((reads += 1), Promise.reject(new Error("asked"))),
      readStored: () => ((reads += 1), Promise.reject(new Error("asked"))),
    });
    await pass(clock, 2_000_000);
    expect(reads).toBe(0);
    const { hello, leave } = viewer(feed.open(() => {}));
    await clock.settle();
    const greeting = hello();
    expect(greeting).toMatchObject({ version: "1.2.3", duplicateColumns: ["masked_ip"], actions: { replay: false } });
    expect(greeting?.history).toHaveLength(900);
    const times = greeting?.history.map(({ atMs }) => atMs) ?? [];
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBe(899_000);
    expect(greeting?.history.at(-1)).toMatchObject({ receivedPerSecond: 5, visible: null });
    await leave();
  });

  it("ticks each second with what was read, the database every 2 s, the queue every 5 s, dead letters every 30 s", async () => {
    const asked = { depth: 0, dead: 0, stored: 0 };
    const plain = dashboardData();
    const { clock, feed } = started({
      readDepth: (abort) => ((asked.depth += 1), plain.readDepth(abort)),
      readDeadLetters: (abort) => ((asked.dead += 1), plain.readDeadLetters(abort)),
      readStored: () => ((asked.stored += 1), plain.readStored()),
    });
    const viewers = [viewer(feed.open(() => {})), viewer(feed.open(() => {})), viewer(feed.open(() => {}))];
    await pass(clock, 10_500);
    expect(asked).toEqual({ depth: 3, dead: 1, stored: 6 });
    for (const { ticks } of viewers) {
      expect(ticks().length).toBeGreaterThanOrEqual(10);
      expect(ticks().at(-1)).toMatchObject({
        snapshot: {
          depth: { ok: true, value: { visible: 7 } },
          deadLetters: { ok: true, value: { waiting: 27 } },
          quarantine: { ok: true },
        },
        sample: { visible: 7 },
      });
    }
    for (const { leave } of viewers) await leave();
    await pass(clock, 60_000);
    expect(asked).toEqual({ depth: 3, dead: 1, stored: 6 });
  });

  it("goes on without services that do not answer, and says so after three seconds", async () => {
    const { clock, feed } = started({
      readDepth: (abort) =>
        clock.sleep(60_000, abort).then(() => ({ ok: true, value: { visible: 1, hidden: 0, delayed: 0 } })),
    });
    const { ticks, leave } = viewer(feed.open(() => {}));
    await pass(clock, 2_500);
    expect(ticks()).toHaveLength(0);
    await pass(clock, 3_000);
    expect(ticks().length).toBeGreaterThanOrEqual(2);
    expect(ticks()[0]?.snapshot).toMatchObject({
      depth: { ok: false, error: { code: "queue.unreachable" } },
      quarantine: { ok: true },
    });
    await leave();
  });

  it("takes twenty viewers, and another one when one has left", async () => {
    const { feed } = started();
    const viewers = Array.from({ length: 20 }, () => viewer(feed.open(() => {})));
    expect(feed.open(() => {})).toBeNull();
    await viewers[3]?.leave();
    const late = viewer(feed.open(() => {}));
    expect(feed.open(() => {})).toBeNull();
    for (const { leave } of [...viewers, late]) await leave();
  });

  it("reports a bug of its data and goes on", async () => {
    let isBroken = true;
    const { clock, bugs, feed } = started({
      ownWorkers: () => {
        if (isBroken) throw new TypeError("x");
        return [];
      },
    });
    await pass(clock, 1_500);
    expect(bugs.length).toBeGreaterThan(0);
    isBroken = false;
    const { ticks, leave } = viewer(feed.open(() => {}));
    await pass(clock, 3_000);
    expect(ticks().length).toBeGreaterThan(0);
    await leave();
  });

  it("ends its streams when it closes, and opens no other", async () => {
    const { feed } = started();
    const { ended } = viewer(feed.open(() => {}));
    feed.close();
    await ended;
    expect(feed.open(() => {})).toBeNull();
  });
});
