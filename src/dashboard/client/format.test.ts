import { describe, expect, it } from "vitest";
import { formatCount, formatDuration, formatExactly, formatRate, formatTime, formatUtc, plural } from "./format.ts";

describe("counts", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [12_345, "12,345"],
    [999_999, "999,999"],
    [1_000_000, "1M"],
    [1_234_567, "1.23M"],
    [7_891_234_567, "7.89B"],
  ])("%d is %s", (count, text) => expect(formatCount(count)).toBe(text));

  it("are exact where they are asked to be", () => expect(formatExactly(1_234_567)).toBe("1,234,567"));

  it.each([
    [0, "0 events"],
    [1, "1 event"],
    [2_000, "2,000 events"],
  ])("%d is %s", (count, text) => expect(plural(count, "event")).toBe(text));
});

it.each([
  [0, "0"],
  [0.1, "0.1"],
  [9.94, "9.9"],
  [12.4, "12"],
  [4_987.6, "4,988"],
])("%d a second is %s", (rate, text) => expect(formatRate(rate)).toBe(text));

it.each([
  [0, "0 ms"],
  [0.0231, "23 µs"],
  [0.0001, "1 µs"],
  [1.26, "1.3 ms"],
  [340.4, "340 ms"],
  [999.6, "1 s"],
  [4_210, "4.2 s"],
  [9_960, "10 s"],
  [59_700, "1 min"],
  [200_400, "3 min 20 s"],
  [3_600_000, "1 h"],
  [7_500_000, "2 h 5 min"],
  [190_800_000, "2 d 5 h"],
])("%d ms is %s", (durationMs, text) => expect(formatDuration(durationMs)).toBe(text));

describe("times", () => {
  const viewer = { nowMs: Date.parse("2026-11-22T13:30:00Z"), timeZone: "Europe/Berlin" };

  it.each([
    ["2026-11-22T13:03:12.345678Z", "14:03:12"],
    // Still today in UTC, and yesterday where the viewer is.
    ["2026-11-21T22:59:00.000000Z", "21 Nov 23:59"],
    ["2025-12-31T22:00:00.000000Z", "31 Dec 2025"],
  ])("%s is %s in Berlin", (utc, text) => expect(formatTime(utc, viewer)).toBe(text));

  it.each([
    ["2026-11-22", "22 Nov"],
    ["2026-11-01", "1 Nov"],
    ["2025-12-31", "31 Dec 2025"],
  ])("%s is a day, and has no time of day: %s", (day, text) => {
    expect(formatTime(day, viewer)).toBe(text);
    expect(formatTime(day, { ...viewer, timeZone: "America/New_York" })).toBe(text);
    expect(formatUtc(day)).toBe(day);
  });

  it("are told in UTC to the second", () => {
    expect(formatUtc("2026-11-22T13:03:12.945678Z")).toBe("2026-11-22 13:03:12 UTC");
  });
});
