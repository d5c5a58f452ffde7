import { PiipeError } from "../errors.ts";
import type { Delivery, HeldEvent, Open, RefusedEvent, Seal } from "./contracts.ts";
import { bytesOf } from "./delivery-bytes.ts";

/** What columns may need besides the body. */
export interface DeliveryMetadata {
  readonly groupId: string | null;
  readonly attributes: ReadonlyMap<string, string>;
}

/** What the sealed body of a message is bound to. */
export const bodyContext = (messageId: string): string => `body/${messageId}`;

/** What its sealed metadata is bound to: neither may pass for the other, nor for an original of the vault. */
export const metadataContext = (messageId: string): string => `metadata/${messageId}`;

/**
 * Encrypts what a replay needs of a refused message.
 * @param source the name of the source: two queues may hold the same id, and an event of one must not pass for the other's
 */
export function sealDelivery(
  { id, body, groupId, attributes }: Delivery,
  seal: Seal,
  source: string,
): Pick<RefusedEvent, "sealedBody" | "sealedMetadata"> {
  const hasMetadata = groupId !== null || attributes.size > 0;
  const metadata = JSON.stringify({ groupId, attributes: Object.fromEntries(attributes) });
  return {
    sealedBody: seal(body, bodyContext(id), source),
    sealedMetadata: hasMetadata ? seal(metadata, metadataContext(id), source) : null,
  };
}

/** The opposite, after opening. `text` is what `sealDelivery` sealed: authenticated, so its shape is known. */
export function parseMetadata(text: string): DeliveryMetadata {
  const { groupId, attributes } = JSON.parse(text) as {
    readonly groupId: string | null;
    readonly attributes: Readonly<Record<string, string>>;
  };
  return { groupId, attributes: new Map(Object.entries(attributes)) };
}

const NO_METADATA: DeliveryMetadata = { groupId: null, attributes: new Map() };

/**
 * The delivery as it was refused, but for the time of its receipt: what is known of that is when it was quarantined.
 * @throws {PiipeError} as `open` does, and like it when the row's times are none
 */
export function openHeld(event: HeldEvent, open: Open): Delivery {
  const { source, id, attempt, sentAtMs, firstSeenMs, sealedBody, sealedMetadata } = event;
  if (!Number.isFinite(sentAtMs) || !Number.isFinite(firstSeenMs)) throw timesExchanged();
  const body = open(sealedBody, bodyContext(id), source);
  const metadata =
    sealedMetadata === null ? NO_METADATA : parseMetadata(open(sealedMetadata, metadataContext(id), source));
  return {
    id,
    attempt,
    sentAtMs,
    receivedAtMs: firstSeenMs,
    ...metadata,
    body,
    bytes: bytesOf(body, metadata.attributes),
  };
}

const timesExchanged = (): PiipeError =>
  new PiipeError("keys.invalid", "the event's row in piipe.quarantine has times that no message has", {
    hint: "Somebody changed the row. Discard it with `piipe quarantine discard`, and see who may write to the table.",
  });
