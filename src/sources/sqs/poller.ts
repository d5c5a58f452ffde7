import { setMaxListeners } from "node:events";
import type { PiipeError } from "../../errors.ts";
import { Condition } from "../../pipeline/condition.ts";
import type { Clock, Delivery } from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import { BATCH_ENTRIES_MAX, type SqsCaller, type SqsMessage } from "./client/sqs-actions.ts";
import type { Intake } from "./intake.ts";
import { explainFailure, PollFailures } from "./poll-failures.ts";
import { PollScale } from "./poll-scale.ts";

export interface PollerOptions {
  readonly client: SqsCaller;
  readonly intake: Intake;
  readonly queueUrl: string;
  /** 0 to 20: SQS's limit. */
  readonly waitSeconds: number;
  /** As in SqsSourceOptions. */
  readonly lingerMs: number;
  readonly visibilitySeconds: number;
  readonly attributeNames: readonly string[];
  /** As in SqsSourceOptions. */
  readonly giveUpAfterMs: number | null;
  /** How many messages more may be held. What is asked for changes it, and `wake` says that something else did. */
  readonly roomToHold: () => number;
  readonly clock: Clock;
  readonly emit: Emit;
  /**
   * Called with messages whose body does not match its digest, and with those that must come again after them. When it
   * rejects, `receive` throws.
   */
  readonly onCorrupt: (corrupt: readonly SqsMessage[], withheld: readonly SqsMessage[]) => Promise<void>;
}

/** What polls under way and what waits to be handed out may hold together, as far as the last reply foretells. */
const BUFFERED_BYTES_MAX = 16 * 1024 * 1024;
/** What SQS gives in one reply, however many messages were asked for. */
const REPLY_BYTES_MAX = 1024 * 1024;
/** How long a stop waits for polls that may be bringing messages: cut off, those would stay hidden for their whole timeout. */
const STOP_GRACE_MS = 1_000;
/** Of the polls beside the first: once the queue has run dry, one is enough to wait for what comes. */
const FURTHER_WAIT_SECONDS = 1;
/** Beyond the linger: a message that waited for longer shows a backlog, and not that two clocks differ. */
const BEHIND_MS = 1_000;

/**
 * ```
 *   new ── receive ──► polling ── an empty reply ──► dry ── the next receive ──► polling
 *                      polling ── at a low rate receives begin apart ──► pausing ──► polling
 *   each ── the signal fires ──► stopped ── a receive with another signal ──► polling
 *   each ── close ──► closed
 * ```
 */
type Phase =
  /** Nothing was asked for yet. */
  | "new"
  | "polling"
  /** A reply was empty: that answers the `receive` under way, unless another reply brings it something. */
  | "dry"
  /** No poll is under way, and the next begins after a while. */
  | "pausing"
  /** No polls begin; those under way have some time to end. */
  | "stopped"
  | "closed";

/**
 * Long polls, as many at a time as `PollScale` wants. What they bring waits here until it is asked for, and is never more
 * than the last `room` allows.
 */
export class Poller {
  readonly #options: PollerOptions;
  /** Notified when a poll has ended and when polling stops. */
  readonly #changed = new Condition();
  readonly #scale: PollScale;
  readonly #failures: PollFailures;
  #buffer: Delivery[] = [];
  #bufferedBytes = 0;
  /** The mean of the last reply. */
  #messageBytes = 0;
  /** Deliveries that may be taken in, beyond those handed out since. */
  #room = 0;
  readonly #polls = new Set<Promise<void>>();
  /** Messages that the polls under way may still bring. */
  #expected = 0;
  #phase: Phase = "new";
  /** What the next `receive` throws. */
  #failure: Error | null = null;
  #stop: AbortSignal | null = null;
  #polling = new AbortController();
  /** Ends a pause at a stop, which leaves the polls under way some time. */
  #pausing = new AbortController();
  /** Ends the grace of a stop early. */
  readonly #grace = new AbortController();
  /** How long a stop waits for the polls under way. */
  #graceMs = STOP_GRACE_MS;
  /** Messages of the last reply; null: there was none. */
  #lastCount: number | null = null;

  constructor(options: PollerOptions) {
    this.#options = options;
    this.#scale = new PollScale(options.lingerMs);
    this.#failures = new PollFailures(options.giveUpAfterMs, options.clock, options.emit);
  }

  /** As `Source.hasMore`. */
  get hasMore(): boolean {
    return this.#buffer.length > 0 || this.#scale.wanted > 1;
  }

