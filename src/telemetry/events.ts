/**
 * Every event that the running pipeline reports, typed in one place. Logs, metrics, progress and tests read these.
 * No field ever holds data of an event: counts, durations, codes and names of the configuration only.
 */
import type { ErrorCode } from "../errors.ts";
import type { RejectionCode, SuspicionKind } from "../pipeline/contracts.ts";

export type TelemetryEvent =
  | { readonly type: "pipeline.started"; readonly source: string; readonly table: string }
  | {
      readonly type: "deliveries.received";
      readonly count: number;
      readonly redelivered: number;
      readonly bytes: number;
      /** Of the oldest of them. */
      readonly oldestSentAtMs: number;
    }
  /** A body did not match the digest that SQS sent with it, or its time of sending is none; the message is released and comes again. */
  | {
      readonly type: "delivery.corrupt";
      readonly count: number;
      /** Of those that are released: by them the producer's own message can be found. */
      readonly messageIds: readonly string[];
    }
  | {
      readonly type: "batch.written";
      readonly stored: number;
      /** Kept out of the table by a trigger or rule of its owner. Left out: none. */
      readonly skipped?: number;
      /** Without a row, as no table takes their event. Left out: none. */
      readonly dropped?: number;
      readonly duplicate: number;
      readonly quarantined: number;
      readonly rejected: number;
      readonly elapsedMs: number;
      /** Of the oldest message in the batch. */
      readonly oldestSentAtMs: number;
      /** Deliveries decoded and masked since the batch before, and how long that took. */
      readonly processed: number;
      readonly processMs: number;
    }
  /** A trigger or rule of the table kept rows out, without an error. Their messages are deleted. */
  | { readonly type: "rows.skipped"; readonly count: number }
  /** Duplicates had the business id of an event with other content. They are counted as duplicates, and deleted, as well. */
  | { readonly type: "duplicates.differed"; readonly count: number }
  /** A write failed and is tried again; nothing was lost. */
  | {
      readonly type: "batch.retried";
      readonly code: ErrorCode;
      readonly sqlState: string | null;
      readonly attempt: number;
      readonly delayMs: number;
    }
  /** No row of a batch could be written, and no retry mends that: the worker keeps what it has, and waits for who does. */
  | {
      readonly type: "batch.held";
      readonly code: ErrorCode;
      readonly sqlState: string | null;
      /** Of the error, which names things of the configuration and of the database's catalogue only. */
      readonly message: string;
      readonly hint: string | null;
      readonly attempt: number;
      readonly delayMs: number;
    }
  | {
      readonly type: "event.refused";
      /** Joins the line to its row in the quarantine, or to the message in the queue. */
      readonly messageId: string;
      readonly code: RejectionCode;
      readonly path: string | null;
      readonly detail?: string;
      /** Meant for the quarantine, told before it is written; or left in the queue: no sealing key, or the quarantine is full. */
      readonly fate: "quarantine" | "left" | "full";
    }
  | {
      readonly type: "fields.unknown";
      readonly events: number;
      /** Names that were not seen before in this run, and all so far. Never the names: a key may be personal data. */
      readonly fieldsAdded: number;
      readonly fields: number;
    }
  /** Values of a column that is stored as it is looked like personal data. */
  | {
      readonly type: "leak.suspected";
      readonly column: string;
      readonly detector: SuspicionKind;
      readonly values: number;
    }
  | {
      readonly type: "deliveries.settled";
      readonly deleted: number;
      readonly released: number;
      readonly failed: number;
      readonly elapsedMs: number;
    }
  | { readonly type: "visibility.extended"; readonly count: number; readonly failed: number }
  | {
      readonly type: "source.retried";
      readonly action: string;
      readonly code: ErrorCode;
      /** The request was refused for its time. Left out: it was not. */
      readonly isClockOff?: boolean;
      readonly attempt: number;
      readonly delayMs: number;
    }
  /** A run that ends with an empty queue begins to wait for messages that it does not get. */
  | { readonly type: "queue.awaited"; readonly count: number }
  /** What is held could not be kept hidden in time: until that is better, no more is held than this. */
  | { readonly type: "source.slowed"; readonly heldMax: number; readonly lateMs: number }
  /** Receiving, or fetching objects, works again, after failures that made it pause. */
  | { readonly type: "source.recovered"; readonly action: string }
  /** Objects that should have been deleted with their messages, and were not. */
  | { readonly type: "objects.left"; readonly count: number; readonly code: ErrorCode }
  /** The worker's clock was off by more than SQS accepts; requests are signed with the corrected time. */
  | { readonly type: "clock.corrected"; readonly offsetMs: number }
  | { readonly type: "ledger.maintained"; readonly created: number; readonly dropped: number; readonly pruned: number }
  | { readonly type: "ledger.maintenance-failed"; readonly code: ErrorCode; readonly sqlState: string | null }
  /** `piipe status` and the dashboard do not see this worker, or see it as it was. */
  | { readonly type: "heartbeat.failed"; readonly code: ErrorCode; readonly sqlState: string | null }
  /** The keyring's file was read anew. `primary`: the version that makes the tokens from now on. */
  | { readonly type: "keyring.changed"; readonly primary: number | null }
  /** The file has changed, and cannot be used: the keys of before go on. */
  | { readonly type: "keyring.refused"; readonly code: ErrorCode; readonly message: string }
  | { readonly type: "pipeline.draining"; readonly inFlight: number }
  | { readonly type: "pipeline.aborted"; readonly unsettled: number }
  | { readonly type: "pipeline.stopped" }
  | { readonly type: "config.warning"; readonly message: string };

export type TelemetryEventType = TelemetryEvent["type"];

/** Receives events. Must not throw and must return at once. */
export type Emit = (event: TelemetryEvent) => void;
