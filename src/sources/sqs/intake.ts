import { getFips, hash } from "node:crypto";
import type { Clock, Delivery } from "../../pipeline/contracts.ts";
import { bytesOf } from "../../pipeline/delivery-bytes.ts";
import { MalformedReply } from "./client/reply-shape.ts";
import type { SqsMessage } from "./client/sqs-actions.ts";
import type { Tracker } from "./tracker.ts";

/** In FIPS mode there is no MD5; TLS then has to do. The official client asks for the same. */
const isMd5Available = getFips() === 0;

/** True when the body is what SQS took the digest of. */
function isBodyIntact(body: string, md5OfBody: string): boolean {
  return !isMd5Available || hash("md5", body) === md5OfBody;
}

/** What one reply of SQS brought. */
export interface Received {
  /** New to this worker, in SQS's order. */
  readonly deliveries: readonly Delivery[];
  readonly bytes: number;
  /** Whose body does not match its digest, or whose time of sending is none: not tracked. None of a message that is held intact. */
  readonly corrupt: readonly SqsMessage[];
  /** Intact, but behind a corrupt one of their group: not tracked, for they would overtake it. */
  readonly withheld: readonly SqsMessage[];
}

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

function numberOf(text: string | null | undefined): number {
  // Number("") and Number(null) would be 0.
  const value = text ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value))
    throw new MalformedReply("a message has no readable SentTimestamp or receive count");
  return value;
}

/** The first moments that no text of a year with four digits tells: no table, and no ledger, could be given one. */
const TIMES_END_MS = Date.UTC(10_000, 0);

/** Whether its time of sending is one. SQS sends no other, but what stands before it may. */
function hasTime(message: SqsMessage): boolean {
  const text = message.Attributes["SentTimestamp"];
  // Without any, the reply is none of SQS.
  if (text === undefined) return true;
  const sentAtMs = Number(text || Number.NaN);
  return Number.isSafeInteger(sentAtMs) && sentAtMs >= 0 && sentAtMs < TIMES_END_MS;
}

function attributesOf(message: SqsMessage, names: readonly string[]): ReadonlyMap<string, string> {
  const given = message.MessageAttributes;
  if (names.length === 0 || given === undefined) return NO_ATTRIBUTES;
  const attributes = new Map<string, string>();
  for (const name of names) {
    const text = Object.hasOwn(given, name) ? given[name]?.StringValue : undefined;
    if (typeof text === "string") attributes.set(name, text);
  }
  return attributes;
}

function attemptOf(message: SqsMessage): number {
  return numberOf(message.Attributes["ApproximateReceiveCount"] ?? "1");
}

function deliveryOf(
  message: SqsMessage,
  attempt: number,
  groupId: string | null,
  receivedAtMs: number,
  names: readonly string[],
): Delivery {
  const attributes = attributesOf(message, names);
  return {
    id: message.MessageId,
    attempt,
    sentAtMs: numberOf(message.Attributes["SentTimestamp"]),
    receivedAtMs,
    groupId,
    body: message.Body,
    bytes: bytesOf(message.Body, attributes),
    attributes,
    movedFrom: message.Attributes["DeadLetterQueueSourceArn"] ?? null,
  };
}

/** Turns replies into deliveries: checks each body, tracks each message, drops repeats of what is already held. */
export class Intake {
  readonly #tracker: Tracker;
  readonly #clock: Clock;
  readonly #visibilitySeconds: number;
  readonly #attributeNames: readonly string[];

  constructor(tracker: Tracker, clock: Clock, visibilitySeconds: number, attributeNames: readonly string[]) {
    this.#tracker = tracker;
    this.#clock = clock;
    this.#visibilitySeconds = visibilitySeconds;
    this.#attributeNames = attributeNames;
  }

  /** @throws MalformedReply when a message lacks what every message of SQS has. Nothing is tracked then. */
  accept(messages: readonly SqsMessage[], requestedAtMs: number): Received {
    const receivedAtMs = this.#clock.nowMs();
    const corrupt: SqsMessage[] = [];
    const withheld: SqsMessage[] = [];
    const brokenGroups = new Set<string>();
    const attempts = messages.map(attemptOf);
    const read = messages.map((message, i) => {
      const groupId = message.Attributes["MessageGroupId"] ?? null;
      // What is held is read already: of it, only the receipt counts.
      if (this.#isHeld(message)) return null;
      if (groupId !== null && brokenGroups.has(groupId)) {
        withheld.push(message);
      } else if (hasTime(message) && isBodyIntact(message.Body, message.MD5OfBody)) {
        return deliveryOf(message, attempts[i] ?? 0, groupId, receivedAtMs, this.#attributeNames);
      } else {
        corrupt.push(message);
        if (groupId !== null) brokenGroups.add(groupId);
      }
      return null;
    });
    // Only now: had one of them been malformed, none would be tracked.
    const deliveries: Delivery[] = [];
    let bytes = 0;
    for (const [i, message] of messages.entries()) {
      const delivery = read[i] ?? null;
      if (delivery === null && !this.#isHeld(message)) continue;
      const receipt = { handle: message.ReceiptHandle, attempt: attempts[i] ?? 0, requestedAtMs, receivedAtMs };
      const isNew = this.#tracker.receive(message.MessageId, receipt, this.#visibilitySeconds);
      if (!isNew || delivery === null) continue;
      deliveries.push(delivery);
      bytes += delivery.bytes;
    }
    const isReleased = (message: SqsMessage): boolean => !this.#isHeld(message);
    return { deliveries, bytes, corrupt: corrupt.filter(isReleased), withheld: withheld.filter(isReleased) };
  }

  #isHeld(message: SqsMessage): boolean {
    return this.#tracker.get(message.MessageId) !== undefined;
  }
}
