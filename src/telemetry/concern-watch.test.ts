import { expect, it } from "vitest";
import { ConcernWatch } from "./concern-watch.ts";

const MINUTE_MS = 60_000;

/** Looks every five seconds for so long, with the lag that each moment has. */
function watched(minutes: number, lagAt: (ms: number) => number, watch = new ConcernWatch(), fromMs = 0) {
  let found: readonly string[] = [];
  for (let ms = fromMs; ms <= fromMs + minutes * MINUTE_MS; ms += 5_000) found = watch.concerns(lagAt(ms), ms);
  return found;
}

it("is concerned about a lag that grows, and not about one that is long, steady or shrinking", () => {
  expect(watched(2, (ms) => ms)).toEqual(["lag-grows"]);
  expect(watched(10, (ms) => ms / 3)).toEqual(["lag-grows"]);
  expect(watched(10, () => 86_400_000)).toEqual([]);
  expect(watched(10, (ms) => Math.max(0, 10_000_000 - 20 * ms))).toEqual([]);
  // A standard queue gives old and new messages in turn.
  expect(watched(10, (ms) => 3_600_000 + (ms % 4) * 500_000)).toEqual([]);
  // No lag of people's notice, however it grows.
  expect(watched(0.9, (ms) => ms)).toEqual([]);
  expect(watched(10, (ms) => ms / 20)).toEqual([]);
});

it("forgets a lag that no longer grows", () => {
  const watch = new ConcernWatch();
  expect(watched(5, (ms) => ms, watch)).toEqual(["lag-grows"]);
  expect(watched(3, () => 5 * MINUTE_MS, watch, 5 * MINUTE_MS + 5_000)).toEqual([]);
});

it("is concerned about what failed in the last minutes", () => {
  const watch = new ConcernWatch();
  watch.count({ type: "visibility.extended", count: 10, failed: 0 }, 0);
  expect(watch.concerns(0, 0)).toEqual([]);
  watch.count({ type: "visibility.extended", count: 10, failed: 1 }, 1_000);
  watch.count({ type: "delivery.corrupt", count: 1, messageIds: ["a"] }, 1_000);
  watch.count({ type: "rows.skipped", count: 1 }, 1_000);
  expect(watch.concerns(0, 1_000)).toEqual(["visibility-fails", "bodies-corrupt", "rows-skipped"]);
  expect(watch.concerns(0, 10 * MINUTE_MS)).toEqual([]);
});

it("is concerned when more than a tenth of what comes has come before", () => {
  const watch = new ConcernWatch();
  const receive = (count: number, redelivered: number, atMs: number): readonly string[] => {
    watch.count({ type: "deliveries.received", count, redelivered, bytes: 1, oldestSentAtMs: 0 }, atMs);
    return watch.concerns(0, atMs);
  };
  expect(receive(1_000, 9, 0)).toEqual([]);
  expect(receive(100, 50, 10_000)).toEqual(["redeliveries"]);
  expect(receive(10_000, 10, 20_000)).toEqual([]);
  // A few of few are a retry or two.
  const quiet = new ConcernWatch();
  quiet.count({ type: "deliveries.received", count: 3, redelivered: 3, bytes: 1, oldestSentAtMs: 0 }, 0);
  expect(quiet.concerns(0, 0)).toEqual([]);
});
