import { describe, expect, it } from "vitest";
import { SimClock } from "../../tests/simulation/sim-clock.ts";
import { SeededRandom } from "../../tests/support/seeded-random.ts";
import { pass } from "../../tests/support/virtual-time.ts";
import { DuplicatesCache } from "./duplicates-cache.ts";

function cached(takesMs: number) {
  const clock = new SimClock(new SeededRandom(1));
  const asked: string[] = [];
  const state = { underWay: 0, underWayMax: 0, failure: null as Error | null };
  const cache = new DuplicatesCache(async (column) => {
    asked.push(column);
    state.underWay += 1;
    state.underWayMax = Math.max(state.underWayMax, state.underWay);
    await clock.sleep(takesMs);
    state.underWay -= 1;
    if (state.failure !== null) throw state.failure;
    return { column, duplicates: [], valuesFound: asked.length, rowsFound: 0 };
  }, clock);
  return { clock, asked, state, cache };
}

describe("the cache of duplicates", () => {
  it("asks once for all who ask within half a minute of the answer", async () => {
    const { clock, asked, cache } = cached(60_000);
    const both = Promise.all([cache.get("a"), cache.get("a")]);
    await pass(clock, 61_000);
    expect((await both).map(({ valuesFound }) => valuesFound)).toEqual([1, 1]);
    await pass(clock, 28_000);
    expect(await cache.get("a")).toMatchObject({ valuesFound: 1 });
    expect(asked).toEqual(["a"]);
    await pass(clock, 2_000);
    const again = cache.get("a");
    await pass(clock, 61_000);
    expect(await again).toMatchObject({ valuesFound: 2 });
  });

  it("reads one column at a time", async () => {
    const { clock, asked, state, cache } = cached(1_000);
    const all = Promise.all(["a", "b", "c", "b"].map((column) => cache.get(column)));
    await pass(clock, 5_000);
    expect((await all).map(({ column }) => column)).toEqual(["a", "b", "c", "b"]);
    expect(asked).toEqual(["a", "b", "c"]);
    expect(state.underWayMax).toBe(1);
  });

  it("tells a failure to those who wait, keeps none, and goes on", async () => {
    const { clock, state, cache } = cached(10);
    state.failure = new Error("away");
    const failed = Promise.allSettled([cache.get("a"), cache.get("a")]);
    await pass(clock, 100);
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    state.failure = null;
    const well = cache.get("a");
    await pass(clock, 100);
    expect(await well).toMatchObject({ column: "a" });
  });
});
