import type { SoakFigures } from "./soak-figures.ts";

/** What a leg did, and what came of it. */
export interface SoakReport {
  readonly figures: SoakFigures;
  readonly seconds: number;
  readonly sent: number;
  readonly stored: number;
  readonly quarantined: number;
  readonly stillQueued: number;
  readonly lost: number;
  readonly duplicateRows: number;
  /** Rows and quarantined events that nobody sent, or with other values, or tokens that are not as many as values. */
  readonly unexpected: number;
  /** Messages whose delete was sent before their commit, of all whose delete was seen. */
  readonly deletesBeforeCommit: number;
  readonly deletesSeen: number;
  /** Messages of which a delete was seen: every one that was sent, or some went past the witness. */
  readonly messagesSeenDeleted: number;
  /** Where a raw value was found: output of the workers, rows, the server's log and data folder. */
  readonly rawBytes: readonly string[];
  /** Workers that ended otherwise than asked for, but for starts that found no database. */
  readonly unexpectedEnds: readonly string[];
  /** Deliveries that the ledger had already, as far as workers lived to tell. */
  readonly redelivered: number;
  /** How often each planned fault struck, by name. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often each fault of the queue struck, by name. */
  readonly queueFaults: Readonly<Record<string, number>>;
}
