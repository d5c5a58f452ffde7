import { describe, expect, test } from "vitest";
import type { MessageKind, PlannedMessage, Scenario } from "./scenario.ts";
import { type Report, simulate } from "./simulate.ts";

/*
 * Rows in a burst that a trigger refuses, under a code that may be the table's fault as well: the real engine and search over
 * models of the queue and the database, in virtual time. A simulation that leaves a good message unstored does not end.
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

function send(count: number, kind: MessageKind, sentAfterMs: number): PlannedMessage[] {
  return Array.from({ length: count }, () => ({ kind, bytes: 30, sentAfterMs, group: 0 }));
}

function scenarioOf(messages: readonly PlannedMessage[], options: Partial<Scenario> = {}): Scenario {
  return {
    seed: 1,
    queue: {
      isFifo: false,
      visibilitySeconds: 600,
      staleHandles: "ignored",
      receivesMax: 3,
      locksWholeGroup: true,
      servesTheGone: true,
    },
    messages,
    workerStartsMs: [0],
    hasSealingKey: true,
    untilEmpty: false,
    haltAboveShare: 0.5,
    limits: {
      inFlightMax: 2_000,
      inFlightBytesMax: 1_000_000,
      batchRowsMax: 1_000,
      lingerMs: 50,
      writesInFlightMax: 3,
    },
    signals: [],
    faults: [],
    ...options,
  };
}

const failures = ({ trace }: Report): string[] => trace().filter((line) => line.includes(": failed: "));
const haltedAfterMs = ({ trace }: Report): number =>
  Number(
    trace()
      .find((line) => line.includes("failed: data.beyond-limit"))
      ?.split(" ")[0],
  ) * SECOND_MS;

describe("a burst of rows that a trigger refuses", () => {
  test("stops no good ones that follow it: 200 good, 120 refused, 300 good", async () => {
    const messages = [...send(200, "good", 0), ...send(120, "barred", 5_000), ...send(300, "good", 6_000)];
    for (let seed = 1; seed <= 10; seed += 1) {
      const report = await simulate(scenarioOf(messages, { seed }));
      expect(report).toMatchObject({ rows: 500, innocent: [] });
      // When none of the good ones is among the first that a hold has room for, the rows are too many to be quarantined.
      expect(failures(report).filter((line) => !line.includes("data.beyond-limit"))).toEqual([]);
      expect(report.virtualMs).toBeLessThan(5 * MINUTE_MS);
    }
  });

  test("nor two good ones in a quiet queue: 45 refused, 2 good", async () => {
    const messages = [...send(1, "good", 0), ...send(45, "barred", 5_000), ...send(2, "good", 15_000)];
    const report = await simulate(scenarioOf(messages));
    expect(report).toMatchObject({ rows: 3, quarantined: 45 });
    expect(failures(report)).toEqual([]);
    expect(report.virtualMs).toBeLessThan(MINUTE_MS);
  });

  test("at a fresh start does not blame the table for 95 of 100 rows, wherever the others are", async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const messages = [...send(95, "barred", 0), ...send(5, "good", 0)];
      const report = await simulate(scenarioOf(messages, { seed, untilEmpty: true, workerStartsMs: [1_000] }));
      expect(report.rows).toBe(5);
      expect(failures(report).filter((line) => line.includes("database."))).toEqual([]);
    }
  });

  test("before every good one, after a start: a second worker stores what is behind them, and tells", async () => {
    const messages = [...send(200, "barred", 0), ...send(20, "good", MINUTE_MS), ...send(1, "good", 10 * MINUTE_MS)];
    const report = await simulate(
      scenarioOf(messages, {
        workerStartsMs: [SECOND_MS, 2 * MINUTE_MS],
        // The first one has stored nothing, and holds all that it may.
        signals: [{ kind: "stop", afterMs: 4 * MINUTE_MS, worker: 0, awayMs: 60 * MINUTE_MS }],
      }),
    );
    expect(report).toMatchObject({ rows: 21, innocent: [] });
    const lines = report.trace();
    const storedBy = (worker: number): boolean =>
      lines.some((line) => line.includes(`worker ${worker}.1: {"type":"batch.written","stored":`));
    expect([storedBy(1), storedBy(2)]).toEqual([false, true]);
    expect(
      failures(report)
        .slice(0, 2)
        .map((line) => line.replace(/^\S+ s {2}/, "")),
    ).toEqual(["worker 1.1: failed: database.refused", "worker 2.1: failed: data.beyond-limit"]);
  });

  test.each([
    [11, false],
    [45, false],
    [150, false],
    [45, true],
  ])("that nothing follows: %d rows beside stored ones end the run in the end (FIFO: %s)", async (count, isFifo) => {
    const queue = { ...scenarioOf([]).queue, isFifo };
    // The last one lets the simulation go on for as long as that takes.
    const messages = [...send(20, "good", 0), ...send(count, "barred", 5_000), ...send(1, "good", 10 * MINUTE_MS)];
    const report = await simulate(scenarioOf(messages, { queue }));
    expect(failures(report)[0]).toContain("data.beyond-limit");
    // Others get a minute to tell.
    if (!isFifo) expect(haltedAfterMs(report)).toBeGreaterThan(MINUTE_MS / 2);
    expect(haltedAfterMs(report)).toBeLessThan(8 * MINUTE_MS);
    expect(report.innocent).toEqual([]);
  });
});
