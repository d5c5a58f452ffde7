import { setMaxListeners } from "node:events";
import type { Clock, Delivery, Settlement, SettleReport, Source } from "../pipeline/contracts.ts";

/** What of a dead-letter queue was left in it. */
export interface LeftAlone {
  /** Another queue's redrive policy moved them there. */
  foreign: number;
  /** No redrive policy did, as far as their attributes tell. */
  unmarked: number;
  /** Behind others of their group that were held: SQS gives none of them before those are settled. Approximate. */
  unseen: number;
  /** Could not be given back at the end: hidden until their visibility timeout ends. */
  hidden: number;
}

export interface DeadLetterSourceOptions {
  /** The dead-letter queue; closed by `close`. */
  readonly source: Source;
  /** The queue whose messages are taken, as the ledger knows it. */
  readonly origin: string;
  /** Takes messages that do not say which queue they come from. */
  readonly takesUnmarked: boolean;
  /** Settles nothing: every message is visible again at the end. */
  readonly isDryRun: boolean;
  /**
   * For an ordered queue, which dates a message anew when it is moved there: when each of those messages that the ledger
   * has was sent, by id.
   */
  readonly sentAtOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>;
  /** Is added to. */
  readonly leftAlone: LeftAlone;
  /** Cuts short the releases at the end. */
  readonly abort: AbortSignal;
  readonly clock: Clock;
}

/** For a hundred thousand messages, and for a queue that is slow to answer. */
const RELEASE_TIMEOUT_MS = 60_000;
/** After an abort somebody waits for the end: what is not released by then is when its visibility timeout ends. */
const ABORTED_RELEASE_TIMEOUT_MS = 2_000;

/**
 * A dead-letter queue as a source of the messages of its origin: of what it gives, deliveries of the origin are passed on
 * under the origin's name. What stays in the queue is held, hidden, until `close`, and released then: released at once it
 * would come again and again.
 */
export class DeadLetterSource implements Source {
  readonly name: string;
  readonly ordered: boolean;
  readonly #options: DeadLetterSourceOptions;
  #held: Delivery[] = [];

  constructor(options: DeadLetterSourceOptions) {
    this.name = options.origin;
    this.ordered = options.source.ordered;
    this.#options = options;
  }

  get hasMore(): boolean {
    return this.#options.source.hasMore;
  }

  async receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    for (;;) {
      const deliveries = await this.#options.source.receive(room, stop);
      const taken = deliveries.filter((delivery) => this.#isTaken(delivery));
      // With nothing of the origin among them more may wait: only an empty reply says that none does.
      if (deliveries.length === 0 || stop.aborted || taken.length > 0) return this.#dated(taken);
    }
  }

  async settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport> {
    const { isDryRun, source } = this.#options;
    return isDryRun ? { deleted: 0, released: 0, failed: 0 } : source.settle(settled, abort);
  }

  /** Without what is held. */
  async depth(signal: AbortSignal): Promise<number> {
    const { source, leftAlone } = this.#options;
    const depth = Math.max(0, (await source.depth(signal)) - this.#held.length);
    if (!this.ordered || this.#held.length === 0) return depth;
    // Asked when nothing more comes: what waits behind what is held never will.
    leftAlone.unseen = depth;
    return 0;
  }

  async close(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    try {
      if (held.length > 0) await this.#release(held);
    } finally {
      await this.#options.source.close();
    }
  }

  #isTaken(delivery: Delivery): boolean {
    const { origin, takesUnmarked, isDryRun, leftAlone } = this.#options;
    const movedFrom = delivery.movedFrom ?? null;
    const isTaken = movedFrom === null ? takesUnmarked : movedFrom === origin;
    if (!isTaken) leftAlone[movedFrom === null ? "unmarked" : "foreign"] += 1;
    // Only its id is needed to release it: bodies may be large.
    if (!isTaken || isDryRun) this.#held.push({ ...delivery, body: "", bytes: 0, attributes: new Map() });
    return isTaken;
  }

  async #dated(deliveries: readonly Delivery[]): Promise<readonly Delivery[]> {
    if (!this.ordered || deliveries.length === 0) return deliveries;
    const sentAt = await this.#options.sentAtOf(deliveries.map(({ id }) => id));
    return deliveries.map((delivery) => ({ ...delivery, sentAtMs: sentAt.get(delivery.id) ?? delivery.sentAtMs }));
  }

  async #release(held: readonly Delivery[]): Promise<void> {
    const { source, leftAlone, abort, clock } = this.#options;
    const ended = new AbortController();
    const late = new AbortController();
    const timeoutMs = abort.aborted ? ABORTED_RELEASE_TIMEOUT_MS : RELEASE_TIMEOUT_MS;
    void clock.sleep(timeoutMs, ended.signal).then(() => late.abort());
    const limit = abort.aborted ? late.signal : AbortSignal.any([abort, late.signal]);
    // Every request that releases listens to it, more than a dozen at once.
    setMaxListeners(0, limit);
    try {
      const { released } = await source.settle(new Map(held.map((delivery) => [delivery, RELEASE] as const)), limit);
      leftAlone.hidden = held.length - released;
    } finally {
      ended.abort();
    }
  }
}

const RELEASE: Settlement = { kind: "release", delaySeconds: 0 };
