import { expect, it } from "vitest";
import { PollScale } from "./poll-scale.ts";

const APART_MS = 50;
const FULL = 10;

function scaleOf(wanted: number): PollScale {
  const scale = new PollScale(APART_MS);
  while (scale.wanted < wanted) scale.note(FULL, FULL, 0);
  return scale;
}

it("wants one poll more for each full reply, also when few messages were asked for, and never too many", () => {
  const scale = new PollScale(APART_MS);
  expect(scale.wanted).toBe(1);
  scale.note(FULL, FULL, 0);
  scale.note(1, 1, 0);
  expect(scale.wanted).toBe(3);
  for (let replies = 0; replies < 1_000; replies += 1) scale.note(FULL, FULL, 0);
  expect(scale.wanted).toBe(48);
});

it.each([
  [9, 20],
  [5, 20],
  [4, 19],
  [1, 19],
  [0, 1],
])("after a reply of %d of ten messages, wants %d polls of twenty", (received, wanted) => {
  const scale = scaleOf(20);
  scale.note(received, FULL, 0);
  expect(scale.wanted).toBe(wanted);
});

it("always wants one", () => {
  const scale = new PollScale(APART_MS);
  scale.note(1, FULL, 0);
  expect(scale.wanted).toBe(1);
});

it("wants one when SQS cannot be reached", () => {
  const scale = scaleOf(20);
  scale.collapse();
  expect(scale.wanted).toBe(1);
});

it("begins polls so far apart while one is enough and its reply was neither full nor empty", () => {
  const scale = new PollScale(APART_MS);
  expect(scale.pauseMs(1_000)).toBe(0);
  scale.note(9, FULL, 1_000);
  expect(scale.pauseMs(1_002)).toBe(48);
  expect(scale.pauseMs(1_050)).toBe(0);
  expect(scale.pauseMs(9_000)).toBe(0);
});

it("lets the next poll begin at once after an empty reply, a full one, and while several are wanted", () => {
  for (const received of [0, FULL]) {
    const scale = new PollScale(APART_MS);
    scale.note(1, FULL, 1_000);
    scale.note(received, FULL, 1_000);
    expect(scale.pauseMs(1_000)).toBe(0);
  }
  const scale = scaleOf(3);
  scale.note(9, FULL, 1_000);
  expect(scale.pauseMs(1_000)).toBe(0);
});

it("waits no longer than that when the clock is set back", () => {
  const scale = new PollScale(APART_MS);
  scale.note(1, FULL, 1_000_000);
  expect(scale.pauseMs(0)).toBe(APART_MS);
});

it("waits for nothing when told so", () => {
  const scale = new PollScale(0);
  scale.note(1, FULL, 1_000);
  expect(scale.pauseMs(1_000)).toBe(0);
});
