import { PiipeError } from "../../errors.ts";
import { GiveUpTimer, backoffMs } from "../../pipeline/backoff.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import { AwsFailure } from "./client/aws-failure.ts";
import { MalformedReply } from "./client/reply-shape.ts";

const BASE_MS = 500;
const DELAY_MAX_MS = 20_000;

/** The failures of polls, or of other requests that a source makes again, since the last one that succeeded. */
export class PollFailures {
  readonly #patience: GiveUpTimer;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #action: string;
  #count = 0;

  /** @param giveUpAfterMs as in SqsSourceOptions */
  constructor(giveUpAfterMs: number | null, clock: Clock, emit: Emit, action = "ReceiveMessage") {
    this.#patience = new GiveUpTimer(giveUpAfterMs);
    this.#clock = clock;
    this.#emit = emit;
    this.#action = action;
  }

  /** Whether a later poll may succeed, and it is not yet time to give up. */
  isPassing(failure: unknown): failure is PiipeError {
    return failure instanceof PiipeError && failure.retryable && this.isInTime();
  }

  /** Notes a failure. @returns whether it is not yet time to give up */
  isInTime(): boolean {
    return !this.#patience.isOver(this.#clock.nowMs());
  }

  /** Waits before the next poll, longer after each failure. */
  async backOff({ code, cause }: PiipeError, signal: AbortSignal): Promise<void> {
    this.#count += 1;
    const delayMs = backoffMs(this.#count, BASE_MS, DELAY_MAX_MS, this.#clock.random());
    const isClockOff = cause instanceof AwsFailure && cause.classification.retry === "clock-skew";
    const attempt = this.#count;
    this.#emit({
      type: "source.retried",
      action: this.#action,
      code,
      ...(isClockOff && { isClockOff }),
      attempt,
      delayMs,
    });
    await this.#clock.sleep(delayMs, signal);
  }

  /** A poll has succeeded. */
  reset(): void {
    if (this.#count > 0) this.#emit({ type: "source.recovered", action: this.#action });
    this.#count = 0;
    this.#patience.reset();
  }
}

/** What the poll's caller is told: a message that cannot be read says that something else than SQS has answered. */
export function explainFailure(error: unknown): unknown {
  if (!(error instanceof MalformedReply)) return error;
  return new PiipeError("queue.unavailable", "SQS sent a message that lacks what every message has", {
    retryable: true,
    hint: "Check that the endpoint is an SQS-compatible server.",
    cause: error,
  });
}
