import type { RejectionCode } from "../pipeline/contracts.ts";
import type { RareCounts } from "../pipeline/rare-counts.ts";
import type { Concern } from "./concerns.ts";

/** A duration that occurs again and again: its mean is `sumMs / count`, of an interval the quotient of the differences. */
export interface DurationFigures {
  readonly count: number;
  readonly sumMs: number;
}

/**
 * What one worker did since its start, and how it is now. Counts, durations and codes only: it is stored in
 * `piipe.workers` and shown by `piipe status` and the dashboard. Every count is of deliveries, unless it says otherwise.
 */
export interface WorkerFigures extends Readonly<RareCounts> {
  readonly received: number;
  /** Of those received: at least for the second time. */
  readonly redelivered: number;
  readonly stored: number;
  /** Kept out of the table by a trigger or rule of its owner. */
  readonly skipped: number;
  readonly duplicate: number;
  /** Of the duplicates: with the business id of an event that had other content. Left out while there is none. */
  readonly differing?: number;
  readonly quarantined: number;
  /** Refused with no key to seal with, or no room in the quarantine: they stay in the queue. */
  readonly left: number;
  readonly deleted: number;
  /** Settlements that failed: those messages come again. */
  readonly unsettled: number;
  /** Bodies that did not match their digest. */
  readonly corrupt: number;
  /** Messages that could not be kept hidden for longer. */
  readonly visibilityFailures: number;
  /** Refused events by reason. */
  readonly refused: Readonly<Partial<Record<RejectionCode, number>>>;
  /** Values of unmasked columns that looked personal. */
  readonly suspected: number;
  /** Failed tries: requests to SQS, writes to PostgreSQL. */
  readonly queueRetries: number;
  readonly databaseRetries: number;
  /** Transactions, and the events in them. */
  readonly batches: number;
  readonly batchedEvents: number;
  /** Decoding and masking, a delivery. */
  readonly process: DurationFigures;
  /** Writing, a batch. */
  readonly write: DurationFigures;
  /** Deleting and releasing, a batch. */
  readonly settle: DurationFigures;
  /** Received and not settled, now. */
  readonly inFlight: number;
  /** Age of the oldest message that was just stored or, while nothing is stored, waits to be; 0 when there is none. */
  readonly lagMs: number;
  /** Means of the last ten seconds. */
  readonly receivedPerSecond: number;
  readonly storedPerSecond: number;
  /** What fails now and is tried again; null: all is well. The code of the error. */
  readonly queueTrouble: string | null;
  readonly databaseTrouble: string | null;
  /** What is wrong though nothing fails for good. */
  readonly concerns: readonly Concern[];
  readonly isDraining: boolean;
}
