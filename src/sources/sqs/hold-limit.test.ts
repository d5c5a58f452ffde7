import { setMaxListeners } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { SimClock } from "../../../tests/simulation/sim-clock.ts";
import { SeededRandom } from "../../../tests/support/seeded-random.ts";
import { TimedQueue } from "../../../tests/support/timed-queue.ts";
import { pass, passUntil } from "../../../tests/support/virtual-time.ts";
import type { Clock, Delivery } from "../../pipeline/contracts.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import { HoldLimit } from "./hold-limit.ts";
import { SqsSource } from "./sqs-source.ts";

describe("HoldLimit", () => {
  const look = { held: 1_000, failed: 0, lateMs: 0, everyMs: 2_500 };

  it("is none as long as looks come in time, and all is kept hidden", () => {
    const limit = new HoldLimit();
    for (let n = 0; n < 5; n += 1) expect(limit.note({ ...look, lateMs: 2_000 })).toBe(false);
    expect(limit.note({ ...look, held: 0, lateMs: 60_000 })).toBe(false);
    expect(limit.max).toBe(Number.POSITIVE_INFINITY);
  });

  it("halves what is held with each look that is late or fails, and never stands still", () => {
    const limit = new HoldLimit();
    expect(limit.note({ ...look, lateMs: 2_501 })).toBe(true);
    expect(limit.max).toBe(500);
    expect(limit.note({ ...look, held: 800, failed: 1 })).toBe(true);
    expect(limit.max).toBe(250);
    for (let n = 0; n < 20; n += 1) limit.note({ ...look, held: 700 - n, failed: 9 });
    expect(limit.max).toBe(10);
  });

  it("lets in a little more when what is held gets no less by waiting", () => {
    const limit = new HoldLimit();
    const maxima = [1_000, 1_000, 1_010, 1_010, 1_020].map((held) => {
      limit.note({ ...look, held, failed: 9 });
      return limit.max;
    });
    expect(maxima).toEqual([500, 1_010, 505, 1_020, 510]);
  });

  it("rises again when it goes well", () => {
    const limit = new HoldLimit();
    for (let n = 0; n < 20; n += 1) limit.note({ ...look, held: 700 - n, failed: 9 });
    limit.note({ ...look, held: 10 });
    expect(limit.max).toBe(20);
    for (let n = 0; n < 20; n += 1) limit.note({ ...look, held: 10 });
    expect(limit.max).toBe(Number.POSITIVE_INFINITY);
  });
});

const VISIBILITY_SECONDS = 20;
const ROOM = 400;

/** Of an event loop that is starved: what waits for a time is called long after it. */
class StarvedClock implements Clock {
  lateMs = 0;
  readonly #clock: SimClock;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  nowMs = (): number => this.#clock.nowMs();
  elapsedMs = (): number => this.#clock.elapsedMs();
  random = (): number => this.#clock.random();
  sleep = (delayMs: number, signal: AbortSignal): Promise<void> => this.#clock.sleep(delayMs + this.lateMs, signal);
}

describe("a source whose event loop is starved", () => {
  let end: () => Promise<void> = () => Promise.resolve();
  afterEach(() => end());

  it("receives no more than it can keep hidden, and as much as before once it is well again", async () => {
    const sim = new SimClock(new SeededRandom(1));
    const clock = new StarvedClock(sim);
    const queue = new TimedQueue(sim, { latencyMs: 100 });
    const events: TelemetryEvent[] = [];
    const source = new SqsSource({
      client: queue,
      queue: { url: "http://q", arn: "arn:aws:sqs:r:1:q", isFifo: false },
      visibilitySeconds: VISIBILITY_SECONDS,
      waitSeconds: 20,
      lingerMs: 50,
      attributeNames: [],
      giveUpAfterMs: null,
      clock,
      emit: (event) => events.push(event),
      closeClient: () => Promise.resolve(),
    });
    const stop = new AbortController();
    const never = new AbortController().signal;
    setMaxListeners(0, never);
    let held = 0;
    // What is received is settled a while later, by a clock that has no trouble.
    const settle = async (deliveries: readonly Delivery[]): Promise<void> => {
      await sim.sleep(3_000);
      await source.settle(new Map(deliveries.map((delivery) => [delivery, { kind: "delete" }])), never);
      held -= deliveries.length;
    };
    const running = (async () => {
      while (!stop.signal.aborted) {
        const deliveries = await source.receive(Math.max(1, ROOM - held), stop.signal);
        held += deliveries.length;
        void settle(deliveries);
      }
    })();
    end = async () => {
      stop.abort();
      clock.lateMs = 0;
      let isClosed = false;
      void Promise.all([source.close(), running]).then(() => (isClosed = true));
      await passUntil(sim, "the source is closed", () => isClosed);
    };

    queue.send(50_000);
    await pass(sim, 10_000);
    expect(held).toBeGreaterThan(ROOM / 2);
    expect(events.some(({ type }) => type === "source.slowed")).toBe(false);

    clock.lateMs = 12_000;
    await pass(sim, 60_000);
    const lowest = held;
    expect(lowest).toBeLessThan(ROOM / 4);
    const slowed = events.filter((event) => event.type === "source.slowed");
    expect(slowed.length).toBeGreaterThanOrEqual(3);
    expect(slowed[0]).toMatchObject({ lateMs: 12_000 });
    const { deleted } = queue;
    await pass(sim, 30_000);
    // Slowly, but it goes on.
    expect(held).toBeLessThanOrEqual(lowest);
    expect(queue.deleted).toBeGreaterThan(deleted);

    clock.lateMs = 0;
    await pass(sim, 45_000);
    expect(held).toBeGreaterThan(ROOM / 2);
  });
});
