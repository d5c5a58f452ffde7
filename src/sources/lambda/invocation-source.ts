import type { Clock, Delivery, SettleReport, Settlement, Source } from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import { MalformedReply } from "../sqs/client/reply-shape.ts";
import { Intake } from "../sqs/intake.ts";
import { Tracker } from "../sqs/tracker.ts";
import { foreignEvent, type Invocation } from "./parse-invocation.ts";

/** A batch that waits to be judged by what comes next, or for the objects of its messages, must not be asked for in a hurry. */
const EMPTY_WAIT_MS = 20;

export interface InvocationSourceOptions {
  /** Message attributes that columns take their values from. */
  readonly attributeNames: readonly string[];
  readonly clock: Clock;
  readonly emit: Emit;
}

/**
 * The messages of one invocation of an AWS Lambda function. They are deleted by who received them: settling only notes
 * which are not to be. What is never settled comes again, like what is released; when, the queue's visibility timeout says.
 */
export class InvocationSource implements Source {
  readonly name: string;
  readonly ordered: boolean;
  readonly #clock: Clock;
  readonly #deliveries: readonly Delivery[];
  #given = 0;
  #settled = 0;
  /** Ends the wait for it. */
  #onAllSettled = new AbortController();
  /** Ids of the messages that are not to be deleted. */
  readonly #kept: Set<string>;

  /** @throws {PiipeError} `lambda.event` when a message lacks what every message of SQS has */
  constructor({ arn, messages }: Invocation, { attributeNames, clock, emit }: InvocationSourceOptions) {
    this.name = arn;
    // SQS names no other queue so. That a message has a group tells nothing: those of standard queues may have one, too.
    this.ordered = arn.endsWith(".fifo");
    this.#clock = clock;
    this.#kept = new Set(messages.map(({ MessageId }) => MessageId));
    try {
      // Nothing is hidden for longer than it is already.
      const intake = new Intake(new Tracker(), clock, 0, attributeNames);
      const { deliveries, corrupt } = intake.accept(messages, clock.nowMs());
      this.#deliveries = deliveries;
      if (corrupt.length > 0) {
        const messageIds = corrupt.map(({ MessageId }) => MessageId);
        emit({ type: "delivery.corrupt", count: corrupt.length, messageIds });
      }
    } catch (error) {
      throw error instanceof MalformedReply ? foreignEvent("a record lacks what every message has") : error;
    }
  }

  /** Ids of the messages that must come again: of all that were not settled with `delete`, in their order. */
  get kept(): readonly string[] {
    return [...this.#kept];
  }

  get hasMore(): boolean {
    return this.#given < this.#deliveries.length;
  }

  /** The last reply, which is empty, comes when all that was given is settled, and before when that takes long. */
  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    const given = stop.aborted ? [] : this.#deliveries.slice(this.#given, this.#given + room);
    this.#given += given.length;
    if (given.length === 0 && this.#settled < this.#given && !stop.aborted) {
      this.#onAllSettled = new AbortController();
      await this.#clock.sleep(EMPTY_WAIT_MS, AbortSignal.any([stop, this.#onAllSettled.signal]));
    }
    return given;
  }

  settle(settled: ReadonlyMap<Delivery, Settlement>): Promise<SettleReport> {
    let deleted = 0;
    for (const [{ id }, { kind }] of settled) {
      if (kind !== "delete") continue;
      deleted += 1;
      this.#kept.delete(id);
    }
    this.#settled += settled.size;
    if (this.#settled === this.#given) this.#onAllSettled.abort();
    return Promise.resolve({ deleted, released: settled.size - deleted, failed: 0 });
  }

  /** Nobody waits for what else the queue holds. */
  depth(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
