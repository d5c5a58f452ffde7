import { PiipeError } from "../errors.ts";
import type { Delivery, HeldEvent, Open } from "./contracts.ts";
import { bytesOf } from "./delivery-bytes.ts";
import { bodyContext, type DeliveryMetadata, metadataContext, parseMetadata } from "./sealed-delivery.ts";

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
