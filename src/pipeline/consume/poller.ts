import { setMaxListeners } from "node:events";
import { PiipeError } from "../../errors.ts";
import type { Emit } from "../../telemetry/events.ts";
import { backoffMs } from "../backoff.ts";
import { Condition } from "../condition.ts";
import type { Clock, Delivery } from "../contracts.ts";
import type { Intake } from "./intake.ts";
import { MalformedReply } from "./reply-shape.ts";
import { BATCH_ENTRIES_MAX, type SqsCaller, type SqsMessage } from "./sqs-actions.ts";

export interface PollerOptions {
  readonly client: SqsCaller;
  readonly intake: Intake;
  readonly queueUrl: string;
  /** 0 to 20: SQS's limit. */
  readonly waitSeconds: number;
  readonly visibilitySeconds: number;
  readonly attributeNames: readonly string[];
  /** As in SqsSourceOptions. */
  readonly giveUpAfterMs: number | null;
  readonly clock: Clock;
  readonly emit: Emit;
  /**
   * Called with messages whose body does not match its digest, and with those that must come again after them. When it
   * rejects, `receive` throws.
   */
  readonly onCorrupt: (corrupt: readonly SqsMessage[], withheld: readonly SqsMessage[]) => Promise<void>;
}

const POLLS_MAX = 12;
/** What polls under way and what waits to be handed out may hold together, as far as the last reply foretells. */
const BUFFERED_BYTES_MAX = 16 * 1024 * 1024;
/** How long a stop waits for polls that may be bringing messages: cut off, those would stay hidden for their whole timeout. */
const STOP_GRACE_MS = 1_000;
const FAILED_BASE_MS = 500;
const FAILED_DELAY_MAX_MS = 20_000;

/**
 * Long polls, several at a time: one when the queue is quiet, one more for each full reply. What they bring waits here
 * until it is asked for, and is never more than the last `room` allows.
 */
