import { describe, expect, it } from "vitest";
import type { TelemetryEvent } from "./events.ts";
import { WorkerCounters } from "./worker-counters.ts";

const START_MS = Date.UTC(2026, 0, 31);
const SECOND_MS = 1_000;

type Received = Extract<TelemetryEvent, { type: "deliveries.received" }>;
type Written = Extract<TelemetryEvent, { type: "batch.written" }>;
type Settled = Extract<TelemetryEvent, { type: "deliveries.settled" }>;

const received = (count: number, oldestSentAtMs: number, redelivered = 0): Received => ({
  type: "deliveries.received",
  count,
  redelivered,
  bytes: 100 * count,
  oldestSentAtMs,
});
const written = (stored: number, oldestSentAtMs: number, more: Partial<Written> = {}): Written => ({
  type: "batch.written",
  stored,
  duplicate: 0,
  quarantined: 0,
  rejected: 0,
  elapsedMs: 10,
  oldestSentAtMs,
  processed: stored,
  processMs: 1,
  ...more,
});
const settled = (deleted: number, more: Partial<Settled> = {}): Settled => ({
  type: "deliveries.settled",
  deleted,
  released: 0,
  failed: 0,
  elapsedMs: 4,
  ...more,
});

/** A worker whose clock is moved by hand. */
function worker() {
  const counters = new WorkerCounters();
  let nowMs = START_MS;
  return {
    count: (...events: readonly TelemetryEvent[]) => {
      for (const event of events) counters.count(event, nowMs);
    },
    /** To so long after the start. */
    at: (ms: number) => {
      nowMs = START_MS + ms;
    },
    figures: (inFlight = 0) => counters.figures(inFlight, nowMs),
  };
}

describe("WorkerCounters", () => {
  it("adds up what each event tells", () => {
    const { count, figures } = worker();
    count(
      received(10, START_MS, 3),
      received(5, START_MS),
      { type: "event.refused", messageId: "a", code: "field.type", path: "ip", fate: "quarantine" },
      { type: "event.refused", messageId: "b", code: "field.type", path: "ip", fate: "left" },
      { type: "event.refused", messageId: "c", code: "body.not-json", path: null, fate: "left" },
      { type: "leak.suspected", column: "note", detector: "email", values: 4 },
      written(7, START_MS, { duplicate: 2, quarantined: 1, rejected: 1, processed: 11, processMs: 0.5 }),
      written(2, START_MS, { elapsedMs: 30 }),
      settled(10),
      settled(1, { released: 2, failed: 2, elapsedMs: 6 }),
      { type: "source.retried", action: "ReceiveMessage", code: "queue.unreachable", attempt: 1, delayMs: 1 },
      { type: "batch.retried", code: "database.busy", sqlState: "40001", attempt: 1, delayMs: 1 },
      { type: "batch.retried", code: "database.busy", sqlState: "40001", attempt: 2, delayMs: 1 },
      { type: "delivery.corrupt", count: 3, messageIds: ["a", "b", "c"] },
      { type: "visibility.extended", count: 1, failed: 2 },
      written(0, START_MS, { skipped: 5, dropped: 2, inserted: 3, ignored: 1, processMs: 0 }),
      { type: "batch.retried", code: "database.busy", sqlState: "40001", attempt: 3, delayMs: 1 },
    );
    expect(figures(4)).toEqual({
      received: 15,
      redelivered: 3,
      stored: 9,
      skipped: 5,
      dropped: 2,
      inserted: 3,
      ignored: 1,
      corrupt: 3,
      visibilityFailures: 2,
      duplicate: 2,
      quarantined: 1,
      left: 2,
      deleted: 11,
      unsettled: 2,
      refused: { "field.type": 2, "body.not-json": 1 },
      suspected: 4,
      queueRetries: 1,
      databaseRetries: 3,
      batches: 3,
      batchedEvents: 20,
      process: { count: 13, sumMs: 1.5 },
      write: { count: 3, sumMs: 50 },
      settle: { count: 2, sumMs: 10 },
      inFlight: 4,
      lagMs: 0,
      receivedPerSecond: 0,
      storedPerSecond: 0,
      queueTrouble: "queue.unreachable",
      databaseTrouble: "database.busy",
      concerns: ["visibility-fails", "bodies-corrupt"],
      isDraining: false,
    });
  });

  it("leaves alone what it has no figure for", () => {
    const { count, figures } = worker();
    const before = figures();
    count(
      { type: "pipeline.started", source: "arn", table: "t" },
      { type: "fields.unknown", events: 1, fieldsAdded: 1, fields: 1 },
      { type: "visibility.extended", count: 1, failed: 0 },
      { type: "clock.corrected", offsetMs: 1 },
      { type: "ledger.maintained", created: 1, dropped: 0, pruned: 0 },
      { type: "heartbeat.failed", code: "database.denied", sqlState: "42501" },
      { type: "pipeline.stopped" },
      { type: "config.warning", message: "m" },
    );
    expect(figures()).toEqual(before);
  });

  it("says so when it drains", () => {
    const { count, figures } = worker();
    count({ type: "pipeline.draining", inFlight: 3 });
    expect(figures(3).isDraining).toBe(true);
  });
});

