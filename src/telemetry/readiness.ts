import type { ErrorCode } from "../errors.ts";
import type { TelemetryEvent } from "./events.ts";

export type UnreadyReason = "starting" | "draining" | "writes-failing" | "receives-failing";

/** Whether a worker does its work, as `/readyz` answers it. */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: UnreadyReason; readonly code?: ErrorCode };

/** A single failed try is nothing to tell: it mostly passes with the next. */
const KEEPS_FAILING_MS = 5_000;
/** Longer than a poll and the pause after it: what has not failed for so long is well again, though nothing came. */
const FORGOTTEN_MS = 60_000;

interface Failing {
  readonly code: ErrorCode;
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** Judges a worker by its telemetry events. */
export class ReadinessWatch {
  #hasStarted = false;
  #isEnding = false;
  #writes: Failing | null = null;
  #receives: Failing | null = null;

  count(event: TelemetryEvent, nowMs: number): void {
    switch (event.type) {
      case "pipeline.started":
        this.#hasStarted = true;
        return;
      case "pipeline.draining":
      case "pipeline.aborted":
      case "pipeline.stopped":
        this.#isEnding = true;
        return;
      case "batch.retried":
        this.#writes = { code: event.code, sinceMs: this.#writes?.sinceMs ?? nowMs, lastMs: nowMs };
        return;
      case "batch.held":
        // No single failed try: this one does not pass by itself.
        this.#writes = { code: event.code, sinceMs: nowMs - KEEPS_FAILING_MS, lastMs: nowMs };
        return;
      case "batch.written":
        this.#writes = null;
        return;
      case "source.retried":
        if (event.action === "ReceiveMessage") this.#countReceive(event.code, nowMs);
        return;
      case "source.recovered":
        if (event.action === "ReceiveMessage") this.#receives = null;
        return;
      case "deliveries.received":
        this.#receives = null;
        return;
      default:
    }
  }

  readiness(nowMs: number): Readiness {
    if (this.#isEnding) return { ready: false, reason: "draining" };
    if (!this.#hasStarted) return { ready: false, reason: "starting" };
    const [writes, receives] = [this.#writes, this.#receives];
    // A batch that was tried again has not been written until that is reported, however long the try takes.
    if (writes !== null && nowMs - writes.sinceMs >= KEEPS_FAILING_MS) {
      return { ready: false, reason: "writes-failing", code: writes.code };
    }
    // An empty queue's replies are not reported after a failure or two that were soon mended.
    if (
      receives !== null &&
      receives.lastMs - receives.sinceMs >= KEEPS_FAILING_MS &&
      nowMs - receives.lastMs < FORGOTTEN_MS
    ) {
      return { ready: false, reason: "receives-failing", code: receives.code };
    }
    return { ready: true };
  }

  #countReceive(code: ErrorCode, nowMs: number): void {
    const before = this.#receives;
    const goesOn = before !== null && nowMs - before.lastMs < FORGOTTEN_MS;
    this.#receives = { code, sinceMs: goesOn ? before.sinceMs : nowMs, lastMs: nowMs };
  }
}
