import type { MetadataName, ValueOrigin, ValuePlace } from "./contracts.ts";

/** The places that are looked at, in their order: none for a constant. */
export function placesOf(origin: ValueOrigin): readonly ValuePlace[] {
  if (origin.kind === "constant") return [];
  return origin.kind === "first" ? origin.places : [origin];
}

/** Its id and its times. The group's id is the producer's, and of SNS's texts anyone may write some. */
const OF_QUEUE: ReadonlySet<MetadataName> = new Set(["message_id", "sent_at", "received_at"]);

/** Whether no producer makes the value: the queue itself does, wherever it comes from, or the configuration gives it. */
export const isOfQueue = (origin: ValueOrigin): boolean =>
  placesOf(origin).every((place) => place.kind === "metadata" && OF_QUEUE.has(place.name));
