import type { Clock } from "../../src/pipeline/contracts.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

interface Timer {
  readonly atMs: number;
  /** Of two timers at the same time the older one fires first. */
  readonly order: number;
  /** null: cancelled. */
  fire: (() => void) | null;
}

const START_MS = Date.UTC(2026, 0, 1);

/** Virtual time: it moves only when nothing is left to do at the present, and then to the next timer at once. */
export class SimClock implements Clock {
  readonly startMs = START_MS;
  readonly #random: SeededRandom;
  /** A binary heap: no timer is before its parent, which is at half its index. */
  readonly #timers: Timer[] = [];
  #nowMs = START_MS;
  #made = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return this.#random.next();
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      const cancel = this.after(delayMs, finish);
      signal?.addEventListener("abort", finish, { once: true });
    });
  }

  /** Calls `fire` after the delay; what it returns cancels that. */
  after(delayMs: number, fire: () => void): () => void {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), order: (this.#made += 1), fire };
    this.#push(timer);
    return () => {
      timer.fire = null;
    };
  }

  /** Lets everything run that waits for no timer. */
  settle(): Promise<void> {
    // Immediates come after all microtasks, also those that microtasks queue.
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves to the next timer and fires it; false when there is none. */
  advance(): boolean {
    for (;;) {
      const timer = this.#pop();
      if (timer === null) return false;
      if (timer.fire === null) continue;
      this.#nowMs = timer.atMs;
      timer.fire();
      return true;
    }
  }

  #push(timer: Timer): void {
    const timers = this.#timers;
    let at = timers.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = timers[above];
      if (parent === undefined || isBefore(parent, timer)) break;
      timers[at] = parent;
      timers[above] = timer;
      at = above;
    }
  }

  #pop(): Timer | null {
    const timers = this.#timers;
    const [first] = timers;
    const last = timers.pop();
    if (first === undefined || last === undefined) return null;
    if (timers.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = timers[below];
      if (child === undefined) break;
      const sibling = timers[below + 1];
      if (sibling !== undefined && isBefore(sibling, child)) {
        child = sibling;
        below += 1;
      }
      if (isBefore(last, child)) break;
      timers[at] = child;
      at = below;
    }
    timers[at] = last;
    return first;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
