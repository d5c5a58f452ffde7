import type { SimClock } from "../simulation/sim-clock.ts";

/** An hour: what takes longer will never be. */
const PASSING_MAX_MS = 3_600_000;

/** Lets virtual time go on until the condition holds. Resolves to how far it went. */
export async function passUntil(clock: SimClock, what: string, isTrue: () => boolean): Promise<number> {
  const sinceMs = clock.nowMs();
  for (;;) {
    await clock.settle();
    const passedMs = clock.nowMs() - sinceMs;
    if (isTrue()) return passedMs;
    if (passedMs > PASSING_MAX_MS || !clock.advance()) throw new Error(`after ${passedMs} ms still not: ${what}`);
  }
}

/** Lets so much virtual time go by. */
export async function pass(clock: SimClock, ms: number): Promise<void> {
  let isOver = false;
  clock.after(ms, () => (isOver = true));
  await passUntil(clock, "time goes by", () => isOver);
}
