import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROMISED_PERCENTS, SCALING_SECONDS, type ScaleDemand, planScale } from "./scale-plan.ts";

const DEMAND: ScaleDemand = {
  percent: 99,
  withinSeconds: 60,
  peakPerSecond: 5_000,
  workerPerSecond: 2_000,
  maxConnections: 4,
};

it("is what a pencil finds", () => {
  // 30 s of 60 are left to wait; 4.606 mean ages hold 99 %: 6.5 s at 2,000/s. Half as much again as the peak: 3.75 workers.
  expect(planScale(DEMAND)).toEqual({ ...DEMAND, queueLength: 13_026, workersMax: 4, connections: 20 });
});

it("starts a worker for each message where there is hardly time to wait", () => {
  expect(planScale({ ...DEMAND, withinSeconds: SCALING_SECONDS + 1, workerPerSecond: 1 }).queueLength).toBe(1);
});

describe("of any demand", () => {
  const demands = fc.record({
    percent: fc.constantFrom(...PROMISED_PERCENTS),
    withinSeconds: fc.integer({ min: SCALING_SECONDS + 1, max: 86_400 }),
    peakPerSecond: fc.integer({ min: 1, max: 9_999_999 }),
    workerPerSecond: fc.integer({ min: 10, max: 9_999_999 }),
    maxConnections: fc.integer({ min: 1, max: 100 }),
  });

  it("no more than the rest of 100 % waits longer than promised, where messages are taken at random", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        const meanAgeSeconds = planScale(demand).queueLength / demand.workerPerSecond;
        const shareLater = Math.exp(-(demand.withinSeconds - SCALING_SECONDS) / meanAgeSeconds);
        expect(shareLater).toBeLessThanOrEqual((100 - demand.percent) / 100 + 1e-9);
      }),
    );
  });

  it("the workers store the peak, and what came while they were started within the promised time", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        const { withinSeconds, peakPerSecond, workerPerSecond } = demand;
        const { workersMax } = planScale(demand);
        const spare = workersMax * workerPerSecond - peakPerSecond;
        expect(spare * withinSeconds).toBeGreaterThanOrEqual(peakPerSecond * SCALING_SECONDS);
        // And one worker fewer would not.
        expect((spare - workerPerSecond) * withinSeconds).toBeLessThan(peakPerSecond * SCALING_SECONDS);
      }),
    );
  });

  it("every worker has its connections, and so has the one that takes the place of another", () => {
    fc.assert(
      fc.property(demands, (demand) => {
        const { workersMax, connections } = planScale(demand);
        expect(connections).toBe((workersMax + 1) * demand.maxConnections);
      }),
    );
  });
});
