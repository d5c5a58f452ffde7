import { describe, expect, it } from "vitest";
import { LeftMessages } from "./left-messages.ts";

describe("LeftMessages", () => {
  it("tells a message that came back from a new one", () => {
    const left = new LeftMessages(10_000);
    expect(left.add("a", 1_000)).toBe(true);
    expect(left.add("a", 2_000)).toBe(false);
    expect(left.countAt(0)).toBe(1);
  });

  it("forgets what did not come back: a dead-letter queue has it", () => {
    const left = new LeftMessages(10_000);
    left.add("a", 10_000);
    left.add("b", 50_000);
    expect(left.countAt(70_000)).toBe(2);
    expect(left.countAt(70_001)).toBe(1);
    expect(left.has("a")).toBe(false);
  });

  it("is bounded: the oldest go first", () => {
    const left = new LeftMessages(10_000);
    for (let index = 0; index < 10_001; index += 1) left.add(`m${index}`, 0);
    expect(left.has("m0")).toBe(false);
    expect(left.has("m1")).toBe(true);
    expect(left.countAt(0)).toBe(10_000);
  });
});
