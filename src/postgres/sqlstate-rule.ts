import type { ErrorCode } from "../errors.ts";

/**
 * What a failure means for the batch that met it.
 * - `retry`: rolled back; the same batch may succeed on the same connection
 * - `reconnect`: the connection is of no use any more, and whether a COMMIT happened may be unknown
 * - `bisect`: a row is at fault: find it and write the others
 * - `doubt`: some rows or the whole table may be at fault, and only the other rows tell
 * - `halt`: the statement, the schema, the rights or piipe is at fault: no row may be blamed
 */
export type Fate = "retry" | "reconnect" | "bisect" | "doubt" | "halt";

/** What of a table refuses a row, where its constraints and types do not. */
export type Refuser = "trigger" | "partition" | "view" | "policy";

export interface SqlStateRule {
  readonly fate: Fate;
  readonly code: ErrorCode;
  /** What happened, without anything of the server's own text: that quotes values. */
  readonly sentence: string;
  readonly hint?: string;
  readonly refuser?: Refuser;
}
