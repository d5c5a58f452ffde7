import { PiipeError } from "../../../errors.ts";
import { backoffMs } from "../../../pipeline/backoff.ts";
import type { Clock } from "../../../pipeline/contracts.ts";
import type { Emit } from "../../../telemetry/events.ts";
import type { CredentialSource } from "./aws-environment.ts";
import { type AwsFailure, thrownFailure } from "./aws-failure.ts";

/** As the official client's standard mode (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html). */
const ATTEMPTS_MAX = 3;
const TRANSIENT_BASE_MS = 100;
const THROTTLING_BASE_MS = 500;
const DELAY_MAX_MS = 20_000;
/** As the official client: below this, a refused signature has another reason. */
const SKEW_MIN_MS = 300_000;

/** What a request is about, as far as retrying it needs to know. */
interface Context {
  /** As the API calls it, such as `ReceiveMessage`. */
  readonly action: string;
}

/** Retries a request as the official client does, and keeps what it learns of the server's clock. */
export class Retry<About extends Context> {
  readonly #clock: Clock;
  readonly #credentials: CredentialSource;
  readonly #emit: Emit;
  readonly #describe: (failure: AwsFailure, about: About) => PiipeError;
  #clockOffsetMs = 0;

  /** @param describe makes the error that users meet */
  constructor(
    clock: Clock,
    credentials: CredentialSource,
    emit: Emit,
    describe: (failure: AwsFailure, about: About) => PiipeError,
  ) {
    this.#clock = clock;
    this.#credentials = credentials;
    this.#emit = emit;
    this.#describe = describe;
  }

  /**
   * Runs `attempt` up to three times. `signingDate` gives it the time to sign with: this machine's, corrected by what
   * was known of the server's when the attempt began.
   * @throws PiipeError when it failed for good; `retryable` when calling again later may help. When `signal` fired:
   * whatever `attempt` threw.
   */
  async run<T>(about: About, signal: AbortSignal, attempt: (signingDate: () => Date) => Promise<T>): Promise<T> {
    let hasRefreshed = false;
    for (let count = 1; ; count += 1) {
      const signedOffsetMs = this.#clockOffsetMs;
      try {
        return await attempt(() => new Date(this.#clock.nowMs() + signedOffsetMs));
      } catch (error) {
        if (signal.aborted || error instanceof PiipeError) throw error;
        const failure = thrownFailure(error);
        if (failure === null) throw error;
        const hasCorrected = this.#correctClock(failure, signedOffsetMs);
        const retry = hasCorrected ? "clock-skew" : failure.classification.retry;
        const isPointless =
          retry === "none" || (retry === "clock-skew" && !hasCorrected) || (retry === "credentials" && hasRefreshed);
        const told = hasCorrected ? failure.asSkewed() : failure;
        if (isPointless || count === ATTEMPTS_MAX) throw this.#describe(told, about);
        if (retry === "credentials") {
          hasRefreshed = true;
          await this.#credentials.refresh();
        }
        await this.#pause(about, told, retry === "throttling", count, signal);
        if (signal.aborted) throw signal.reason;
      }
    }
  }

  async #pause(
    { action }: Context,
    failure: AwsFailure,
    isThrottling: boolean,
    attempt: number,
    signal: AbortSignal,
  ): Promise<void> {
    const baseMs = isThrottling ? THROTTLING_BASE_MS : TRANSIENT_BASE_MS;
    const delayMs = backoffMs(attempt, baseMs, DELAY_MAX_MS, this.#clock.random());
    this.#emit({
      type: "source.retried",
      action,
      code: failure.classification.errorCode,
      ...(failure.classification.retry === "clock-skew" && { isClockOff: true }),
      attempt,
      delayMs,
    });
    await this.#clock.sleep(delayMs, signal);
  }

  /**
   * AWS may call a skewed clock a wrong signature or a denial: the reply's date tells. True when the attempt was signed
   * with an offset that is now known to be wrong, be it by this reply or by that to another request meanwhile.
   */
  #correctClock(failure: AwsFailure, signedOffsetMs: number): boolean {
    const { errorCode } = failure.classification;
    if (errorCode !== "queue.credentials" && errorCode !== "queue.denied") return false;
    if (failure.serverDateMs !== null) {
      const offsetMs = failure.serverDateMs - this.#clock.nowMs();
      if (Math.abs(offsetMs - this.#clockOffsetMs) >= SKEW_MIN_MS) {
        this.#clockOffsetMs = offsetMs;
        this.#emit({ type: "clock.corrected", offsetMs });
      }
    }
    return Math.abs(this.#clockOffsetMs - signedOffsetMs) >= SKEW_MIN_MS;
  }
}
