/** What a run did. Every count is of deliveries: a redelivered message counts each time. */
export interface Totals {
  received: number;
  /** Rows written. */
  stored: number;
  /** Accepted, and kept out of the table by a trigger or rule of its owner: no row, deleted like those stored. */
  skipped: number;
  /** Without a row, as no table takes their event (`unmatched: drop`): deleted. Left out while there is none. */
  dropped?: number;
  /** Redeliveries of what was stored or quarantined before: deleted again, nothing written. */
  duplicate: number;
  /** Of these: with the business id of an event that had other content. Left out while there is none. */
  differing?: number;
  quarantined: number;
  /** Refused with no key to seal with, or no room in the quarantine: not stored, not deleted. */
  left: number;
  deleted: number;
}
