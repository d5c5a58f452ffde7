import { expect, it } from "vitest";
import { grantableSeconds, type Receipt, Tracker } from "./tracker.ts";

/** Of a receive that was answered a second after it was asked. */
function receipt(handle: string, requestedAtMs: number, more: Partial<Receipt> = {}): Receipt {
  return { handle, attempt: 1, requestedAtMs, receivedAtMs: requestedAtMs + 1_000, ...more };
}

it("holds one entry per message with the newest receipt", () => {
  const tracker = new Tracker();
  expect(tracker.receive("a", receipt("h1", 1_000), 30)).toBe(true);
  expect(tracker.receive("a", receipt("h2", 2_000), 30)).toBe(false);
  expect(tracker.size).toBe(1);
  expect(tracker.get("a")).toMatchObject({ receiptHandle: "h2", requestedAtMs: 2_000, visibleAtMs: 32_000 });
});

it("tells by SQS's count which of two receipts is the newer when their requests overlap", () => {
  const tracker = new Tracker();
  tracker.receive("a", receipt("h2", 2_000, { attempt: 2 }), 30);
  // Its reply was overtaken by that of the request after it.
  expect(tracker.receive("a", receipt("h1", 1_000, { attempt: 1, receivedAtMs: 4_000 }), 30)).toBe(false);
  expect(tracker.get("a")).toMatchObject({ receiptHandle: "h2", visibleAtMs: 32_000 });
  // A long poll that was asked before and got the message later.
  tracker.receive("a", receipt("h3", 500, { attempt: 3, receivedAtMs: 5_000 }), 30);
  expect(tracker.get("a")).toMatchObject({ receiptHandle: "h3", visibleAtMs: 30_500 });
});

it("takes what was asked for after the last receipt for the newer, whatever SQS counts", () => {
  const tracker = new Tracker();
  tracker.receive("a", receipt("h1", 1_000, { attempt: 5 }), 30);
  tracker.receive("a", receipt("h2", 2_000, { attempt: 1 }), 30);
  expect(tracker.get("a")).toMatchObject({ receiptHandle: "h2" });
});

it("takes a message as new again once it is forgotten", () => {
  const tracker = new Tracker();
  tracker.receive("a", receipt("h1", 1_000), 30);
  tracker.forget("a");
  expect(tracker.get("a")).toBeUndefined();
  expect(tracker.receive("a", receipt("h2", 2_000), 30)).toBe(true);
});

it("lists what becomes visible soon, without what is being settled or lost", () => {
  const tracker = new Tracker();
  for (const [id, requestedAtMs] of [
    ["a", 0],
    ["b", 0],
    ["c", 0],
    ["d", 20_000],
  ] as const) {
    tracker.receive(id, receipt(`h-${id}`, requestedAtMs), 30);
  }
  const b = tracker.get("b");
  const c = tracker.get("c");
  if (b === undefined || c === undefined) throw new Error("not tracked");
  b.isSettling = true;
  c.isLost = true;
  expect(tracker.visibleBefore(30_001).map(({ id }) => id)).toEqual(["a"]);
  expect(tracker.visibleBefore(30_000)).toEqual([]);
  // A newer receipt has a handle that works.
  tracker.receive("c", receipt("h-c2", 1_000), 20);
  expect(tracker.visibleBefore(30_001).map(({ id }) => id)).toEqual(["a", "c"]);
});

it("asks for no more than 12 hours since the receive", () => {
  const tracker = new Tracker();
  tracker.receive("a", receipt("h", 0), 30);
  const message = tracker.get("a");
  if (message === undefined) throw new Error("not tracked");
  const hoursMs = 3_600_000;
  expect(grantableSeconds(message, 30, 0)).toBe(30);
  expect(grantableSeconds(message, 43_200, hoursMs)).toBe(39_600);
  expect(grantableSeconds(message, 30, 12 * hoursMs - 10_500)).toBe(10);
  expect(grantableSeconds(message, 30, 12 * hoursMs)).toBe(0);
  expect(grantableSeconds(message, 30, 13 * hoursMs)).toBe(0);
});
