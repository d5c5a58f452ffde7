import { VISIBILITY_SECONDS_MAX } from "./sqs-actions.ts";

/** One message that was received and is not settled. */
export interface TrackedMessage {
  readonly id: string;
  /** Of the newest receipt: SQS may ignore an older one without saying so. */
  receiptHandle: string;
  /** When the request of the newest receipt was sent: SQS counts from no later than that. */
  requestedAtMs: number;
  /** When SQS makes the message visible again unless it is extended. */
  visibleAtMs: number;
  /** Its settlement is under way: no more extending. */
  isSettling: boolean;
  /** SQS no longer takes the handle: extending is pointless until a newer receipt. */
  isLost: boolean;
}

/** The messages held by this worker, one entry per message id. */
export class Tracker {
  readonly #messages = new Map<string, TrackedMessage>();

  get size(): number {
    return this.#messages.size;
  }

  get(id: string): TrackedMessage | undefined {
    return this.#messages.get(id);
  }

  /** Notes a receipt. True when the message is new; false when it was held already and only its handle changed. */
  receive(id: string, receiptHandle: string, requestedAtMs: number, visibilitySeconds: number): boolean {
    const visibleAtMs = requestedAtMs + visibilitySeconds * 1_000;
    const known = this.#messages.get(id);
    if (known === undefined) {
      this.#messages.set(id, { id, receiptHandle, requestedAtMs, visibleAtMs, isSettling: false, isLost: false });
      return true;
    }
    // Replies of concurrent polls can overtake each other: the later request has the newer handle.
    if (requestedAtMs >= known.requestedAtMs) {
      known.receiptHandle = receiptHandle;
      known.requestedAtMs = requestedAtMs;
      known.visibleAtMs = visibleAtMs;
      known.isLost = false;
    }
    return false;
  }

  forget(id: string): void {
    this.#messages.delete(id);
  }

  /** The messages that become visible before `beforeMs` and can still be extended. */
  visibleBefore(beforeMs: number): TrackedMessage[] {
    const due: TrackedMessage[] = [];
    for (const message of this.#messages.values()) {
      if (message.visibleAtMs < beforeMs && !message.isSettling && !message.isLost) due.push(message);
    }
    return due;
  }
}

/** The longest visibility timeout, counted from now, that SQS still grants the message; 0 when none. */
export function grantableSeconds(message: TrackedMessage, wantedSeconds: number, nowMs: number): number {
  const limitMs = message.requestedAtMs + VISIBILITY_SECONDS_MAX * 1_000;
  return Math.max(0, Math.min(wantedSeconds, Math.floor((limitMs - nowMs) / 1_000)));
}
