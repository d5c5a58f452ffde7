import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SimClock } from "../../../tests/simulation/sim-clock.ts";
import { SeededRandom } from "../../../tests/support/seeded-random.ts";
import { TimedQueue, type TimedQueueOptions, timedSource } from "../../../tests/support/timed-queue.ts";
import { pass, passUntil } from "../../../tests/support/virtual-time.ts";
import type { Delivery } from "../../pipeline/contracts.ts";
import type { SqsSource } from "./sqs-source.ts";

const LATENCY_MS = 20;
const LINGER_MS = 50;
const ROOM = 100_000;
const POLLS_MAX = 48;

let clock: SimClock;
let source: SqsSource;
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  clock = new SimClock(new SeededRandom(1));
  stop = new AbortController();
});

afterEach(async () => {
  stop.abort();
  const closed = Promise.all([source.close(), running]);
  let isClosed = false;
  closed.then(
    () => (isClosed = true),
    () => (isClosed = true),
  );
  await passUntil(clock, "the source is closed", () => isClosed);
  await closed;
});

function open(options: Partial<TimedQueueOptions> = {}): TimedQueue {
  const queue = new TimedQueue(clock, { latencyMs: LATENCY_MS, ...options });
  source = timedSource(queue, clock, LINGER_MS);
  running = Promise.resolve();
  return queue;
}

/** Takes whatever comes, as long as there is room for it. */
function receive(onReply: (deliveries: readonly Delivery[]) => void = () => {}, room = ROOM): void {
  running = (async () => {
    for (let left = room; left > 0 && !stop.signal.aborted;) {
      const deliveries = await source.receive(left, stop.signal);
      left -= deliveries.length;
      if (deliveries.length > 0) onReply(deliveries);
    }
  })();
}

describe("with a backlog", () => {
  it("doubles its polls with each round of replies, and stops at the most", async () => {
    const queue = open();
    queue.send(20_000);
    receive();
    const polls: number[] = [];
    await pass(clock, LATENCY_MS / 2);
    for (let round = 0; round < 8; round += 1) {
      polls.push(queue.polls);
      await pass(clock, LATENCY_MS);
    }
    expect(polls).toEqual([1, 2, 4, 8, 16, 32, POLLS_MAX, POLLS_MAX]);
  });

  it("goes on with nearly as many when SQS gives fewer than asked for now and then", async () => {
    let replies = 0;
    // Each fourth one, of one to nine messages.
    const shorten = (count: number): number => ((replies += 1) % 4 === 0 ? Math.min(count, 1 + (replies % 9)) : count);
    const queue = open({ shorten });
    queue.send(60_000);
    receive();
    await pass(clock, 16 * LATENCY_MS);
    let fewest = POLLS_MAX;
    for (let round = 0; round < 40; round += 1) {
      await pass(clock, LATENCY_MS);
      fewest = Math.min(fewest, queue.polls);
    }
    expect(fewest).toBeGreaterThan(POLLS_MAX - 16);
  });

  it("does not pause between short replies once messages have waited for more than a second", async () => {
    // As SQS does with queues that are not long: never as many as were asked for.
    const queue = open({ shorten: (count) => Math.min(count, 6) });
    queue.send(6_000);
    await pass(clock, 2_000);
    receive();
    const tookMs = await passUntil(clock, "all is received", () => queue.received === 6_000);
    // A poll every linger would take 50 s.
    expect(tookMs).toBeLessThan(30 * LATENCY_MS);
    await pass(clock, 2_000);
    expect(queue.polls).toBe(1);
  });

  it("says that more waits", async () => {
    const queue = open();
    queue.send(1_000);
    const known: boolean[] = [];
    receive(() => known.push(source.hasMore));
    await passUntil(clock, "all is received", () => queue.received === 1_000);
    await pass(clock, LATENCY_MS);
    expect(known.length).toBeGreaterThan(10);
    expect(known).not.toContain(false);
  });

  it("never takes more than there is room for", async () => {
    const queue = open();
    queue.send(1_000);
    const room = 135;
    let received = 0;
    receive((deliveries) => (received += deliveries.length), room);
    await pass(clock, 10_000);
    expect(received).toBe(room);
    expect(queue.received).toBe(room);
  });
});

describe("with large messages", () => {
  const KIB = 1_024;

  it("takes for full what SQS cut off by its bytes: more polls, and no pause between them", async () => {
    const queue = open({ bodyBytes: 300 * KIB });
    queue.send(100);
    receive();
    await pass(clock, 4 * LATENCY_MS);
    expect(queue.polls).toBeGreaterThanOrEqual(4);
    expect(source.hasMore).toBe(true);
  });

  it("holds no more bytes than it may while nobody takes them", async () => {
    const queue = open({ bodyBytes: 100 * KIB });
    queue.send(5_000);
    running = source.receive(ROOM, stop.signal).then(() => {});
    await pass(clock, 10_000);
    expect(queue.received * 100 * KIB).toBeLessThanOrEqual(17 * KIB * KIB);
    expect(queue.received * 100 * KIB).toBeGreaterThan(12 * KIB * KIB);
  });
});

