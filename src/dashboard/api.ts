import type { Snapshot, Trouble } from "../app/snapshot.ts";
import type { QuarantineEntry, ReasonCount } from "../storage/quarantine/quarantine.ts";
import type { DuplicateValue } from "../storage/search/duplicates.ts";

/*
 * What the dashboard's server and its pages say to each other. All of it is JSON: counts, codes, times, names of the
 * configuration, tokens. No type here can hold a record, a raw value or a sealed body.
 *
 * GET  /api/stream                server-sent events: one `hello`, then a `tick` each second
 * GET  /api/quarantine?state=&code=&limit=   state: pending (the default), replayed, discarded or all
 * GET  /api/duplicates?column=
 * GET  /api/config
 * POST /api/quarantine/replay     `ActionRequest`, only where actions are allowed
 * POST /api/quarantine/discard    the same
 *
 * What fails answers with a status of 400 or more and `{ "error": Trouble }`.
 */

/** One point of the charts: of this program's own workers together. null: not known at that time. */
export interface Sample {
  readonly atMs: number;
  readonly receivedPerSecond: number;
  readonly storedPerSecond: number;
  readonly lagMs: number;
  readonly inFlight: number;
  /** Messages that wait in the queue. */
  readonly visible: number | null;
  /** Means since the sample before; null: nothing happened. */
  readonly eventsPerBatch: number | null;
  readonly processMicrosPerMessage: number | null;
  readonly writeMs: number | null;
  readonly settleMs: number | null;
}

/** Sent once, when a page connects. */
export interface Hello {
  readonly version: string;
  /** Names of masked columns whose duplicates can be asked for. */
  readonly duplicateColumns: readonly string[];
  /** What the page may offer. */
  readonly actions: { readonly replay: boolean; readonly discard: boolean };
  /** The last quarter of an hour, the oldest first. */
  readonly history: readonly Sample[];
}

export interface Tick {
  readonly snapshot: Snapshot;
  readonly sample: Sample;
}

export interface QuarantinePage {
  readonly reasons: readonly ReasonCount[];
  /** The newest first, as many as were asked for. */
  readonly entries: readonly QuarantineEntry[];
}

/** A value that occurs more than once. */
export interface ShownDuplicate extends Omit<DuplicateValue, "token"> {
  /** null: what is stored is no token, and may be a raw value. */
  readonly token: string | null;
}

export interface DuplicatesPage {
  readonly column: string;
  /** The most users first, then the most rows; the first hundred. */
  readonly duplicates: readonly ShownDuplicate[];
  /** Of all values that were found. */
  readonly valuesFound: number;
  readonly rowsFound: number;
}

export interface ConfigPage {
  /** YAML with every default filled in; secrets are `[secret]`. */
  readonly yaml: string;
  readonly warnings: readonly string[];
}

/** Exactly one of the two. */
export type ActionRequest = { readonly ids: readonly string[] } | { readonly code: string };

export interface ActionReport {
  /** Events that were chosen. */
  readonly events: number;
  /** Replay: rows written. Discard: events given up. */
  readonly done: number;
  /** Replay: kept out by the table's own triggers or rules, known already, refused again, not opened. Discard: 0. */
  readonly skipped: number;
  /** Replay: no table takes them. Left out: none. */
  readonly dropped?: number;
  readonly duplicate: number;
  readonly refused: number;
  readonly unopened: number;
}

export interface ErrorReply {
  readonly error: Trouble;
}
