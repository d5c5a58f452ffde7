import type { RareCounts } from "./rare-counts.ts";

/** What a run did. Every count but those of rows is of deliveries: a redelivered message counts each time. */
export interface Totals extends RareCounts {
  received: number;
  /** Rows written. */
  stored: number;
  /** Accepted, and kept out of the table by a trigger or rule of its owner: no row, deleted like those stored. */
  skipped: number;
  /**
   * Redeliveries of what was stored or quarantined before, and messages whose rows were all ignored: deleted, nothing
   * written.
   */
  duplicate: number;
  /** Of these: with the business id of an event that had other content. Left out while there is none. */
  differing?: number;
  quarantined: number;
  /** Refused with no key to seal with, or no room in the quarantine: not stored, not deleted. */
  left: number;
  deleted: number;
}
