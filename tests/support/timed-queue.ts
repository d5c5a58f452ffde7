import { hash } from "node:crypto";
import { PiipeError } from "../../src/errors.ts";
import type {
  ActionInputs,
  ActionOutputs,
  SqsAction,
  SqsCaller,
  SqsMessage,
} from "../../src/sources/sqs/client/sqs-actions.ts";
import { SqsSource } from "../../src/sources/sqs/sqs-source.ts";
import type { SimClock } from "../simulation/sim-clock.ts";

export interface TimedQueueOptions {
  /** From a request to its reply when nothing is waited for: even. */
  readonly latencyMs: number;
  /** How many of the messages that a reply could hold it holds. Default: all. */
  readonly shorten?: (count: number) => number;
  /** Of each body. Default: 2. */
  readonly bodyBytes?: number;
}

/** One request, as it was made. */
export interface TimedRequest {
  readonly action: SqsAction;
  readonly atMs: number;
}

/** What SQS gives in one reply. */
const REPLY_BODIES_BYTES_MAX = 1024 * 1024;

/** A queue in virtual time, with a latency and long polls. It may be down; else nothing goes wrong, and nothing comes twice. */
export class TimedQueue implements SqsCaller {
  readonly requests: TimedRequest[] = [];
  /** When each message was sent. */
  readonly sentAtMs = new Map<string, number>();
  /** Each request fails, as the client's does when its own retries have failed. */
  isDown = false;
  readonly #clock: SimClock;
  readonly #latencyMs: number;
  readonly #shorten: (count: number) => number;
  readonly #body: string;
  readonly #bodyMd5: string;
  #visible: string[] = [];
  /** Of the polls that wait, the oldest first. */
  #waiting: Array<() => void> = [];
  #polls = 0;
  #received = 0;
  #deleted = 0;

  constructor(clock: SimClock, { latencyMs, shorten = (count) => count, bodyBytes = 2 }: TimedQueueOptions) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
    this.#shorten = shorten;
    this.#body = "{}".padEnd(bodyBytes);
    this.#bodyMd5 = hash("md5", this.#body);
  }

  /** Polls under way. */
  get polls(): number {
    return this.#polls;
  }

  /** Messages received, deleted or not. */
  get received(): number {
    return this.#received;
  }

  get deleted(): number {
    return this.#deleted;
  }

  requestsOf(action: SqsAction): TimedRequest[] {
    return this.requests.filter((request) => request.action === action);
  }

  send(count = 1): void {
    for (let each = 0; each < count; each += 1) {
      const id = `m${this.sentAtMs.size}`;
      this.sentAtMs.set(id, this.#clock.nowMs());
      this.#visible.push(id);
    }
    for (const wake of this.#waiting.splice(0, count)) wake();
  }

  readonly call = <A extends SqsAction>(
    action: A,
    input: ActionInputs[A],
    signal: AbortSignal,
  ): Promise<ActionOutputs[A]> => {
    const isPoll = action === "ReceiveMessage";
    if (isPoll) this.#polls += 1;
    this.requests.push({ action, atMs: this.#clock.nowMs() });
    let end = (): void => {};
    const cut = new Promise<never>((_resolve, reject) => {
      end = () => reject(signal.reason as Error);
      signal.addEventListener("abort", end, { once: true });
    });
    const exchange = this.#exchange(action, input, signal) as Promise<ActionOutputs[A]>;
    return Promise.race([exchange, cut]).finally(() => {
      signal.removeEventListener("abort", end);
      if (isPoll) this.#polls -= 1;
    });
  };

  async #exchange(
    action: SqsAction,
    input: ActionInputs[SqsAction],
    signal: AbortSignal,
  ): Promise<ActionOutputs[SqsAction]> {
    await this.#clock.sleep(this.#latencyMs / 2);
    if (this.isDown) {
      await this.#clock.sleep(this.#latencyMs / 2);
      throw new PiipeError("queue.unavailable", "down", { retryable: true, hint: "" });
    }
    let reply: ActionOutputs[SqsAction] = { Attributes: { ApproximateNumberOfMessages: "0" } };
    if ("MaxNumberOfMessages" in input) {
      await this.#arrival(input.WaitTimeSeconds * 1_000, signal);
      reply = { Messages: signal.aborted ? [] : this.#give(input.MaxNumberOfMessages) };
    } else if ("Entries" in input) {
      if (action === "DeleteMessageBatch") this.#deleted += input.Entries.length;
      reply = { Successful: input.Entries.map(({ Id }) => ({ Id })), Failed: [] };
    }
    await this.#clock.sleep(this.#latencyMs / 2);
    return reply;
  }

  #give(max: number): SqsMessage[] {
    const fitting = Math.floor(REPLY_BODIES_BYTES_MAX / this.#body.length);
    const ids = this.#visible.splice(0, this.#shorten(Math.min(max, fitting, this.#visible.length)));
    this.#received += ids.length;
    return ids.map((id) => ({
      MessageId: id,
      ReceiptHandle: id,
      Body: this.#body,
      MD5OfBody: this.#bodyMd5,
      Attributes: { SentTimestamp: String(this.sentAtMs.get(id)), ApproximateReceiveCount: "1" },
    }));
  }

  /** Resolves when there is a message for this poll, or it has waited long enough. */
  async #arrival(waitMs: number, signal: AbortSignal): Promise<void> {
    const untilMs = this.#clock.nowMs() + waitMs;
    while (this.#visible.length === 0 && this.#clock.nowMs() < untilMs && !signal.aborted) {
      const arrived = new AbortController();
      const wake = (): void => arrived.abort();
      this.#waiting.push(wake);
      signal.addEventListener("abort", wake, { once: true });
      await this.#clock.sleep(untilMs - this.#clock.nowMs(), arrived.signal);
      signal.removeEventListener("abort", wake);
      this.#waiting = this.#waiting.filter((each) => each !== wake);
    }
  }
}

/** Of the queue, as a worker that runs on has it. Nothing that it holds has to be extended. */
export function timedSource(queue: TimedQueue, clock: SimClock, lingerMs: number): SqsSource {
  return new SqsSource({
    client: queue,
    queue: { url: "http://q", arn: "arn:aws:sqs:r:1:q", isFifo: false },
    visibilitySeconds: 43_200,
    waitSeconds: 20,
    lingerMs,
    attributeNames: [],
    giveUpAfterMs: null,
    clock,
    emit: () => {},
    closeClient: () => Promise.resolve(),
  });
}