describe("the rates", () => {
  it("are 0 at the first look, and then means since it", () => {
    const { count, at, figures } = worker();
    expect(figures()).toMatchObject({ receivedPerSecond: 0, storedPerSecond: 0 });
    count(received(40, START_MS), written(20, START_MS));
    at(4 * SECOND_MS);
    expect(figures()).toMatchObject({ receivedPerSecond: 10, storedPerSecond: 5 });
  });

  it("are means of the last ten seconds, and forget what was before", () => {
    const { count, at, figures } = worker();
    figures();
    count(received(1_000, START_MS), written(1_000, START_MS));
    for (let second = 1; second <= 11; second += 1) {
      at(second * SECOND_MS);
      figures();
    }
    count(received(33, START_MS));
    at(12 * SECOND_MS);
    expect(figures()).toMatchObject({ receivedPerSecond: 3.3, storedPerSecond: 0 });
    at(60 * SECOND_MS);
    expect(figures()).toMatchObject({ receivedPerSecond: 0 });
  });

  it("take no part in how often they are asked for", () => {
    const { count, at, figures } = worker();
    figures();
    for (let ms = 100; ms <= 20 * SECOND_MS; ms += 100) {
      at(ms);
      count(received(1, START_MS), written(2, START_MS));
      figures();
    }
    expect(figures()).toMatchObject({ receivedPerSecond: 10, storedPerSecond: 20 });
  });

  it("are never negative when the clock goes back, and right again ten seconds later", () => {
    const { count, at, figures } = worker();
    figures();
    count(received(100, START_MS));
    at(-3_600 * SECOND_MS);
    expect(figures().receivedPerSecond).toBe(0);
    for (let second = 1; second <= 11; second += 1) {
      count(received(5, START_MS));
      at((second - 3_600) * SECOND_MS);
      expect(figures().receivedPerSecond).toBeGreaterThanOrEqual(0);
    }
    expect(figures().receivedPerSecond).toBe(5);
  });
});

describe("the lag", () => {
  it("is 0 before anything came", () => {
    expect(worker().figures().lagMs).toBe(0);
  });

  it("is that of the batch just written", () => {
    const { count, at, figures } = worker();
    count(received(5, START_MS - 3_000));
    at(500);
    count(written(5, START_MS - 3_000), settled(5));
    expect(figures().lagMs).toBe(3_500);
    at(9_000);
    expect(figures().lagMs).toBe(3_500);
  });

  it("is 0 again when nothing is in flight ten seconds after the last batch", () => {
    const { count, at, figures } = worker();
    count(received(5, START_MS - 3_000), written(5, START_MS - 3_000), settled(5));
    at(10 * SECOND_MS);
    expect(figures(0).lagMs).toBe(0);
  });

  it("grows while nothing can be written, from the first message on", () => {
    const { count, at, figures } = worker();
    count(received(5, START_MS - 2_000), received(5, START_MS - 7_000), received(5, START_MS));
    expect(figures(15).lagMs).toBe(7_000);
    at(60 * SECOND_MS);
    expect(figures(15).lagMs).toBe(67_000);
  });

  it("grows as well when there were batches before", () => {
    const { count, at, figures } = worker();
    count(received(10, START_MS - 1_000), written(5, START_MS - 1_000), settled(5));
    at(60 * SECOND_MS);
    expect(figures(5).lagMs).toBe(61_000);
  });

  it("of the first message after a pause is its own, not the length of the pause", () => {
    const { count, at, figures } = worker();
    count(received(5, START_MS), written(5, START_MS), settled(3, { released: 1, failed: 1 }));
    at(3_600 * SECOND_MS);
    count(received(1, START_MS + 3_599 * SECOND_MS));
    expect(figures(1).lagMs).toBe(1_000);
  });

  it("is never negative: the queue's clock may be ahead", () => {
    const { count, figures } = worker();
    count(received(1, START_MS + 5_000));
    expect(figures(1).lagMs).toBe(0);
    count(written(1, START_MS + 5_000));
    expect(figures(0).lagMs).toBe(0);
  });
});

describe("a trouble", () => {
  const queueFailed: TelemetryEvent = {
    type: "source.retried",
    action: "ReceiveMessage",
    code: "queue.unreachable",
    attempt: 1,
    delayMs: 100,
  };
  const databaseFailed: TelemetryEvent = {
    type: "batch.retried",
    code: "database.unreachable",
    sqlState: null,
    attempt: 1,
    delayMs: 100,
  };

  it("ends with the next success, each with its own", () => {
    const { count, figures } = worker();
    count(queueFailed, databaseFailed);
    count(received(1, START_MS));
    expect(figures(1)).toMatchObject({ queueTrouble: null, databaseTrouble: "database.unreachable" });
    count(written(1, START_MS));
    expect(figures(1)).toMatchObject({ queueTrouble: null, databaseTrouble: null });
    count(queueFailed, { type: "source.recovered", action: "ReceiveMessage" });
    expect(figures(1)).toMatchObject({ queueTrouble: null });
  });

  it("is over when nothing has failed for a minute: an idle queue gives no other sign", () => {
    const { count, at, figures } = worker();
    count(queueFailed, databaseFailed);
    at(59_999);
    expect(figures()).toMatchObject({ queueTrouble: "queue.unreachable", databaseTrouble: "database.unreachable" });
    at(60_000);
    expect(figures()).toMatchObject({ queueTrouble: null, databaseTrouble: null });
  });
});