export class Poller {
  readonly #options: PollerOptions;
  /** Notified when a poll has ended and when polling stops. */
  readonly #changed = new Condition();
  #buffer: Delivery[] = [];
  #bufferedBytes = 0;
  #lastReplyBytes = 0;
  /** Deliveries that may be taken in, beyond those handed out since. */
  #room = 0;
  #pollsWanted = 1;
  readonly #polls = new Set<Promise<void>>();
  /** Messages that the polls under way may still bring. */
  #expected = 0;
  #wasEmpty = false;
  #failures = 0;
  /** When the first failure since the last success was seen. */
  #failingSinceMs: number | null = null;
  #failure: Error | null = null;
  #stop: AbortSignal | null = null;
  #polling = new AbortController();
  /** Ends the grace of a stop early. */
  readonly #grace = new AbortController();
  /** The last reply was empty: the poll under way only waits. */
  #isQuiet = false;
  #isStopped = false;
  #isClosed = false;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** As `Source.receive`. */
  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    this.#room = room;
    if (this.#stop !== stop) this.#follow(stop);
    this.#wasEmpty = false;
    for (;;) {
      if (this.#buffer.length > 0 && room > 0) return this.#take(room);
      this.#throwFailure();
      if (this.#isOver() || this.#wasEmpty || room < 1) return [];
      this.#startPolls();
      await this.#changed.wait();
    }
  }

  /** Makes the next `receive` throw. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error("polling failed", { cause: error });
    this.#changed.notify();
  }

  /** Ends the polls and resolves to what was never handed out. */
  async close(): Promise<readonly Delivery[]> {
    this.#isClosed = true;
    this.#stop?.removeEventListener("abort", this.#onStop);
    this.#onStop();
    await Promise.all(this.#polls);
    this.#grace.abort();
    const left = this.#buffer;
    this.#buffer = [];
    return left;
  }

  readonly #onStop = (): void => {
    if (!this.#isStopped) {
      this.#isStopped = true;
      const polling = this.#polling;
      const graceMs = this.#isQuiet ? 0 : STOP_GRACE_MS;
      void this.#options.clock.sleep(graceMs, this.#grace.signal).then(() => polling.abort());
    }
    this.#changed.notify();
  };

  #isOver(): boolean {
    return this.#isClosed || this.#isStopped;
  }

  /** A stop must reach the polls between calls of `receive` as well. */
  #follow(stop: AbortSignal): void {
    this.#stop?.removeEventListener("abort", this.#onStop);
    this.#stop = stop;
    if (this.#isClosed) return;
    this.#polling = new AbortController();
    // Many polls listen to it at once, none of them for long.
    setMaxListeners(0, this.#polling.signal);
    this.#isStopped = false;
    if (stop.aborted) this.#onStop();
    else stop.addEventListener("abort", this.#onStop);
  }

  #throwFailure(): void {
    if (this.#failure === null) return;
    const failure = this.#failure;
    this.#failure = null;
    throw failure;
  }

  #take(room: number): readonly Delivery[] {
    const taken = this.#buffer.length <= room ? this.#buffer : this.#buffer.slice(0, room);
    this.#buffer = taken === this.#buffer ? [] : this.#buffer.slice(room);
    for (const delivery of taken) this.#bufferedBytes -= delivery.bodyBytes;
    this.#room -= taken.length;
    if (!this.#isOver()) this.#startPolls();
    return taken;
  }

  #startPolls(): void {
    while (this.#polls.size < this.#pollsWanted) {
      const bytes = this.#bufferedBytes + this.#lastReplyBytes * (this.#polls.size + 1);
      if (bytes > BUFFERED_BYTES_MAX && this.#polls.size + this.#buffer.length > 0) return;
      const left = this.#room - this.#buffer.length - this.#expected;
      // A request costs the same for one message as for ten: ask for few only when nothing else is to come.
      if (left < 1 || (left < BATCH_ENTRIES_MAX && this.#expected + this.#buffer.length > 0)) return;
      const wanted = Math.min(BATCH_ENTRIES_MAX, left);
      this.#expected += wanted;
      const poll = this.#poll(wanted, this.#polling.signal).finally(() => {
        this.#polls.delete(poll);
        this.#expected -= wanted;
        if (!this.#isOver() && !this.#wasEmpty && this.#failure === null) this.#startPolls();
        this.#changed.notify();
      });
      this.#polls.add(poll);
    }
  }

  async #poll(wanted: number, signal: AbortSignal): Promise<void> {
    try {
      const requestedAtMs = this.#options.clock.nowMs();
      const messages = await this.#request(wanted, signal);
      await this.#accept(messages, wanted, requestedAtMs);
    } catch (error) {
      if (signal.aborted) return;
      const failure = error instanceof MalformedReply ? malformed(error) : error;
      if (failure instanceof PiipeError && failure.retryable && !this.#hasFailedLong())
        await this.#backOff(failure, signal);
      else this.fail(failure);
    }
  }

  #hasFailedLong(): boolean {
    const { clock, giveUpAfterMs } = this.#options;
    this.#failingSinceMs ??= clock.nowMs();
    return giveUpAfterMs !== null && clock.nowMs() - this.#failingSinceMs >= giveUpAfterMs;
  }

  async #request(wanted: number, signal: AbortSignal): Promise<readonly SqsMessage[]> {
    const { client, queueUrl, waitSeconds, visibilitySeconds, attributeNames } = this.#options;
    const { Messages } = await client.call(
      "ReceiveMessage",
      {
        QueueUrl: queueUrl,
        MaxNumberOfMessages: wanted,
        WaitTimeSeconds: waitSeconds,
        VisibilityTimeout: visibilitySeconds,
        MessageSystemAttributeNames: ["All"],
        AttributeNames: ["All"],
        ...(attributeNames.length > 0 && { MessageAttributeNames: attributeNames }),
      },
      signal,
    );
    return Messages;
  }

  async #accept(messages: readonly SqsMessage[], wanted: number, requestedAtMs: number): Promise<void> {
    if (messages.length === 0) {
      this.#noteSuccess();
      this.#wasEmpty = true;
      this.#isQuiet = true;
      this.#pollsWanted = 1;
      return;
    }
    this.#isQuiet = false;
    const { deliveries, bytes, corrupt, withheld } = this.#options.intake.accept(messages, requestedAtMs);
    this.#noteSuccess();
    for (const delivery of deliveries) this.#buffer.push(delivery);
    this.#bufferedBytes += bytes;
    this.#lastReplyBytes = bytes;
    if (messages.length >= wanted) this.#pollsWanted = Math.min(POLLS_MAX, this.#pollsWanted + 1);
    this.#changed.notify();
    if (corrupt.length > 0) await this.#options.onCorrupt(corrupt, withheld);
  }

  #noteSuccess(): void {
    this.#failures = 0;
    this.#failingSinceMs = null;
  }

  /** Keeps this poll's place while it waits, so that one poll at a time tries whether SQS is back. */
  async #backOff(error: PiipeError, signal: AbortSignal): Promise<void> {
    const { clock, emit } = this.#options;
    this.#pollsWanted = 1;
    if (this.#polls.size > 1) return;
    this.#failures += 1;
    const delayMs = backoffMs(this.#failures, FAILED_BASE_MS, FAILED_DELAY_MAX_MS, clock.random());
    emit({ type: "source.retried", action: "ReceiveMessage", code: error.code, attempt: this.#failures, delayMs });
    await clock.sleep(delayMs, signal);
  }
}

function malformed(cause: MalformedReply): PiipeError {
  return new PiipeError("queue.unavailable", "SQS sent a message that lacks what every message has", {
    retryable: true,
    hint: "Check that the endpoint is an SQS-compatible server.",
    cause,
  });
}
