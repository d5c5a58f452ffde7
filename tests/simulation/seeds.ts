import fc from "fast-check";
import { expect, test } from "vitest";
import { FAULT_NAMES } from "./fault-plan.ts";
import { haltingScenarios, type Scenario, scenarios } from "./scenario.ts";
import { PromiseBroken, type Report, simulate } from "./simulate.ts";

/** Fewer seeds need not meet every fault. */
const COVERAGE_SEEDS = 200;
const RARE_COVERAGE_SEEDS = 2_000;
const SHRINK_TIMEOUT_MS = 60_000;

/** What must happen besides the faults, for the runs to mean anything. */
const HAPPENINGS = [
  "crash",
  "dead-lettered",
  "group locked",
  "redelivered",
  "row barred",
  "row unfit",
  "row unfit at COMMIT",
  "run ended well",
  "run failed",
  "told to abort",
  "told to crash",
  "told to stop",
  "waited for the claim of another transaction",
];

/** A few times in 200 seeds. */
const RARE_HAPPENINGS = ["handle expired", "held for 12 hours", "stale handle ignored", "stale handle refused"];

export function scenarioOf(seed: number): Scenario {
  const [scenario] = fc.sample(scenarios, { seed, numRuns: 1, unbiased: true });
  if (scenario === undefined) throw new Error("fast-check made no scenario");
  return scenario;
}

/** Runs the scenario of a seed; when a promise is broken, looks for the smallest scenario that breaks one. */
async function runSeed(seed: number): Promise<Report> {
  let report: Report | null = null;
  const property = fc.asyncProperty(scenarios, async (scenario) => {
    const made = await simulate(scenario);
    report ??= made;
  });
  const details = await fc.check(property, {
    seed,
    numRuns: 1,
    unbiased: true,
    interruptAfterTimeLimit: SHRINK_TIMEOUT_MS,
  });
  if (!details.failed && report !== null) return report;
  const [smallest] = details.counterexample ?? [];
  const reason = details.errorInstance instanceof Error ? details.errorInstance.message : String(details.errorInstance);
  throw new PromiseBroken(
    `seed ${seed}: ${reason}\n\nsmallest scenario: ${JSON.stringify(smallest)}\n` +
      `replay: PIIPE_SIMULATION_SEED=${seed} PIIPE_SIMULATION_SEEDS=1 npx vitest run tests/simulation/simulation.test.ts`,
  );
}

/**
 * The engine and the SQS source over models of SQS and the database, in virtual time, with faults at every step.
 * A seed makes one scenario, and a scenario always runs the same way.
 *
 * PIIPE_SIMULATION_SEEDS  how many seeds to run instead of `usualSeeds`
 * PIIPE_SIMULATION_SEED   the first of them. Default: 1
 */
export function testSeeds(usualSeeds: number): void {
  const seeds = Number(process.env["PIIPE_SIMULATION_SEEDS"] ?? usualSeeds);
  const firstSeed = Number(process.env["PIIPE_SIMULATION_SEED"] ?? 1);
  test(
    `${seeds} seeds from ${firstSeed}: what was sent is stored once, quarantined or still queued, whatever goes wrong`,
    async () => {
      const totals = { sent: 0, rows: 0, quarantined: 0, queued: 0, deadLettered: 0 };
      const counts = new Map<string, number>();
      let virtualMs = 0;
      const startedMs = performance.now();
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
        const report = await runSeed(seed);
        for (const key of Object.keys(totals) as Array<keyof typeof totals>) totals[key] += report[key];
        for (const [what, count] of report.counts) counts.set(what, (counts.get(what) ?? 0) + count);
        virtualMs += report.virtualMs;
      }
      const { sent, rows, quarantined, queued, deadLettered } = totals;
      const seconds = (performance.now() - startedMs) / 1_000;
      const fired = [...counts].toSorted(([a], [b]) => a.localeCompare(b));
      console.log(
        `simulation: seeds ${firstSeed} to ${firstSeed + seeds - 1}, ${seconds.toFixed(1)} s for ` +
          `${(virtualMs / 86_400_000).toFixed(1)} days\n` +
          `sent ${sent} = rows ${rows} + quarantined ${quarantined} + queued ${queued} + dead-lettered ${deadLettered}\n` +
          fired.map(([what, count]) => `  ${String(count).padStart(7)}  ${what}`).join("\n"),
      );
      expect(rows + quarantined + queued + deadLettered).toBe(sent);
      const awaited = [
        ...(seeds >= COVERAGE_SEEDS ? [...FAULT_NAMES, ...HAPPENINGS] : []),
        ...(seeds >= RARE_COVERAGE_SEEDS ? RARE_HAPPENINGS : []),
      ];
      expect(awaited.filter((what) => !counts.has(what))).toEqual([]);
    },
    180_000 + seeds * 1_000,
  );
}

/** Runs the scenario of a seed: each is larger than those of `runSeed`, and no smaller one is looked for. */
async function runHaltingSeed(seed: number): Promise<ReadonlyMap<string, number>> {
  const [scenario] = fc.sample(haltingScenarios, { seed, numRuns: 1, unbiased: true });
  if (scenario === undefined) throw new Error("fast-check made no scenario");
  const { innocent, sent, rows, quarantined, queued, deadLettered, ...report } = await simulate(scenario).catch(
    (error: unknown) => {
      throw new PromiseBroken(`seed ${seed}: ${String(error)}`);
    },
  );
  expect({ seed, innocent }).toEqual({ seed, innocent: [] });
  expect({ seed, sent: rows + quarantined + queued + deadLettered }).toEqual({ seed, sent });
  expect({ seed, rows }).toEqual({ seed, rows: scenario.messages.filter(({ kind }) => kind === "good").length });
  return report.counts;
}

/** Seeds that broke a promise once. */
export function testKnownSeeds(seeds: readonly number[], haltingSeeds: readonly number[]): void {
  test.each(seeds)("seed %d, which broke a promise once", { timeout: 180_000 }, async (seed) => {
    const { sent, rows, quarantined, queued, deadLettered } = await runSeed(seed);
    expect(rows + quarantined + queued + deadLettered).toBe(sent);
  });
  test.each(haltingSeeds)("seed %d of halts, which broke a promise once", async (seed) => {
    expect((await runHaltingSeed(seed)).has("run failed")).toBe(true);
  });
}

/** Halts and restarts under a low `maxReceiveCount`. */
export function testHaltingSeeds(usualSeeds: number): void {
  const seeds = Math.ceil(Number(process.env["PIIPE_SIMULATION_SEEDS"] ?? usualSeeds * 10) / 10);
  const firstSeed = Number(process.env["PIIPE_SIMULATION_SEED"] ?? 1);
  test(
    `${seeds} seeds from ${firstSeed}: no halt and no restart makes a dead letter of a good message`,
    async () => {
      const counts = new Map<string, number>();
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
        for (const [what, count] of await runHaltingSeed(seed)) counts.set(what, (counts.get(what) ?? 0) + count);
      }
      const awaited =
        seeds * 10 >= COVERAGE_SEEDS ? ["halt at begin", "run failed", "dead-lettered", "row barred", "row unfit"] : [];
      expect(awaited.filter((what) => !counts.has(what))).toEqual([]);
    },
    180_000 + seeds * 10_000,
  );
}
