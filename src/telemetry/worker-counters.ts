import type { RejectionCode } from "../pipeline/contracts.ts";
import { addRareCounts, type RareCounts } from "../pipeline/rare-counts.ts";
import { ConcernWatch } from "./concern-watch.ts";
import type { TelemetryEvent } from "./events.ts";
import type { DurationFigures, WorkerFigures } from "./worker-figures.ts";

/** The rates are means of so long. */
const RATE_WINDOW_MS = 10_000;
/** Without a batch for so long, what is in flight is what waits. */
const RECENT_MS = 10_000;

/** Longer than the pause between two tries: what has not failed for so long is well again. */
const TROUBLE_MS = 60_000;

interface LastTrouble {
  readonly code: string;
  readonly atMs: number;
}

interface RateMark {
  readonly atMs: number;
  readonly received: number;
  readonly stored: number;
}

/** Adds up a worker's telemetry events. Does no I/O; takes well under a microsecond an event. */
export class WorkerCounters {
  #received = 0;
  #redelivered = 0;
  #stored = 0;
  #skipped = 0;
  readonly #rare: RareCounts = {};
  #duplicate = 0;
  #differing = 0;
  #quarantined = 0;
  #left = 0;
  #deleted = 0;
  #unsettled = 0;
  #corrupt = 0;
  #visibilityFailures = 0;
  readonly #refused = new Map<RejectionCode, number>();
  #suspected = 0;
  #queueRetries = 0;
  #databaseRetries = 0;
  #batches = 0;
  #batchedEvents = 0;
  #process: DurationFigures = { count: 0, sumMs: 0 };
  #write: DurationFigures = { count: 0, sumMs: 0 };
  #settle: DurationFigures = { count: 0, sumMs: 0 };
  /** Of the last batch: when it was written, and the age of its oldest message. */
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #writtenLagMs = 0;
  /** Received and not settled. */
  #unsettledNow = 0;
  /** No message that waits was sent before; infinite when none waits. */
  #waitingSentAtMs = Number.POSITIVE_INFINITY;
  #queueTrouble: LastTrouble | null = null;
  #databaseTrouble: LastTrouble | null = null;
  #isDraining = false;
  readonly #concerns = new ConcernWatch();
  /** One a second at most, the oldest first. */
  readonly #marks: RateMark[] = [];

