import type { MetadataName, ValueOrigin, ValuePlace } from "./contracts.ts";

/** The places that are looked at, in their order. */
export const placesOf = (origin: ValueOrigin): readonly ValuePlace[] =>
  origin.kind === "first" ? origin.places : [origin];

/** Its id and its times. The group's id is the producer's, and of SNS's texts anyone may write some. */
const OF_QUEUE: ReadonlySet<MetadataName> = new Set(["message_id", "sent_at", "received_at"]);

/** Whether the queue itself makes the value, wherever it comes from. */
export const isOfQueue = (origin: ValueOrigin): boolean =>
  placesOf(origin).every((place) => place.kind === "metadata" && OF_QUEUE.has(place.name));
