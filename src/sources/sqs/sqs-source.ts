import { setMaxListeners } from "node:events";
import { interruptible } from "../../interruptible.ts";
import type { Clock, Delivery, SettleReport, Settlement, Source } from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import type { SqsCaller, SqsMessage } from "./client/sqs-actions.ts";
import { HoldLimit, type Look } from "./hold-limit.ts";
import { Intake } from "./intake.ts";
import { Poller } from "./poller.ts";
import { type ReceiptRelease, Settler } from "./settler.ts";
import { type TrackedMessage, Tracker } from "./tracker.ts";
import { Visibility } from "./visibility.ts";

/** What a queue is, as its attributes tell. */
export interface OpenQueue {
  readonly url: string;
  readonly arn: string;
  readonly isFifo: boolean;
}

/** Messages in the queue, approximately. */
export interface QueueCounts {
  /** Waiting to be received. */
  readonly visible: number;
  /** Received by a consumer and not deleted. */
  readonly hidden: number;
  /** Not to be received before their delay has passed. */
  readonly delayed: number;
}

const COUNTED = {
  visible: "ApproximateNumberOfMessages",
  hidden: "ApproximateNumberOfMessagesNotVisible",
  delayed: "ApproximateNumberOfMessagesDelayed",
} as const satisfies Record<keyof QueueCounts, string>;

export interface SqsSourceOptions {
  readonly client: SqsCaller;
  readonly queue: OpenQueue;
  /** How long what is received stays hidden from others, 1 to 43,200. */
  readonly visibilitySeconds: number;
  /** How long a receive waits for messages, 0 to 20. */
  readonly waitSeconds: number;
  /** How far apart receives begin at a low rate, so that messages come together. 0: they do not wait. */
  readonly lingerMs: number;
  /** Message attributes to ask for; a name may occur twice. */
  readonly attributeNames: readonly string[];
  /** When receiving has failed for so long without a success between, `receive` throws; null: it tries for ever. */
  readonly giveUpAfterMs: number | null;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Called once, when the source is closed and no request is under way. */
  readonly closeClient: () => Promise<void>;
}

/** Long enough for a passing fault of the network, short against a redelivery. */
const CORRUPT_DELAY_SECONDS = 5;
/** With a drain of 25 s, and the time that a silent database may take to be left, below the usual grace of 30 s. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Amazon SQS, or a server compatible with it, as the pipeline's source. */
export class SqsSource implements Source {
  readonly name: string;
  readonly ordered: boolean;
  readonly #url: string;
  readonly #client: SqsCaller;
  readonly #closeClient: () => Promise<void>;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #tracker = new Tracker();
  readonly #limit = new HoldLimit();
  readonly #settler: Settler;
  readonly #poller: Poller;
  readonly #heartbeat: Promise<void>;
  readonly #closed = new AbortController();
  /** Fires when closing has taken too long. */
  readonly #late = new AbortController();
  #closing: Promise<void> | null = null;

