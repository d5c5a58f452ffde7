import type { Clock, Delivery } from "../contracts.ts";
import { isBodyIntact } from "./body-digest.ts";
import { MalformedReply } from "./reply-shape.ts";
import type { SqsMessage } from "./sqs-actions.ts";
import type { Tracker } from "./tracker.ts";

/** What one reply of SQS brought. */
export interface Received {
  /** New to this worker, in SQS's order. */
  readonly deliveries: readonly Delivery[];
  readonly bytes: number;
  /** Whose body does not match its digest: not tracked. */
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

function deliveryOf(message: SqsMessage, bodyBytes: number, receivedAtMs: number, names: readonly string[]): Delivery {
  return {
    id: message.MessageId,
    attempt: numberOf(message.Attributes["ApproximateReceiveCount"] ?? "1"),
    sentAtMs: numberOf(message.Attributes["SentTimestamp"]),
    receivedAtMs,
    groupId: message.Attributes["MessageGroupId"] ?? null,
    body: message.Body,
    bodyBytes,
    attributes: attributesOf(message, names),
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
    const intact: SqsMessage[] = [];
    const read: Delivery[] = [];
    for (const message of messages) {
      const groupId = message.Attributes["MessageGroupId"] ?? null;
      if (groupId !== null && brokenGroups.has(groupId)) {
        withheld.push(message);
      } else if (isBodyIntact(message.Body, message.MD5OfBody)) {
        intact.push(message);
        read.push(deliveryOf(message, Buffer.byteLength(message.Body), receivedAtMs, this.#attributeNames));
      } else {
        corrupt.push(message);
        if (groupId !== null) brokenGroups.add(groupId);
      }
    }
    let bytes = 0;
    const deliveries = read.filter((delivery, i) => {
      const handle = intact[i]?.ReceiptHandle ?? "";
      const isNew = this.#tracker.receive(delivery.id, handle, requestedAtMs, this.#visibilitySeconds);
      if (isNew) bytes += delivery.bodyBytes;
      return isNew;
    });
    return { deliveries, bytes, corrupt, withheld };
  }
}
