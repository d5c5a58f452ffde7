import { hash } from "node:crypto";
import type { BatchFailure, SqsMessage } from "../../src/sources/sqs/client/sqs-actions.ts";
import type { Life, Receipt } from "./life.ts";
import type { SentMessage, World } from "./world.ts";

export interface Served {
  readonly receipt: Receipt;
  readonly message: SqsMessage;
}

interface QueuedMessage {
  readonly sent: SentMessage;
  visibleAtMs: number;
  /** The newest: SQS acts on no older one. */
  receipt: Receipt | null;
  receives: number;
}

type EntryFailure = Omit<BatchFailure, "Id">;

const HIDDEN_MAX_MS = 43_200_000;
/** The worker counts the 12 hours from its request, which may have waited. */
const LONG_POLL_MS = 30_000;
const HANDLE_INVALID: EntryFailure = { Code: "ReceiptHandleIsInvalid", SenderFault: true };
const NOT_IN_FLIGHT: EntryFailure = { Code: "MessageNotInflight", SenderFault: true };
const PARAMETER_INVALID: EntryFailure = { Code: "InvalidParameterValue", SenderFault: true };

/**
 * A queue of Amazon SQS as its documentation describes it, with all the liberties that it takes: at-least-once delivery,
 * any order, short replies, stale handles that do nothing.
 */
export class ModelSqs {
  readonly #world: World;
  readonly #isCommitted: (id: string) => boolean;
  /** Neither deleted nor in the dead-letter queue, in the order of sending. */
  readonly #messages = new Map<string, QueuedMessage>();
  readonly #deleted = new Map<string, QueuedMessage>();
  readonly #receipts = new Map<string, Receipt>();
  readonly deadLettered = new Set<string>();
  /** Of the polls that wait. */
  #wake: Array<() => void> = [];

  constructor(world: World, isCommitted: (id: string) => boolean) {
    this.#world = world;
    this.#isCommitted = isCommitted;
  }

  get ids(): Iterable<string> {
    return this.#messages.keys();
  }

  get depth(): number {
    return this.#messages.size;
  }

  has(id: string): boolean {
    return this.#messages.has(id);
  }

  send(sent: SentMessage): void {
    this.#messages.set(sent.id, { sent, visibleAtMs: 0, receipt: null, receives: 0 });
    this.#notify();
  }

