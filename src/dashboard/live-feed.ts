import type { Snapshot, Trouble, StoredParts } from "../app/snapshot.ts";
import type { Clock } from "../pipeline/contracts.ts";
import type { Hello, Sample, Tick } from "./api.ts";
import type { DashboardData } from "./dashboard-data.ts";
import { PeriodicRead } from "./duplicates-cache.ts";
import { Meter } from "./meter.ts";
import { Viewers } from "./viewers.ts";

const SAMPLE_EVERY_MS = 1_000;
/** A quarter of an hour. */
const SAMPLES_MAX = 900;
const DEPTH_EVERY_MS = 5_000;
/** Few change, slowly. */
const DEAD_LETTERS_EVERY_MS = 30_000;
const STORED_EVERY_MS = 2_000;
/** So long the first tick waits for the services; then it says that they have not answered. */
const FIRST_TICK_WITHIN_MS = 3_000;

export interface LiveFeedOptions {
  readonly data: DashboardData;
  readonly clock: Clock;
  readonly reportBug: (error: unknown) => void;
}

/**
 * One sampler for all viewers. Own workers are sampled each second, also while nobody watches, as that asks nobody; the
 * database and the queue are asked only while somebody does.
 */
export class LiveFeed {
  readonly #data: DashboardData;
  readonly #clock: Clock;
  readonly #reportBug: (error: unknown) => void;
  readonly #viewers = new Viewers((count) => this.#onViewers(count));
  readonly #meter = new Meter();
  readonly #history: Sample[] = [];
  readonly #depth: PeriodicRead<Snapshot["depth"]>;
  readonly #deadLetters: PeriodicRead<Snapshot["deadLetters"]>;
  readonly #stored: PeriodicRead<StoredParts>;
  readonly #closing = new AbortController();
  #watch: AbortController | null = null;
  #watchedSinceMs = 0;
  #reads: Promise<unknown> = Promise.resolve();

  constructor(options: LiveFeedOptions) {
    const { data, clock, reportBug } = options;
    this.#data = data;
    this.#clock = clock;
    this.#reportBug = reportBug;
    this.#depth = new PeriodicRead((abort) => data.readDepth(abort), { ...options, everyMs: DEPTH_EVERY_MS });
    this.#deadLetters = new PeriodicRead((abort) => data.readDeadLetters(abort), {
      ...options,
      everyMs: DEAD_LETTERS_EVERY_MS,
    });
    this.#stored = new PeriodicRead(() => data.readStored(), { ...options, everyMs: STORED_EVERY_MS });
  }

  /**
   * null: there are too many viewers.
   * @param drop cuts the connection of one that does not read
   */
  open(drop: () => void): ReadableStream<Uint8Array> | null {
    if (this.#viewers.isFull) return null;
    const { version, duplicateColumns, replay, discard } = this.#data;
    const hello: Hello = {
      version,
      duplicateColumns,
      actions: { replay: replay !== null, discard: discard !== null },
      history: this.#history,
    };
    return this.#viewers.open("hello", hello, drop);
  }

  /** Until `close`. Throws nothing. */
  async run(): Promise<void> {
    const clock = this.#clock;
    const { signal } = this.#closing;
    let nextMs = clock.elapsedMs();
    while (!signal.aborted) {
      try {
        this.#sample();
      } catch (error) {
        this.#reportBug(error);
      }
      // Seconds that were missed, as the process was busy, are not made up for.
      nextMs = Math.max(nextMs + SAMPLE_EVERY_MS, clock.elapsedMs());
      await clock.sleep(nextMs - clock.elapsedMs(), signal);
    }
    await this.#reads;
  }

  close(): void {
    this.#closing.abort();
    this.#viewers.close();
  }

  #sample(): void {
    const depth = this.#watch === null ? null : this.#depth.value;
    const visible = depth?.ok === true ? depth.value.visible : null;
    const sample = this.#meter.measure(this.#data.ownWorkers(), visible, this.#clock.nowMs());
    this.#history.push(sample);
    if (this.#history.length > SAMPLES_MAX) this.#history.shift();
    if (this.#viewers.count === 0) return;
    const deadLetters = this.#deadLetters.value;
    const stored = this.#stored.value;
    const isEarly = this.#clock.elapsedMs() - this.#watchedSinceMs < FIRST_TICK_WITHIN_MS;
    if (isEarly && (depth === null || deadLetters === null || stored === null)) return;
    const noQueue = { ok: false, error: NO_QUEUE } as const;
    const silent = { ok: false, error: NO_DATABASE } as const;
    const snapshot = this.#data.snapshot({
      depth: depth ?? noQueue,
      deadLetters: deadLetters ?? noQueue,
      ...(stored ?? { workers: silent, quarantine: silent }),
    });
    const tick: Tick = { snapshot, sample };
    this.#viewers.send("tick", tick);
  }

  #onViewers(count: number): void {
    if (count === 0) {
      this.#watch?.abort();
      this.#watch = null;
    } else if (this.#watch === null) {
      this.#watch = new AbortController();
      this.#watchedSinceMs = this.#clock.elapsedMs();
      const { signal } = this.#watch;
      this.#reads = Promise.all([this.#depth.keep(signal), this.#deadLetters.keep(signal), this.#stored.keep(signal)]);
    }
  }
}

const NO_QUEUE: Trouble = { code: "queue.unreachable", message: "the queue has not answered yet", hint: null };
const NO_DATABASE: Trouble = { code: "database.unreachable", message: "the database has not answered yet", hint: null };