  count(event: TelemetryEvent, nowMs: number): void {
    this.#concerns.count(event, nowMs);
    switch (event.type) {
      case "deliveries.received":
        this.#received += event.count;
        this.#redelivered += event.redelivered;
        this.#unsettledNow += event.count;
        this.#waitingSentAtMs = Math.min(this.#waitingSentAtMs, event.oldestSentAtMs);
        this.#queueTrouble = null;
        return;
      case "batch.written":
        this.#countBatch(event, nowMs);
        return;
      case "duplicates.differed":
        this.#differing += event.count;
        return;
      case "deliveries.settled":
        this.#deleted += event.deleted;
        this.#unsettled += event.failed;
        this.#unsettledNow -= event.deleted + event.released + event.failed;
        // Hours later, the next message must not seem to have waited since the last one.
        if (this.#unsettledNow === 0) this.#waitingSentAtMs = Number.POSITIVE_INFINITY;
        this.#settle = longer(this.#settle, 1, event.elapsedMs);
        return;
      case "event.refused":
        this.#refused.set(event.code, (this.#refused.get(event.code) ?? 0) + 1);
        if (event.fate !== "quarantine") this.#left += 1;
        return;
      case "delivery.corrupt":
        this.#corrupt += event.count;
        return;
      case "visibility.extended":
        this.#visibilityFailures += event.failed;
        return;
      case "leak.suspected":
        this.#suspected += event.values;
        return;
      case "source.retried":
        this.#queueRetries += 1;
        this.#queueTrouble = { code: event.code, atMs: nowMs };
        return;
      case "source.recovered":
        this.#queueTrouble = null;
        return;
      case "batch.retried":
      case "batch.held":
        this.#databaseRetries += 1;
        this.#databaseTrouble = { code: event.code, atMs: nowMs };
        return;
      case "pipeline.draining":
        this.#isDraining = true;
        return;
      default:
    }
  }

  /** @param inFlight what the engine says */
  figures(inFlight: number, nowMs: number): WorkerFigures {
    const { receivedPerSecond, storedPerSecond } = this.#rates(nowMs);
    const lagMs = Math.round(this.#lagMs(inFlight, nowMs));
    return {
      received: this.#received,
      redelivered: this.#redelivered,
      stored: this.#stored,
      skipped: this.#skipped,
      ...this.#rare,
      duplicate: this.#duplicate,
      ...(this.#differing === 0 ? {} : { differing: this.#differing }),
      quarantined: this.#quarantined,
      left: this.#left,
      deleted: this.#deleted,
      unsettled: this.#unsettled,
      corrupt: this.#corrupt,
      visibilityFailures: this.#visibilityFailures,
      refused: Object.fromEntries(this.#refused),
      suspected: this.#suspected,
      queueRetries: this.#queueRetries,
      databaseRetries: this.#databaseRetries,
      batches: this.#batches,
      batchedEvents: this.#batchedEvents,
      process: this.#process,
      write: this.#write,
      settle: this.#settle,
      inFlight,
      lagMs,
      receivedPerSecond,
      storedPerSecond,
      queueTrouble: current(this.#queueTrouble, nowMs),
      databaseTrouble: current(this.#databaseTrouble, nowMs),
      concerns: this.#concerns.concerns(lagMs, nowMs),
      isDraining: this.#isDraining,
    };
  }

  #countBatch(event: Extract<TelemetryEvent, { type: "batch.written" }>, nowMs: number): void {
    const { stored, skipped = 0, dropped = 0, duplicate, quarantined, rejected } = event;
    this.#stored += stored;
    this.#skipped += skipped;
    addRareCounts(this.#rare, event);
    this.#duplicate += duplicate;
    this.#quarantined += quarantined;
    this.#batches += 1;
    this.#batchedEvents += stored + skipped + dropped + duplicate + quarantined + rejected;
    this.#process = longer(this.#process, event.processed, event.processMs);
    this.#write = longer(this.#write, 1, event.elapsedMs);
    this.#writtenAtMs = nowMs;
    this.#writtenLagMs = Math.max(0, nowMs - event.oldestSentAtMs);
    // Which of the others wait is not known, only that hardly any is older.
    this.#waitingSentAtMs = event.oldestSentAtMs;
    this.#databaseTrouble = null;
  }

  #lagMs(inFlight: number, nowMs: number): number {
    if (nowMs - this.#writtenAtMs < RECENT_MS) return this.#writtenLagMs;
    if (inFlight === 0 || !Number.isFinite(this.#waitingSentAtMs)) return 0;
    return Math.max(0, nowMs - this.#waitingSentAtMs);
  }

  #rates(nowMs: number): Pick<WorkerFigures, "receivedPerSecond" | "storedPerSecond"> {
    const marks = this.#marks;
    const last = marks.at(-1);
    if (last === undefined || nowMs - last.atMs >= 1_000 || nowMs < last.atMs) {
      marks.push({ atMs: nowMs, received: this.#received, stored: this.#stored });
    }
    while (marks.length > 1 && nowMs - (marks[1]?.atMs ?? nowMs) >= RATE_WINDOW_MS) marks.shift();
    const [first] = marks;
    const seconds = first === undefined ? 0 : (nowMs - first.atMs) / 1_000;
    if (first === undefined || seconds <= 0) return { receivedPerSecond: 0, storedPerSecond: 0 };
    const rate = (now: number, then: number): number => Math.round(((now - then) / seconds) * 10) / 10;
    return {
      receivedPerSecond: rate(this.#received, first.received),
      storedPerSecond: rate(this.#stored, first.stored),
    };
  }
}

function current(trouble: LastTrouble | null, nowMs: number): string | null {
  return trouble !== null && nowMs - trouble.atMs < TROUBLE_MS ? trouble.code : null;
}

function longer({ count, sumMs }: DurationFigures, times: number, elapsedMs: number): DurationFigures {
  return { count: count + times, sumMs: sumMs + elapsedMs };
}
