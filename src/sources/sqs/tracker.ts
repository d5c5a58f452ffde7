import { VISIBILITY_SECONDS_MAX } from "./client/sqs-actions.ts";

/** What SQS gives with each delivery of a message. */
export interface Receipt {
  readonly handle: string;
  /** Times that SQS has counted the message as received, this one included. */
  readonly attempt: number;
  /** When its request was sent: SQS counts the visibility timeout from no earlier than that. */
  readonly requestedAtMs: number;
  readonly receivedAtMs: number;
}

/** By what a message is deleted, released or extended. */
export interface HeldReceipt {
  /** Of the newest receipt: SQS may ignore an older one without saying so. */
  receiptHandle: string;
  /** When the request of the newest receipt was sent. */
  requestedAtMs: number;
}

/** One message that was received and is not settled. */
export interface TrackedMessage extends HeldReceipt {
  readonly id: string;
  /** Of the newest receipt. */
  attempt: number;
  receivedAtMs: number;
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
  receive(id: string, receipt: Receipt, visibilitySeconds: number): boolean {
    const { handle: receiptHandle, attempt, requestedAtMs, receivedAtMs } = receipt;
    const known = this.#messages.get(id);
    // Replies of concurrent polls can overtake each other: then SQS's own count tells which receipt is the newer.
    if (known !== undefined && requestedAtMs < known.receivedAtMs && attempt < known.attempt) return false;
    const visibleAtMs = requestedAtMs + visibilitySeconds * 1_000;
    const newest = { receiptHandle, attempt, requestedAtMs, receivedAtMs, visibleAtMs, isLost: false };
    if (known === undefined) this.#messages.set(id, { id, ...newest, isSettling: false });
    else Object.assign(known, newest);
    return known === undefined;
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
export function grantableSeconds(message: HeldReceipt, wantedSeconds: number, nowMs: number): number {
  const limitMs = message.requestedAtMs + VISIBILITY_SECONDS_MAX * 1_000;
  return Math.max(0, Math.min(wantedSeconds, Math.floor((limitMs - nowMs) / 1_000)));
}
