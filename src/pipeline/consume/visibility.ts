import { PiipeError } from "../../errors.ts";
import type { Emit } from "../../telemetry/events.ts";
import type { Clock } from "../contracts.ts";
import { inBatches } from "./batches.ts";
import type { SqsCaller } from "./sqs-actions.ts";
import { isEntryRetryable } from "./sqs-errors.ts";
import { grantableSeconds, type TrackedMessage, type Tracker } from "./tracker.ts";

export interface VisibilityOptions {
  readonly client: SqsCaller;
  readonly tracker: Tracker;
  readonly queueUrl: string;
  readonly visibilitySeconds: number;
  readonly clock: Clock;
  readonly emit: Emit;
}

/** Keeps the messages held by this worker invisible to others, for as long as it holds them. */
export class Visibility {
  readonly #options: VisibilityOptions;

  constructor(options: VisibilityOptions) {
    this.#options = options;
  }

  /** Looks four times per visibility timeout until `closed` fires. Rejects only for a bug. */
  async run(closed: AbortSignal): Promise<void> {
    const { clock, visibilitySeconds } = this.#options;
    while (!closed.aborted) {
      await clock.sleep((visibilitySeconds * 1_000) / 4, closed);
      if (!closed.aborted) await this.extendDue(closed);
    }
  }

  /** Extends what has less than half of the timeout left. What fails is tried again at the next look. */
  async extendDue(signal: AbortSignal): Promise<void> {
    const { tracker, visibilitySeconds, clock, emit } = this.#options;
    const nowMs = clock.nowMs();
    const due = tracker
      .visibleBefore(nowMs + (visibilitySeconds * 1_000) / 2)
      .filter((message) => grantableSeconds(message, visibilitySeconds, nowMs) > 0);
    if (due.length === 0) return;
    let extended = 0;
    await inBatches(due, async (batch) => {
      const count = await this.#extend(batch, signal);
      extended += count;
    });
    if (!signal.aborted) emit({ type: "visibility.extended", count: extended, failed: due.length - extended });
  }

  async #extend(batch: readonly TrackedMessage[], signal: AbortSignal): Promise<number> {
    const { client, queueUrl, visibilitySeconds, clock } = this.#options;
    // An earlier batch may have taken a while: some of these may be settled by now.
    const held = batch.filter((message) => !message.isSettling);
    if (held.length === 0) return 0;
    const sentAtMs = clock.nowMs();
    const handles = held.map((message) => message.receiptHandle);
    const seconds = held.map((message) => grantableSeconds(message, visibilitySeconds, sentAtMs));
    const entries = handles.map((handle, i) => ({
      Id: String(i),
      ReceiptHandle: handle,
      VisibilityTimeout: seconds[i] ?? 0,
    }));
    let failures: ReadonlyMap<string, boolean>;
    try {
      const { Failed } = await client.call(
        "ChangeMessageVisibilityBatch",
        { QueueUrl: queueUrl, Entries: entries },
        signal,
      );
      failures = new Map(Failed.map((entry) => [entry.Id, isEntryRetryable(entry.Code, entry.SenderFault)]));
    } catch (error) {
      if (signal.aborted || error instanceof PiipeError) return 0;
      throw error;
    }
    held.forEach((message, i) => {
      // A newer receipt while the request was under way has its own time.
      if (message.receiptHandle !== handles[i]) return;
      const retryable = failures.get(String(i));
      if (retryable === undefined) message.visibleAtMs = sentAtMs + (seconds[i] ?? 0) * 1_000;
      else if (!retryable) message.isLost = true;
    });
    return held.length - failures.size;
  }
}
