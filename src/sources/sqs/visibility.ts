import { setMaxListeners } from "node:events";
import { PiipeError } from "../../errors.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import type { SqsCaller } from "./client/sqs-actions.ts";
import type { Look } from "./hold-limit.ts";
import { type EntryOutcome, inBatches, sendBatch } from "./settler.ts";
import { type TrackedMessage, type Tracker, grantableSeconds } from "./tracker.ts";

export interface VisibilityOptions {
  readonly client: SqsCaller;
  readonly tracker: Tracker;
  readonly queueUrl: string;
  readonly visibilitySeconds: number;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Called after each look. */
  readonly onLook?: (look: Look) => void;
}

/** Keeps the messages held by this worker invisible to others, for as long as it holds them. */
export class Visibility {
  readonly #options: VisibilityOptions;

  constructor(options: VisibilityOptions) {
    this.#options = options;
  }

  /** Looks eight times per visibility timeout until `closed` fires. Rejects only for a bug. */
  async run(closed: AbortSignal): Promise<void> {
    const { clock, tracker, visibilitySeconds, emit, onLook } = this.#options;
    const everyMs = (visibilitySeconds * 1_000) / 8;
    let lateMs = 0;
    while (!closed.aborted) {
      // A request that hangs must not keep the others from being extended: it ends with its look.
      const look = new AbortController();
      // More than a dozen requests listen to it at once.
      setMaxListeners(0, look.signal);
      const startedMs = clock.elapsedMs();
      const nextLook = clock.sleep(everyMs, closed).then(() => look.abort());
      const { due, extended, failed } = await this.#extendDue(look.signal);
      if (due > 0 && !closed.aborted) emit({ type: "visibility.extended", count: extended, failed });
      onLook?.({ held: tracker.size, failed, lateMs, everyMs });
      await nextLook;
      lateMs = clock.elapsedMs() - startedMs - everyMs;
    }
  }

  /** Extends what has less than half of the timeout left. What fails has two more looks before it becomes visible. */
  async #extendDue(signal: AbortSignal): Promise<{ due: number; extended: number; failed: number }> {
    const { tracker, visibilitySeconds, clock } = this.#options;
    const nowMs = clock.nowMs();
    const due = tracker
      .visibleBefore(nowMs + (visibilitySeconds * 1_000) / 2)
      .filter((message) => grantableSeconds(message, visibilitySeconds, nowMs) > 0);
    const extended = new Set<TrackedMessage>();
    await inBatches(due, async (batch) => {
      for (const message of await this.#extend(batch, signal)) extended.add(message);
    });
    // One that was settled meanwhile needs to be hidden no more.
    const failed = due.filter((message) => !extended.has(message) && !message.isSettling).length;
    return { due: due.length, extended: extended.size, failed };
  }

  /** @returns those that are hidden for longer now */
  async #extend(batch: readonly TrackedMessage[], signal: AbortSignal): Promise<readonly TrackedMessage[]> {
    const { client, queueUrl, visibilitySeconds, clock } = this.#options;
    // An earlier batch may have taken a while: some of these may be settled by now.
    const held = batch.filter((message) => !message.isSettling);
    if (held.length === 0 || signal.aborted) return [];
    const sentAtMs = clock.nowMs();
    const entries = held.map((message) => ({
      ReceiptHandle: message.receiptHandle,
      VisibilityTimeout: grantableSeconds(message, visibilitySeconds, sentAtMs),
    }));
    let outcomes: readonly EntryOutcome[];
    try {
      outcomes = await sendBatch(client, "ChangeMessageVisibilityBatch", queueUrl, entries, signal);
    } catch (error) {
      if (signal.aborted || error instanceof PiipeError) return [];
      throw error;
    }
    held.forEach((message, i) => {
      const { ReceiptHandle: handle, VisibilityTimeout: seconds = 0 } = entries[i] ?? {};
      // A newer receipt while the request was under way has its own time.
      if (message.receiptHandle !== handle) return;
      if (outcomes[i] === "done") message.visibleAtMs = sentAtMs + seconds * 1_000;
      else if (outcomes[i] === "refused") message.isLost = true;
    });
    return held.filter((_, i) => outcomes[i] === "done");
  }
}