  /** As `Source.receive`. */
  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    this.#room = room;
    if (this.#stop !== stop) this.#follow(stop);
    if (this.#phase === "dry") this.#phase = "polling";
    for (;;) {
      if (this.#buffer.length > 0 && room > 0) return this.#take(room);
      this.#throwFailure();
      if (this.#isAnswered() || room < 1) return [];
      this.#startPolls();
      await this.#changed.wait();
    }
  }

  /** There may be room again to hold more. */
  wake(): void {
    this.#goOn();
  }

  /** Makes the next `receive` throw. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error("polling failed", { cause: error });
    this.#changed.notify();
  }

  /** Ends the polls and resolves to what was never handed out. */
  async close(): Promise<readonly Delivery[]> {
    this.#stop?.removeEventListener("abort", this.#onStop);
    this.#end("closed");
    await Promise.all(this.#polls);
    this.#grace.abort();
    const left = this.#buffer;
    this.#buffer = [];
    return left;
  }

  readonly #onStop = (): void => this.#end("stopped");

  #end(phase: "stopped" | "closed"): void {
    const isFirst = !this.#isOver();
    this.#phase = phase;
    if (isFirst) {
      this.#pausing.abort();
      const polling = this.#polling;
      void this.#options.clock.sleep(this.#graceMs, this.#grace.signal).then(() => polling.abort());
    }
    this.#changed.notify();
  }

  #isOver(): boolean {
    return this.#phase === "stopped" || this.#phase === "closed";
  }

  /** Nothing more comes for the `receive` under way. */
  #isAnswered(): boolean {
    return this.#phase === "dry" || this.#isOver();
  }

  /** A stop must reach the polls between calls of `receive` as well. */
  #follow(stop: AbortSignal): void {
    this.#stop?.removeEventListener("abort", this.#onStop);
    this.#stop = stop;
    if (this.#phase === "closed") return;
    this.#polling = new AbortController();
    this.#pausing = new AbortController();
    // Many polls listen to it at once, none of them for long.
    setMaxListeners(0, this.#polling.signal);
    this.#phase = "polling";
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
    for (const delivery of taken) this.#bufferedBytes -= delivery.bytes;
    this.#room -= taken.length;
    if (!this.#isOver()) this.#startPolls();
    return taken;
  }

  #goOn(): void {
    if (this.#phase === "polling" && this.#failure === null) this.#startPolls();
  }

  #startPolls(): void {
    if (this.#phase === "pausing") return;
    while (this.#polls.size < this.#scale.wanted) {
      const left = Math.min(this.#room - this.#buffer.length, this.#options.roomToHold()) - this.#expected;
      // A request costs the same for one message as for ten: ask for few only when nothing else is to come.
      if (left < 1 || (left < BATCH_ENTRIES_MAX && this.#expected + this.#buffer.length > 0)) return;
      const wanted = Math.min(BATCH_ENTRIES_MAX, left);
      const bytes = this.#bufferedBytes + this.#messageBytes * (this.#expected + wanted);
      if (bytes > BUFFERED_BYTES_MAX && this.#polls.size + this.#buffer.length > 0) return;
      const pauseMs = this.#polls.size > 0 ? 0 : this.#scale.pauseMs(this.#options.clock.nowMs());
      if (pauseMs > 0) {
        void this.#pause(pauseMs);
        return;
      }
      this.#expected += wanted;
      const isAlone = this.#polls.size === 0;
      // Alone after an empty reply, it only waits.
      this.#graceMs = isAlone && this.#lastCount === 0 ? 0 : STOP_GRACE_MS;
      const waitSeconds = isAlone
        ? this.#options.waitSeconds
        : Math.min(this.#options.waitSeconds, FURTHER_WAIT_SECONDS);
      const poll = this.#poll(wanted, waitSeconds, this.#polling.signal).finally(() => {
        this.#polls.delete(poll);
        this.#expected -= wanted;
        this.#goOn();
        this.#changed.notify();
      });
      this.#polls.add(poll);
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const { signal } = this.#pausing;
    this.#phase = "pausing";
    await this.#options.clock.sleep(pauseMs, signal);
    if (signal.aborted) return;
    this.#phase = "polling";
    this.#goOn();
  }

  async #poll(wanted: number, waitSeconds: number, signal: AbortSignal): Promise<void> {
    try {
      const requestedAtMs = this.#options.clock.nowMs();
      const messages = await this.#request(wanted, waitSeconds, signal);
      await this.#accept(messages, wanted, requestedAtMs);
    } catch (error) {
      if (signal.aborted) return;
      const failure = explainFailure(error);
      if (this.#failures.isPassing(failure)) await this.#backOff(failure, signal);
      else this.fail(failure);
    }
  }

  async #request(wanted: number, waitSeconds: number, signal: AbortSignal): Promise<readonly SqsMessage[]> {
    const { client, queueUrl, visibilitySeconds, attributeNames } = this.#options;
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
    this.#lastCount = messages.length;
    if (messages.length === 0) {
      this.#failures.reset();
      this.#scale.note(0, wanted, requestedAtMs);
      if (this.#phase === "polling") this.#phase = "dry";
      return;
    }
    const { deliveries, bytes, corrupt, withheld } = this.#options.intake.accept(messages, requestedAtMs);
    this.#failures.reset();
    for (const delivery of deliveries) this.#buffer.push(delivery);
    this.#bufferedBytes += bytes;
    this.#messageBytes = bytes / Math.max(1, deliveries.length);
    // Large messages fill a reply by their bytes: one more like them would not have fitted.
    const isCut = bytes + this.#messageBytes > REPLY_BYTES_MAX;
    // SQS gives short replies from a queue that is not long, too: what has waited tells that more may be waiting.
    const isBehind = deliveries.some(({ sentAtMs }) => sentAtMs < requestedAtMs - this.#options.lingerMs - BEHIND_MS);
    this.#scale.note(messages.length, isCut || isBehind ? messages.length : wanted, requestedAtMs);
    this.#changed.notify();
    if (corrupt.length > 0) await this.#options.onCorrupt(corrupt, withheld);
  }

  /** Keeps this poll's place while it waits, so that one poll at a time tries whether SQS is back. */
  async #backOff(failure: PiipeError, signal: AbortSignal): Promise<void> {
    this.#scale.collapse();
    if (this.#polls.size === 1) await this.#failures.backOff(failure, signal);
  }
}