  /** Gives up to `max` visible messages and hides them. */
  receive(owner: Life, max: number, visibilitySeconds: number): Served[] {
    const { random, scenario } = this.#world;
    this.#deadLetter();
    const found = scenario.queue.isFifo ? this.#nextOfGroups(max) : random.shuffle([...this.#visible()]);
    // SQS asks a sample of its servers: replies are often short.
    const count = random.chance(0.3) ? 1 + random.below(max) : max;
    return found.slice(0, count).map((queued) => this.#give(queued, owner, visibilitySeconds));
  }

  /** Gives a message that is hidden already, as at-least-once delivery allows; null when there is none. */
  duplicate(owner: Life, visibilitySeconds: number): Served | null {
    const hidden = [...this.#messages.values()].filter((queued) => !this.#isVisible(queued));
    if (hidden.length === 0) return null;
    const { random } = this.#world;
    // Mostly what was given a moment ago: then the two replies may overtake each other.
    const [newest] = hidden.toSorted((a, b) => (b.receipt?.servedAtMs ?? 0) - (a.receipt?.servedAtMs ?? 0));
    const queued = newest !== undefined && random.chance(0.5) ? newest : random.pick(hidden);
    return this.#give(queued, owner, visibilitySeconds);
  }

  /** Gives a message that was deleted: a server that was away has it still. null when there is none. */
  resurrect(owner: Life, visibilitySeconds: number): Served | null {
    const deleted = [...this.#deleted.values()];
    const newest = deleted.at(-1);
    if (newest === undefined) return null;
    const { random } = this.#world;
    const queued = random.chance(0.5) ? newest : random.pick(deleted);
    this.#deleted.delete(queued.sent.id);
    this.#messages.set(queued.sent.id, queued);
    return this.#give(queued, owner, visibilitySeconds);
  }

  delete(handle: string): EntryFailure | null {
    const found = this.#find(handle);
    if (!("sent" in found)) return found.failure;
    const { id } = found.sent;
    // Only FIFO queues mind.
    if (this.#world.scenario.queue.isFifo && this.#isVisible(found)) {
      this.#happened("handle expired");
      return PARAMETER_INVALID;
    }
    if (!this.#isCommitted(id)) this.#world.chronicle.break(`${id} was deleted before it was committed`);
    this.#messages.delete(id);
    this.#deleted.set(id, found);
    this.#notify();
    return null;
  }

  changeVisibility(handle: string, seconds: number): EntryFailure | null {
    const { clock } = this.#world;
    const found = this.#find(handle);
    if (!("sent" in found)) return found.failure;
    if (this.#isVisible(found)) return NOT_IN_FLIGHT;
    const visibleAtMs = clock.nowMs() + seconds * 1_000;
    if (visibleAtMs > (found.receipt?.servedAtMs ?? 0) + HIDDEN_MAX_MS) return PARAMETER_INVALID;
    found.visibleAtMs = visibleAtMs;
    if (seconds === 0) this.#notify();
    return null;
  }

  /** Resolves when something may have become visible, at the latest at `untilMs`. */
  wait(untilMs: number): Promise<void> {
    const { clock } = this.#world;
    let nextMs = untilMs;
    for (const { visibleAtMs } of this.#messages.values()) {
      if (visibleAtMs > clock.nowMs() && visibleAtMs < nextMs) nextMs = visibleAtMs;
    }
    return new Promise((resolve) => {
      const cancel = clock.after(nextMs - clock.nowMs(), resolve);
      this.#wake.push(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Milliseconds that the message stays hidden under this very receipt; 0 when it does not. */
  hiddenMs(receipt: Receipt): number {
    const queued = this.#messages.get(receipt.id);
    if (queued === undefined || queued.receipt !== receipt) return 0;
    return Math.max(0, queued.visibleAtMs - this.#world.clock.nowMs());
  }

  /** To be called when others may see the message, and when its holder is done with it. */
  checkHold(id: string): void {
    const { clock, chronicle, scenario } = this.#world;
    const queued = this.#messages.get(id);
    const receipt = queued?.receipt ?? null;
    if (queued === undefined || receipt === null || !this.#isVisible(queued)) return;
    const { owner } = receipt;
    if (!owner.isAlive || !owner.held.has(id) || owner.receipts.get(id) !== receipt) return;
    const heldMs = clock.nowMs() - receipt.servedAtMs;
    if (heldMs >= HIDDEN_MAX_MS - scenario.queue.visibilitySeconds * 1_000 - LONG_POLL_MS)
      this.#happened("held for 12 hours");
    else if (!owner.mayLapse) chronicle.break(`${id} became visible while ${owner.name} held it`);
  }

  *#visible(): Iterable<QueuedMessage> {
    for (const queued of this.#messages.values()) if (this.#isVisible(queued)) yield queued;
  }

  #isVisible({ visibleAtMs }: QueuedMessage): boolean {
    return visibleAtMs <= this.#world.clock.nowMs();
  }

  /** Of each group that is not locked the first messages, some groups giving several and some one. */
  #nextOfGroups(max: number): QueuedMessage[] {
    const { random, scenario } = this.#world;
    const groups = new Map<string, QueuedMessage[]>();
    const locked = new Set<string>();
    for (const queued of this.#messages.values()) {
      const groupId = queued.sent.groupId ?? "";
      if (!this.#isVisible(queued)) {
        locked.add(groupId);
        if (scenario.queue.locksWholeGroup) groups.delete(groupId);
        continue;
      }
      if (locked.has(groupId)) continue;
      const group = groups.get(groupId);
      if (group === undefined) groups.set(groupId, [queued]);
      else group.push(queued);
    }
    if (locked.size > 0) this.#world.chronicle.count("group locked");
    return random.shuffle([...groups.values()]).flatMap((group) => group.slice(0, 1 + random.below(max)));
  }

  #deadLetter(): void {
    const { receivesMax } = this.#world.scenario.queue;
    if (receivesMax === null) return;
    for (const { sent, receives } of this.#visible()) {
      if (receives < receivesMax) continue;
      this.#happened("dead-lettered");
      this.#world.chronicle.note("sqs", `${sent.id} goes to the dead-letter queue after ${receives} receives`);
      this.#messages.delete(sent.id);
      this.deadLettered.add(sent.id);
    }
  }

  #give(queued: QueuedMessage, owner: Life, visibilitySeconds: number): Served {
    const { clock } = this.#world;
    const { sent } = queued;
    const servedAtMs = clock.nowMs();
    if (queued.receives > 0) this.#happened("redelivered");
    this.checkHold(sent.id);
    queued.receives += 1;
    const count = queued.receives;
    const receipt = { id: sent.id, handle: `${sent.id}/${count}`, owner, count, servedAtMs };
    queued.receipt = receipt;
    queued.visibleAtMs = servedAtMs + visibilitySeconds * 1_000;
    this.#receipts.set(receipt.handle, receipt);
    const message = {
      MessageId: sent.id,
      ReceiptHandle: receipt.handle,
      Body: sent.body,
      MD5OfBody: hash("md5", sent.body),
      Attributes: {
        SentTimestamp: String(sent.sentAtMs),
        ApproximateReceiveCount: String(queued.receives),
        ...(sent.groupId !== null && { MessageGroupId: sent.groupId }),
      },
    };
    return { receipt, message };
  }

  /** The message of a handle, or what SQS says of a handle that it acts on no more. */
  #find(handle: string): QueuedMessage | { readonly failure: EntryFailure | null } {
    const { chronicle, scenario } = this.#world;
    const receipt = this.#receipts.get(handle);
    if (receipt === undefined) {
      chronicle.break(`a handle that no receive gave: ${handle}`);
      return { failure: HANDLE_INVALID };
    }
    const queued = this.#messages.get(receipt.id);
    if (queued === undefined) return { failure: null };
    if (queued.receipt === receipt) return queued;
    this.#happened(`stale handle ${scenario.queue.staleHandles}`);
    return { failure: scenario.queue.staleHandles === "ignored" ? null : HANDLE_INVALID };
  }

  #notify(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }

  #happened(what: string): void {
    this.#world.chronicle.happened("sqs", what);
  }
}
