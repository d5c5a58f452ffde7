import { describe, expect, it } from "vitest";
import type { Sample } from "../api.ts";
import {
  appendSample,
  describeSpan,
  latest,
  loneIndexes,
  spanMsOf,
  summarize,
  toColumns,
  WINDOW_MS,
} from "./samples.ts";

const NOW_MS = 1_800_000_000_000;

function sampleAt(atMs: number, values: Partial<Sample> = {}): Sample {
  return {
    atMs,
    receivedPerSecond: 0,
    storedPerSecond: 0,
    lagMs: 0,
    inFlight: 0,
    visible: null,
    eventsPerBatch: null,
    processMicrosPerMessage: null,
    writeMs: null,
    settleMs: null,
    ...values,
  };
}

describe("appending", () => {
  it("keeps the window and no more", () => {
    const old = [sampleAt(NOW_MS - WINDOW_MS - 1), sampleAt(NOW_MS - WINDOW_MS), sampleAt(NOW_MS - 1_000)];
    expect(appendSample(old, sampleAt(NOW_MS)).map(({ atMs }) => atMs)).toEqual([
      NOW_MS - WINDOW_MS,
      NOW_MS - 1_000,
      NOW_MS,
    ]);
  });

  it("has one sample of a moment", () => {
    const known = [sampleAt(NOW_MS - 1_000), sampleAt(NOW_MS)];
    expect(appendSample(known, sampleAt(NOW_MS, { lagMs: 5 })).map(({ atMs }) => atMs)).toEqual([
      NOW_MS - 1_000,
      NOW_MS,
    ]);
  });

  it("goes on from a clock that was set back", () => {
    const known = [sampleAt(NOW_MS - 30_000), sampleAt(NOW_MS + 3_600_000)];
    const now = sampleAt(NOW_MS, { lagMs: 5 });
    expect(appendSample(known, now)).toEqual([known[0], now]);
  });
});

describe("the span of the charts", () => {
  it.each([
    [0, "last minute"],
    [1_000, "last minute"],
    [60_000, "last minute"],
    [60_001, "last 2 minutes"],
    [179_000, "last 3 minutes"],
    [WINDOW_MS, "last 15 minutes"],
    [WINDOW_MS + 60_000, "last 15 minutes"],
  ])("after %d ms is the %s", (knownMs, described) => {
    expect(describeSpan([sampleAt(NOW_MS - knownMs), sampleAt(NOW_MS)])).toBe(described);
  });

  it("is a minute where nothing is known", () => {
    expect(describeSpan([])).toBe("last minute");
    expect(spanMsOf(NOW_MS, NOW_MS)).toBe(60_000);
  });
});

it("gives a chart one column a line, and a gap where nothing is known", () => {
  const samples = [
    sampleAt(NOW_MS, { lagMs: 1, visible: 7 }),
    sampleAt(NOW_MS + 1_000, { lagMs: 2 }),
    sampleAt(NOW_MS + 60_000, { lagMs: 3 }),
  ];
  expect(toColumns(samples, [(sample) => sample.lagMs, (sample) => sample.visible])).toEqual([
    [0, 1, 2, 60].map((seconds) => NOW_MS / 1_000 + seconds),
    [1, 2, null, 3],
    [7, null, null, null],
  ]);
});

it("finds the values that no line leads to", () => {
  expect(loneIndexes([])).toEqual([]);
  expect(loneIndexes([1])).toEqual([0]);
  expect(loneIndexes([0, null, 2, 3, null, null, 6, undefined, 8])).toEqual([0, 6, 8]);
});

it("sums up what is known", () => {
  const samples = [2, null, 4, null].map((writeMs, index) => sampleAt(NOW_MS + index * 1_000, { writeMs }));
  expect(summarize(samples, ({ writeMs }) => writeMs)).toEqual({ mean: 3, highest: 4 });
  expect(summarize(samples, ({ visible }) => visible)).toBeNull();
  expect(latest(samples, ({ writeMs }) => writeMs)).toBe(4);
  expect(latest(samples, ({ visible }) => visible)).toBeNull();
});
