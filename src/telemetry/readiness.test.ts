import { describe, expect, it } from "vitest";
import type { TelemetryEvent } from "./events.ts";
import { ReadinessWatch } from "./readiness.ts";

const STARTED = { type: "pipeline.started", source: "arn", table: "t" } as const;
const RECEIVED = { type: "deliveries.received", count: 1, redelivered: 0, bytes: 9, oldestSentAtMs: 0 } as const;
const WRITTEN: TelemetryEvent = {
  type: "batch.written",
  stored: 1,
  duplicate: 0,
  quarantined: 0,
  rejected: 0,
  elapsedMs: 1,
  oldestSentAtMs: 0,
  processed: 1,
  processMs: 1,
};
const write = (attempt: number): TelemetryEvent => ({
  type: "batch.retried",
  code: "database.unreachable",
  sqlState: null,
  attempt,
  delayMs: 100,
});
const request = (action: string, attempt = 1): TelemetryEvent => ({
  type: "source.retried",
  code: "queue.unreachable",
  action,
  attempt,
  delayMs: 500,
});

/** What is answered at a time, after events at theirs. */
function answerAt(nowMs: number, events: ReadonlyArray<readonly [atMs: number, event: TelemetryEvent]>) {
  const watch = new ReadinessWatch();
  for (const [atMs, event] of events) watch.count(event, atMs);
  return watch.readiness(nowMs);
}

describe("a worker", () => {
  it("is not ready until it has started, whatever else it reports", () => {
    expect(answerAt(0, [])).toEqual({ ready: false, reason: "starting" });
    expect(answerAt(9, [[5, { type: "config.warning", message: "w" }]])).toEqual({ ready: false, reason: "starting" });
    expect(answerAt(9, [[5, STARTED]])).toEqual({ ready: true });
  });

  it.each([
    { type: "pipeline.draining", inFlight: 3 },
    { type: "pipeline.stopped" },
    { type: "pipeline.aborted", unsettled: 3 },
  ] as const)("is not ready any more after $type", (event) => {
    expect(
      answerAt(9, [
        [5, STARTED],
        [6, event],
      ]),
    ).toEqual({ ready: false, reason: "draining" });
  });

  it("stays ready after a failed write that is tried again, and is not once writes keep failing", () => {
    const failing = [
      [0, STARTED],
      [1_000, write(1)],
    ] as const;
    expect(answerAt(5_999, failing)).toEqual({ ready: true });
    // One try may take longer than that: it does not count as a success.
    expect(answerAt(6_000, failing)).toEqual({ ready: false, reason: "writes-failing", code: "database.unreachable" });
    expect(answerAt(90_000, failing)).toMatchObject({ ready: false });
    expect(answerAt(6_000, [...failing, [5_500, WRITTEN]])).toEqual({ ready: true });
    expect(answerAt(6_000, [...failing, [5_500, WRITTEN], [5_600, write(1)]])).toEqual({ ready: true });
  });

  it("is not ready while receives keep failing, until something is received or nothing fails any more", () => {
    const failing = [
      [0, STARTED],
      [1_000, request("ReceiveMessage")],
      [6_000, request("ReceiveMessage", 2)],
    ] as const;
    const unready = { ready: false, reason: "receives-failing", code: "queue.unreachable" };
    expect(answerAt(6_000, failing.slice(0, 2))).toEqual({ ready: true });
    expect(answerAt(6_000, failing)).toEqual(unready);
    expect(answerAt(65_999, failing)).toEqual(unready);
    expect(answerAt(66_000, failing)).toEqual({ ready: true });
    expect(answerAt(6_100, [...failing, [6_050, RECEIVED]])).toEqual({ ready: true });
    expect(answerAt(6_100, [...failing, [6_050, { type: "source.recovered", action: "ReceiveMessage" }]])).toEqual({
      ready: true,
    });
    // An hour later a new failure begins anew.
    expect(answerAt(3_600_000, [...failing, [3_600_000, request("ReceiveMessage")]])).toEqual({ ready: true });
  });

  it("does not judge by deletes that fail: those messages come again", () => {
    const failing = [
      [0, STARTED],
      [1, request("DeleteMessageBatch")],
      [9_000, request("DeleteMessageBatch")],
    ] as const;
    expect(answerAt(9_000, failing)).toEqual({ ready: true });
  });
});