describe("when SQS is down", () => {
  it("asks with one poll at a time, less and less often, and is soon at full rate when it is back", async () => {
    const queue = open();
    queue.send(60_000);
    receive();
    await passUntil(clock, "all polls are under way", () => queue.polls === POLLS_MAX);
    queue.isDown = true;
    // Those under way end as they would have.
    await pass(clock, 2 * LATENCY_MS);
    const before = queue.requests.length;
    await pass(clock, 600_000);
    const times = queue.requests.slice(before).map(({ atMs }) => atMs);
    const apartMs = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
    expect(Math.min(...apartMs)).toBeGreaterThanOrEqual(LATENCY_MS);
    // The pauses are chosen at random up to 20 s.
    expect(times.length).toBeLessThan(100);
    queue.isDown = false;
    await passUntil(clock, "a poll succeeds", () => queue.polls > 1);
    expect(await passUntil(clock, "all polls are under way", () => queue.polls === POLLS_MAX)).toBeLessThanOrEqual(
      7 * LATENCY_MS,
    );
  });
});

describe("when the queue has run dry", () => {
  it("is left with one poll a second later, and makes three requests a minute", async () => {
    const queue = open();
    queue.send(5_000);
    receive();
    await passUntil(clock, "all is received", () => queue.received === 5_000);
    expect(queue.polls).toBeGreaterThan(30);
    await pass(clock, 1_000 + 2 * LATENCY_MS);
    expect(queue.polls).toBe(1);
    expect(source.hasMore).toBe(false);
    const before = queue.requests.length;
    await pass(clock, 60_000);
    expect(queue.requests.length - before).toBeLessThanOrEqual(3);
  });

  it("still receives at once what comes while many polls wait", async () => {
    const queue = open();
    queue.send(5_000);
    let received = 0;
    receive((deliveries) => (received += deliveries.length));
    await passUntil(clock, "all is received", () => received === 5_000);
    queue.send();
    expect(await passUntil(clock, "the next is received", () => received === 5_001)).toBe(LATENCY_MS / 2);
  });

  it("is at full rate again within seven replies' time", async () => {
    const queue = open();
    receive();
    await pass(clock, 90_000);
    expect(queue.polls).toBe(1);
    queue.send(20_000);
    expect(await passUntil(clock, "all polls are under way", () => queue.polls === POLLS_MAX)).toBeLessThanOrEqual(
      7 * LATENCY_MS,
    );
  });
});

describe("at a low rate", () => {
  it("hands on at once what a waiting poll brings, and lets the next poll follow at once", async () => {
    const queue = open();
    let received = 0;
    receive((deliveries) => (received += deliveries.length));
    await pass(clock, 3_000);
    queue.send();
    expect(await passUntil(clock, "the message is received", () => received === 1)).toBe(LATENCY_MS / 2);
    expect(source.hasMore).toBe(false);
    expect(queue.polls).toBe(1);
  });

  it("begins polls no closer than the linger, so that messages come together", async () => {
    const queue = open({ latencyMs: 2 });
    receive();
    const count = 200;
    for (let each = 0; each < count; each += 1) clock.after(each * 10, () => queue.send());
    await passUntil(clock, "all is received", () => queue.received === count);
    const polls = queue.requestsOf("ReceiveMessage");
    const apartMs = polls.slice(1).map(({ atMs }, index) => atMs - (polls[index]?.atMs ?? 0));
    expect(Math.min(...apartMs)).toBe(LINGER_MS);
    expect(polls.length).toBeLessThanOrEqual((count * 10) / LINGER_MS + 1);
  });

  async function pausing(): Promise<TimedQueue> {
    const queue = open({ latencyMs: 2 });
    receive();
    queue.send();
    await passUntil(clock, "the first message is received", () => queue.received === 1);
    await pass(clock, 5);
    expect(queue.polls).toBe(0);
    return queue;
  }

  it("ends a pause at once when it is stopped, and polls no more", async () => {
    const queue = await pausing();
    const { length } = queue.requests;
    const atMs = clock.nowMs();
    stop.abort();
    await running;
    expect(clock.nowMs()).toBe(atMs);
    await pass(clock, 1_000);
    expect(queue.requests).toHaveLength(length);
  });

  it("ends a pause at once when it is closed", async () => {
    const queue = await pausing();
    const { length } = queue.requests;
    const atMs = clock.nowMs();
    const closing = source.close();
    stop.abort();
    await closing;
    expect(clock.nowMs()).toBe(atMs);
    // No timer is left that would keep the process alive.
    expect(clock.advance()).toBe(false);
    expect(queue.requests).toHaveLength(length);
  });
});
