import type { QueueParts, Snapshot, StoredParts } from "../app/snapshot.ts";
import type { QuarantineState } from "../storage/quarantine/quarantine.ts";
import type { LiveWorker } from "../storage/workers.ts";
import type { ActionReport, ActionRequest, ConfigPage, DuplicatesPage, QuarantinePage } from "./api.ts";

export interface QuarantineQuery {
  /** null: any. */
  readonly state: QuarantineState | null;
  /** null: any. */
  readonly code: string | null;
  readonly entriesMax: number;
}

/** Replays or discards. `stop` finishes the page at hand and begins no other. */
export type RunAction = (request: ActionRequest, stop: AbortSignal) => Promise<ActionReport>;

/**
 * All that the dashboard knows: it asks nothing but these functions, and none of them gives a record, a raw value or a
 * sealed body.
 */
export interface DashboardData {
  readonly version: string;
  /** The columns that `duplicates` takes. */
  readonly duplicateColumns: readonly string[];
  /** Of this program. Called each second; asks nobody. */
  ownWorkers(): readonly LiveWorker[];
  /** One call at a time. What fails is a part that says so. */
  readDepth(abort: AbortSignal): Promise<Snapshot["depth"]>;
  /** The same. */
  readDeadLetters(abort: AbortSignal): Promise<Snapshot["deadLetters"]>;
  /** The same. */
  readStored(): Promise<StoredParts>;
  /** Own workers as they are now among what was read. */
  snapshot(parts: StoredParts & QueueParts): Snapshot;
  /** @throws {PiipeError} as the database fails, like all that follow */
  quarantine(query: QuarantineQuery): Promise<QuarantinePage>;
  /** Reads the whole table. */
  duplicates(column: string, abort: AbortSignal): Promise<DuplicatesPage>;
  config(): ConfigPage;
  /** null: not allowed. */
  readonly replay: RunAction | null;
  readonly discard: RunAction | null;
}