  constructor({ client, queue, visibilitySeconds, clock, emit, ...options }: SqsSourceOptions) {
    const attributeNames = [...new Set(options.attributeNames)];
    const tracker = this.#tracker;
    this.name = queue.arn;
    this.ordered = queue.isFifo;
    this.#url = queue.url;
    this.#client = client;
    this.#closeClient = options.closeClient;
    this.#clock = clock;
    this.#emit = emit;
    // Every request that releases listens to it, more than a dozen at once.
    setMaxListeners(0, this.#late.signal);
    this.#settler = new Settler({ client, queueUrl: queue.url, clock });
    this.#poller = new Poller({
      client,
      intake: new Intake(tracker, clock, visibilitySeconds, attributeNames),
      queueUrl: queue.url,
      waitSeconds: options.waitSeconds,
      lingerMs: options.lingerMs,
      visibilitySeconds,
      attributeNames,
      giveUpAfterMs: options.giveUpAfterMs,
      roomToHold: () => this.#limit.max - tracker.size,
      clock,
      emit,
      onCorrupt: (corrupt, withheld) => this.#refuseCorrupt(corrupt, withheld),
    });
    const onLook = (look: Look): void => {
      if (this.#limit.note(look))
        emit({ type: "source.slowed", lateMs: Math.round(look.lateMs), heldMax: this.#limit.max });
      this.#poller.wake();
    };
    this.#heartbeat = new Visibility({ client, tracker, queueUrl: queue.url, visibilitySeconds, clock, emit, onLook })
      .run(this.#closed.signal)
      .catch((error: unknown) => this.#poller.fail(error));
  }

  get hasMore(): boolean {
    return this.#poller.hasMore;
  }

  receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    return this.#poller.receive(room, stop);
  }

  async settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport> {
    const deletes: TrackedMessage[] = [];
    const releases: ReceiptRelease<TrackedMessage>[] = [];
    const failedIds: string[] = [];
    for (const [delivery, settlement] of settled) {
      const message = this.#tracker.get(delivery.id);
      if (message === undefined) {
        failedIds.push(delivery.id);
        continue;
      }
      message.isSettling = true;
      if (settlement.kind === "delete") deletes.push(message);
      else releases.push({ message, delaySeconds: settlement.delaySeconds });
    }
    // Each at its own end, also what failed: its next receipt, which may come before the others' end, is a delivery of
    // its own. Dropped as a repeat of this one it would stay hidden for its whole timeout.
    const forget = ({ id }: TrackedMessage, isDone: boolean): void => {
      this.#tracker.forget(id);
      if (!isDone) failedIds.push(id);
    };
    const deleting = this.#settler.delete(deletes, abort, forget);
    const releasing = this.#settler.release(releases, abort, forget);
    await Promise.allSettled([deleting, releasing]);
    const [{ done: deleted, refusal: deleteRefusal }, { done: released, refusal: releaseRefusal }] = await Promise.all([
      deleting,
      releasing,
    ]);
    this.#poller.wake();
    const refusal = deleteRefusal ?? releaseRefusal;
    return {
      deleted,
      released,
      failed: settled.size - deleted - released,
      ...(failedIds.length > 0 && { failedIds }),
      ...(refusal && { refusal }),
    };
  }

  async depth(signal: AbortSignal): Promise<number> {
    const { visible, hidden, delayed } = await this.counts(signal);
    return visible + hidden + delayed;
  }

  /** As `depth`, by state. */
  async counts(signal: AbortSignal): Promise<QueueCounts> {
    const request = { QueueUrl: this.#url, AttributeNames: Object.values(COUNTED) };
    const asking = this.#client.call("GetQueueAttributes", request, signal);
    const { Attributes } = await interruptible(asking, signal, "asking for the queue's depth");
    const count = (name: string): number => Number(Attributes[name]) || 0;
    return { visible: count(COUNTED.visible), hidden: count(COUNTED.hidden), delayed: count(COUNTED.delayed) };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    const released = new AbortController();
    void this.#clock.sleep(CLOSE_TIMEOUT_MS, released.signal).then(() => this.#late.abort());
    const [unused] = await Promise.all([this.#poller.close(), this.#heartbeat]);
    try {
      // Best effort: what cannot be released comes back when its visibility timeout ends.
      await this.#releaseNow(unused);
    } finally {
      released.abort();
      await this.#closeClient();
    }
  }

  async #releaseNow(deliveries: readonly Delivery[]): Promise<void> {
    if (deliveries.length === 0) return;
    const released = deliveries.map((delivery) => [delivery, { kind: "release", delaySeconds: 0 }] as const);
    await this.settle(new Map(released), this.#late.signal);
  }

  /** The queue's copy is the one to trust: it is received again, and only this receipt is refused. */
  async #refuseCorrupt(corrupt: readonly SqsMessage[], withheld: readonly SqsMessage[]): Promise<void> {
    this.#emit({
      type: "delivery.corrupt",
      count: corrupt.length,
      messageIds: corrupt.map(({ MessageId }) => MessageId),
    });
    const requestedAtMs = this.#clock.nowMs();
    // All with the same delay, in one request: as long as the first of a group is hidden, SQS gives none behind it.
    const releases = [...corrupt, ...withheld].map((message) => ({
      message: { receiptHandle: message.ReceiptHandle, requestedAtMs },
      delaySeconds: CORRUPT_DELAY_SECONDS,
    }));
    const { refusal } = await this.#settler.release(releases, this.#late.signal);
    if (refusal !== null) throw refusal;
  }
}
