import { PiipeError } from "../../errors.ts";
import type { Delivery, Pointing, RejectionCode } from "../../pipeline/contracts.ts";
import { bytesOf } from "../../pipeline/delivery-bytes.ts";
import type { Fetched, S3Client } from "./s3-client.ts";

/** A delivery that is refused for what its body points to. The body stays the pointer. */
export const deliveryRefused = (delivery: Delivery, code: RejectionCode): Delivery => ({
  ...delivery,
  rejection: { code, path: "unwrap: s3" },
});

const REFUSALS: Readonly<Record<Exclude<Fetched["kind"], "text">, RejectionCode>> = {
  missing: "body.object-missing",
  "too-large": "body.too-large",
  "no-text": "body.wrapping",
};

/** The delivery with its object's text in the place of the pointer, or refused for what the object is. */
export function deliveryWith(fetched: Fetched, delivery: Delivery, pointing: Pointing, bytesMax: number): Delivery {
  if (fetched.kind !== "text") return deliveryRefused(delivery, REFUSALS[fetched.kind]);
  const body = pointing.bodyWith(fetched.text);
  // In JSON a text takes more room.
  if (Buffer.byteLength(body) > bytesMax) return deliveryRefused(delivery, "body.too-large");
  return { ...delivery, body, bytes: bytesOf(body, delivery.attributes) };
}

/**
 * Fetches what the delivery points to, once: what S3 denies is refused without asking whether it gives others.
 * @throws PiipeError when S3 fails, and not for the sake of the object
 */
export async function fetchWhole(
  objects: Pick<S3Client, "fetch">,
  delivery: Delivery,
  pointing: Pointing,
  { bytesMax, abort }: { readonly bytesMax: number; readonly abort: AbortSignal },
): Promise<Delivery> {
  try {
    return deliveryWith(await objects.fetch(pointing.object, bytesMax, abort), delivery, pointing, bytesMax);
  } catch (error) {
    if (!(error instanceof PiipeError) || !isOfObject(error)) throw error;
    return deliveryRefused(delivery, "body.object-refused");
  }
}

/** Whether S3 may have failed for the sake of this one object: it is denied, archived, or its key is disabled. */
export const isOfObject = ({ code }: PiipeError): boolean => code === "s3.denied" || code === "s3.refused";
