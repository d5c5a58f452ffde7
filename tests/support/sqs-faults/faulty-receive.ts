import type { FaultDice } from "./fault-dice.ts";
import type { BackendReply } from "./keep-alive-backend.ts";
import type { Receipts } from "./receipts.ts";

interface ReceiveInput {
  readonly QueueUrl: string;
  readonly MaxNumberOfMessages?: number;
}

interface Message {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly MD5OfBody: string;
  readonly Attributes?: Readonly<Record<string, string>>;
}

interface OwedDuplicate {
  readonly queueUrl: string;
  readonly message: Message;
  readonly kind: "duplicate, same handle" | "duplicate, new handle";
  /** The receive that brings it, if the queue does not run empty before. */
  readonly dueAt: number;
}

const OWED_MAX = 100;
/** Receives until a duplicate comes, at most: its message is then held, deleted, or both by different workers. */
const DUE_WITHIN = 40;
const IN_THE_SAME_REPLY = 0.25;

/** Receives with what SQS may do to them: duplicates, another order, a body that does not match its digest. */
export class FaultyReceive {
  readonly #dice: FaultDice;
  readonly #receipts: Receipts;
  #owed: OwedDuplicate[] = [];
  #receives = 0;

  constructor(dice: FaultDice, receipts: Receipts) {
    this.#dice = dice;
    this.#receipts = receipts;
  }

  async answer(body: string, forward: (body: string) => Promise<BackendReply>): Promise<BackendReply> {
    this.#receives += 1;
    const { QueueUrl: queueUrl, MaxNumberOfMessages: wanted = 1 } = JSON.parse(body) as ReceiveInput;
    const isDue = (owed: OwedDuplicate): boolean => owed.dueAt <= this.#receives;
    const owed = this.#takeOwed(queueUrl, Math.max(1, wanted - 1), isDue);
    if (owed.length === wanted) return messagesReply(owed.map((duplicate) => this.#deliver(duplicate)));
    const isOwing = this.#owed.some((duplicate) => duplicate.queueUrl === queueUrl);
    const reply = await forward(asking(body, wanted - owed.length, owed.length > 0 || isOwing));
    if (reply.status !== 200) return reply;
    const received = (JSON.parse(reply.body) as { Messages?: readonly Message[] }).Messages ?? [];
    for (const message of received) this.#receipts.note(message.MessageId, message.ReceiptHandle);
    if (received.length === 0) owed.push(...this.#takeOwed(queueUrl, wanted - owed.length, () => true));

    const isFifo = queueUrl.endsWith(".fifo");
    const given = received.map((message) => this.#damaged(message));
    for (const duplicate of owed) given.push(this.#deliver(duplicate));
    if (!isFifo) {
      for (const message of received) {
        const duplicate = this.#duplicate(queueUrl, message);
        if (duplicate === null) continue;
        if (given.length < wanted && this.#dice.random.chance(IN_THE_SAME_REPLY)) given.push(this.#deliver(duplicate));
        else if (this.#owed.length < OWED_MAX) this.#owed.push(duplicate);
      }
    }
    if (!isFifo && given.length > 1 && this.#dice.strikes("reorder")) {
      return messagesReply(this.#dice.random.shuffle(given));
    }
    const isUnchanged = given.length === received.length && given.every((message, i) => message === received[i]);
    return isUnchanged ? reply : messagesReply(given);
  }

  #takeOwed(queueUrl: string, max: number, isWanted: (owed: OwedDuplicate) => boolean): OwedDuplicate[] {
    const taken: OwedDuplicate[] = [];
    const left: OwedDuplicate[] = [];
    for (const owed of this.#owed) {
      // Switched off meanwhile: owed no more.
      if (this.#dice.rates[owed.kind] === 0) continue;
      const isTaken = owed.queueUrl === queueUrl && taken.length < max && isWanted(owed);
      (isTaken ? taken : left).push(owed);
    }
    this.#owed = left;
    return taken;
  }

  #duplicate(queueUrl: string, message: Message): OwedDuplicate | null {
    for (const kind of ["duplicate, same handle", "duplicate, new handle"] as const) {
      if (!this.#dice.falls(kind)) continue;
      return { queueUrl, message, kind, dueAt: this.#receives + 1 + this.#dice.random.below(DUE_WITHIN) };
    }
    return null;
  }

  #deliver({ kind, message }: OwedDuplicate): Message {
    this.#dice.count(kind);
    const { MessageId: id, ReceiptHandle: handle } = message;
    if (kind === "duplicate, same handle") {
      this.#receipts.repeat(id, handle);
      return message;
    }
    const count = Number(message.Attributes?.["ApproximateReceiveCount"] ?? "1");
    // A server that missed the first delivery counts as if there had been none.
    const Attributes = this.#dice.random.chance(0.5)
      ? { ...message.Attributes, ApproximateReceiveCount: String(count + 1) }
      : message.Attributes;
    return { ...message, ...(Attributes && { Attributes }), ReceiptHandle: this.#receipts.renew(id, handle) };
  }

  #damaged(message: Message): Message {
    if (!this.#dice.strikes("bad MD5")) return message;
    return this.#dice.random.chance(0.5)
      ? { ...message, MD5OfBody: "0".repeat(32) }
      : // Still JSON: only the digest tells.
        { ...message, Body: `${message.Body} ` };
  }
}

function asking(body: string, wanted: number, isImpatient: boolean): string {
  const fewer = body.replace(/"MaxNumberOfMessages":\d+/, `"MaxNumberOfMessages":${wanted}`);
  return isImpatient ? fewer.replace(/"WaitTimeSeconds":\d+/, `"WaitTimeSeconds":0`) : fewer;
}

function messagesReply(messages: readonly Message[]): BackendReply {
  return { status: 200, body: JSON.stringify({ Messages: messages }) };
}
