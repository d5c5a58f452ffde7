import { describe, expect, it } from "vitest";
import { PiipeError } from "../../errors.ts";
import { connectionsBeside, countWorkers, shareConnections } from "./worker-count.ts";

describe("countWorkers", () => {
  it.each([
    { cores: 8, connectionsMax: 100, workers: 8 },
    { cores: 8, connectionsMax: 4, workers: 4 },
    { cores: 1, connectionsMax: 4, workers: 1 },
    { cores: 128, connectionsMax: 100, workers: 64 },
  ])("auto on $cores cores with $connectionsMax connections: $workers", ({ cores, connectionsMax, workers }) => {
    expect(countWorkers("auto", connectionsMax, cores)).toBe(workers);
  });

  it("starts as many as were asked for, whatever the cores, up to the connections", () => {
    expect(countWorkers(1, 1, 2)).toBe(1);
    expect(countWorkers(4, 4, 2)).toBe(4);
  });

  it("refuses more workers than connections, and says what to set", () => {
    let error: unknown = null;
    try {
      countWorkers(5, 4, 8);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(PiipeError);
    const { code, message, hint } = error as PiipeError;
    expect(code).toBe("usage.invalid");
    expect(message).toContain("maxConnections is 4");
    expect(hint).toContain("maxConnections to 5 or more");
    expect(hint).toContain("at most 4 workers");
  });
});

describe("connectionsBeside", () => {
  it("leaves one for the dashboard, unless each worker needs one", () => {
    expect(connectionsBeside(4, 1)).toBe(3);
    expect(connectionsBeside(2, 1)).toBe(1);
    expect(connectionsBeside(1, 1)).toBe(1);
    expect(connectionsBeside(5, 4)).toBe(4);
    expect(connectionsBeside(4, 4)).toBe(4);
  });
});

describe("shareConnections", () => {
  it("shares all of them, the remainder with the first", () => {
    expect(shareConnections(4, 2)).toEqual([2, 2]);
    expect(shareConnections(11, 4)).toEqual([3, 3, 3, 2]);
    expect(shareConnections(3, 3)).toEqual([1, 1, 1]);
  });

  it("gives each worker one at least, and all together never more than there are", () => {
    const wrong: string[] = [];
    for (let connectionsMax = 1; connectionsMax <= 100; connectionsMax += 1) {
      for (let workers = 1; workers <= Math.min(64, connectionsMax); workers += 1) {
        const shares = shareConnections(connectionsMax, workers);
        const sum = shares.reduce((total, share) => total + share, 0);
        const isRight = shares.length === workers && sum === connectionsMax && Math.min(...shares) >= 1;
        if (!isRight) wrong.push(`${connectionsMax} connections, ${workers} workers`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
