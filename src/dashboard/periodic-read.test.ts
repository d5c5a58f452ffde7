import { describe, expect, it } from "vitest";
import { SimClock } from "../../tests/simulation/sim-clock.ts";
import { SeededRandom } from "../../tests/support/seeded-random.ts";
import { pass } from "../../tests/support/virtual-time.ts";
import { PeriodicRead } from "./duplicates-cache.ts";

const EVERY_MS = 2_000;

function reading(read: (clock: SimClock, abort: AbortSignal) => Promise<string>) {
  const clock = new SimClock(new SeededRandom(1));
  const startsMs: number[] = [];
  const bugs: unknown[] = [];
  const periodic = new PeriodicRead(
    (abort) => {
      startsMs.push(clock.elapsedMs() - clock.startMs);
      return read(clock, abort);
    },
    { everyMs: EVERY_MS, clock, reportBug: (error) => bugs.push(error) },
  );
  return { clock, startsMs, bugs, periodic };
}

describe("a periodic read", () => {
  it("reads at once, then every so often, until nobody watches", async () => {
    const { clock, startsMs, periodic } = reading(() => Promise.resolve("answer"));
    const watch = new AbortController();
    const kept = periodic.keep(watch.signal);
    await pass(clock, 4_500);
    watch.abort();
    await kept;
    await pass(clock, 60_000);
    expect(startsMs).toEqual([0, 2_000, 4_000]);
    expect(periodic.value).toBe("answer");
  });

  it("takes at most a tenth of the time of a service that is slow", async () => {
    const { clock, startsMs, periodic } = reading(async (time, abort) => {
      await time.sleep(1_000, abort);
      return "slow";
    });
    const watch = new AbortController();
    const kept = periodic.keep(watch.signal);
    await pass(clock, 25_000);
    watch.abort();
    await kept;
    expect(startsMs).toEqual([0, 10_000, 20_000]);
  });

  it("does not read more often because viewers come and go, and gives what is still fresh", async () => {
    const { clock, startsMs, periodic } = reading(() => Promise.resolve("answer"));
    for (let visit = 0; visit < 5; visit += 1) {
      const watch = new AbortController();
      const kept = periodic.keep(watch.signal);
      await pass(clock, 100);
      expect(periodic.value).toBe("answer");
      watch.abort();
      await kept;
    }
    expect(startsMs).toEqual([0]);
  });

  it("shows nothing of a watch that ended long ago until it has read again", async () => {
    const { clock, periodic } = reading(async (time, abort) => {
      await time.sleep(10, abort);
      return "answer";
    });
    const first = new AbortController();
    const kept = periodic.keep(first.signal);
    await pass(clock, 50);
    first.abort();
    await kept;
    await pass(clock, 60_000);
    const second = new AbortController();
    const keptAgain = periodic.keep(second.signal);
    await clock.settle();
    expect(periodic.value).toBeNull();
    await pass(clock, 50);
    expect(periodic.value).toBe("answer");
    second.abort();
    await keptAgain;
  });

  it("asks one question at a time, and forgets the answer to one that was cut short", async () => {
    let underWay = 0;
    let underWayMax = 0;
    const { clock, periodic } = reading(async (time) => {
      underWay += 1;
      underWayMax = Math.max(underWayMax, underWay);
      await time.sleep(500);
      underWay -= 1;
      return "late";
    });
    const first = new AbortController();
    const second = new AbortController();
    const kept = [periodic.keep(first.signal)];
    await clock.settle();
    first.abort();
    kept.push(periodic.keep(second.signal));
    await pass(clock, 600);
    expect(periodic.value).toBeNull();
    await pass(clock, 6_000);
    expect(periodic.value).toBe("late");
    second.abort();
    await Promise.all(kept);
    expect(underWayMax).toBe(1);
  });

  it("reports a bug, and goes on", async () => {
    let isBroken = true;
    const { clock, bugs, periodic } = reading(() =>
      isBroken ? Promise.reject(new TypeError("x")) : Promise.resolve("well"),
    );
    const watch = new AbortController();
    const kept = periodic.keep(watch.signal);
    await pass(clock, 3_000);
    expect(bugs).toHaveLength(2);
    isBroken = false;
    await pass(clock, 3_000);
    expect(periodic.value).toBe("well");
    watch.abort();
    await kept;
  });
});
