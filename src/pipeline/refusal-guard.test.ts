import { describe, expect, it } from "vitest";
import { RefusalGuard } from "./refusal-judge.ts";

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

  it("judges a batch as a whole, also one that is larger than the window", () => {
    const guard = new RefusalGuard(0.5);
    expect(guard.countBatch(4_999, 10_000)).toBe(false);
    expect(guard.recent).toEqual({ refused: 500, events: 1_000 });
    expect(guard.countBatch(10, 10)).toBe(true);
    expect(new RefusalGuard(0.5).countBatch(99, 99)).toBe(false);
    expect(new RefusalGuard(0.5).countBatch(0, 0)).toBe(false);
  });

  it("is in doubt while too many of too few were refused", () => {
    const guard = new RefusalGuard(0.5);
    expect(guard.isInDoubt).toBe(false);
    guard.count(true);
    expect(guard.isInDoubt).toBe(true);
    guard.count(false);
    expect(guard.isInDoubt).toBe(false);
    guard.countBatch(97, 97);
    expect(guard.isInDoubt).toBe(true);
    guard.count(true);
    expect(guard.isInDoubt).toBe(false);
  });

  it("never halts at 1", () => {
    const guard = new RefusalGuard(1);
    for (let index = 0; index < 2_000; index += 1) expect(guard.count(true)).toBe(false);
  });
});
