import { describe, expect, it } from "vitest";
import { RefusalGuard } from "./refusal-guard.ts";

describe("RefusalGuard", () => {
  it("says nothing about fewer than 100 events", () => {
    const guard = new RefusalGuard(0.5);
    for (let index = 0; index < 99; index += 1) expect(guard.count(true)).toBe(false);
    expect(guard.count(true)).toBe(true);
  });

  it("tolerates exactly the limit", () => {
    const guard = new RefusalGuard(0.5);
    for (let index = 0; index < 400; index += 1) expect(guard.count(index % 2 === 1)).toBe(false);
    expect(guard.recent).toEqual({ refused: 200, events: 400 });
  });

  it("forgets what is older than the window", () => {
    const guard = new RefusalGuard(0.9);
    for (let index = 0; index < 50; index += 1) guard.count(true);
    for (let index = 0; index < 1_000; index += 1) guard.count(false);
    expect(guard.recent).toEqual({ refused: 0, events: 1_000 });
  });

  it("notices a queue that turns bad after a million good events", () => {
    const guard = new RefusalGuard(0.5);
    for (let index = 0; index < 1_000_000; index += 1) guard.count(false);
    let bad = 0;
    while (!guard.count(true)) bad += 1;
    expect(bad).toBe(500);
  });

  it("counts an event that turned bad later once, as refused", () => {
    const guard = new RefusalGuard(0.9);
    for (let index = 0; index < 200; index += 1) guard.count(false);
    for (let index = 0; index < 180; index += 1) expect(guard.countTurnedBad()).toBe(false);
    expect(guard.countTurnedBad()).toBe(true);
    expect(guard.recent).toEqual({ refused: 181, events: 200 });
  });

  it("never halts at 1", () => {
    const guard = new RefusalGuard(1);
    for (let index = 0; index < 2_000; index += 1) expect(guard.count(true)).toBe(false);
  });
});
