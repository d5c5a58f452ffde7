import type { Concern } from "./concerns.ts";
import type { TelemetryEvent } from "./events.ts";

const WINDOW_MS = 300_000;
/** So far apart are the marks, at least. */
const MARK_EVERY_MS = 5_000;
/** What has not happened again for so long is over. */
const RECENT_MS = 300_000;
const REDELIVERED_MIN = 10;
const REDELIVERED_SHARE = 0.1;
const LAG_MIN_MS = 60_000;
/** The lag of now is compared with that of so long ago. */
const LAG_SPAN_MS = 60_000;
/** Single batches hold older or newer messages: of so long, the least now and the most then count. */
const LAG_SMOOTHED_MS = 20_000;
/** By a quarter of the time that passed: a worker that nearly keeps up is no concern yet. */
const LAG_GROWTH_MS = LAG_SPAN_MS / 4;

interface LagMark {
  readonly atMs: number;
  readonly received: number;
  readonly redelivered: number;
  readonly lagMs: number;
}

/** Finds what a worker's events tell together that none tells alone. Does no I/O. */
export class ConcernWatch {
  #received = 0;
  #redelivered = 0;
  readonly #lastMs = new Map<Concern, number>();
  /** The oldest first. */
  readonly #marks: LagMark[] = [];

  count(event: TelemetryEvent, nowMs: number): void {
    switch (event.type) {
      case "deliveries.received":
        this.#received += event.count;
        this.#redelivered += event.redelivered;
        return;
      case "visibility.extended":
        if (event.failed > 0) this.#lastMs.set("visibility-fails", nowMs);
        return;
      case "delivery.corrupt":
        this.#lastMs.set("bodies-corrupt", nowMs);
        return;
      case "event.refused":
        if (event.fate === "full") this.#lastMs.set("quarantine-full", nowMs);
        return;
      case "rows.skipped":
        this.#lastMs.set("rows-skipped", nowMs);
        return;
      default:
    }
  }

  /** Called every few seconds: what grows shows in what it was called with before. */
  concerns(lagMs: number, nowMs: number): readonly Concern[] {
    this.#mark(lagMs, nowMs);
    const found: Concern[] = [];
    if (this.#isLagGrowing(nowMs)) found.push("lag-grows");
    if (this.#isRecent("visibility-fails", nowMs)) found.push("visibility-fails");
    if (this.#isReceivingAgain()) found.push("redeliveries");
    if (this.#isRecent("bodies-corrupt", nowMs)) found.push("bodies-corrupt");
    if (this.#isRecent("quarantine-full", nowMs)) found.push("quarantine-full");
    if (this.#isRecent("rows-skipped", nowMs)) found.push("rows-skipped");
    return found;
  }

  #mark(lagMs: number, nowMs: number): void {
    const marks = this.#marks;
    const last = marks.at(-1);
    // A clock that was set back begins anew.
    if (last !== undefined && nowMs < last.atMs) marks.length = 0;
    if (last === undefined || marks.length === 0 || nowMs - last.atMs >= MARK_EVERY_MS) {
      marks.push({ atMs: nowMs, received: this.#received, redelivered: this.#redelivered, lagMs });
    }
    while (marks.length > 1 && nowMs - (marks[1]?.atMs ?? nowMs) >= WINDOW_MS) marks.shift();
  }

  #isRecent(concern: Concern, nowMs: number): boolean {
    const lastMs = this.#lastMs.get(concern);
    return lastMs !== undefined && nowMs - lastMs < RECENT_MS;
  }

  #isReceivingAgain(): boolean {
    const [first] = this.#marks;
    // A worker that has just begun: all that it received.
    const isWhole = first === undefined || this.#marks.length === 1;
    const received = this.#received - (isWhole ? 0 : first.received);
    const redelivered = this.#redelivered - (isWhole ? 0 : first.redelivered);
    return redelivered >= REDELIVERED_MIN && redelivered > received * REDELIVERED_SHARE;
  }

  #isLagGrowing(nowMs: number): boolean {
    const lags = (fromMs: number, untilMs: number): readonly number[] =>
      this.#marks.filter(({ atMs }) => atMs > fromMs && atMs <= untilMs).map(({ lagMs }) => lagMs);
    const recent = lags(nowMs - LAG_SMOOTHED_MS, nowMs);
    const before = lags(nowMs - LAG_SPAN_MS - LAG_SMOOTHED_MS, nowMs - LAG_SPAN_MS);
    if (recent.length === 0 || before.length === 0) return false;
    const least = Math.min(...recent);
    return least >= LAG_MIN_MS && least - Math.max(...before) >= LAG_GROWTH_MS;
  }
}
