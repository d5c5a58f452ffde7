import { describe, expect, it } from "vitest";
import { RestartLimit } from "./judge-exit.ts";

describe("RestartLimit", () => {
  it("waits longer after each failure, and gives up at the fifth", () => {
    const limit = new RestartLimit(false);
    const delays = Array.from({ length: 5 }, () => limit.nextDelayMs("failed", 1_000));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, null]);
  });

  it("begins anew after a healthy minute, however often", () => {
    const limit = new RestartLimit(false);
    for (let time = 0; time < 20; time += 1) {
      expect(limit.nextDelayMs("failed", 60_000)).toBe(1_000);
      expect(limit.nextDelayMs("failed", 59_999)).toBe(2_000);
    }
  });

  it("counts every failure of a run that is to end: one that gives up after a minute would go on for ever", () => {
    const limit = new RestartLimit(true);
    const delays = Array.from({ length: 5 }, () => limit.nextDelayMs("failed", 70_000));
    expect(delays.at(-1)).toBeNull();
  });

  it("starts a worker again that somebody stopped, and counts no failure", () => {
    const limit = new RestartLimit(false);
    for (let time = 0; time < 20; time += 1) expect(limit.nextDelayMs("stopped", 5)).toBe(1_000);
    expect(limit.failures).toBe(0);
  });

  it("never starts again what would end the same way", () => {
    expect(new RestartLimit(false).nextDelayMs("final", 3_600_000)).toBeNull();
  });
});
