import type { ErrorCode } from "../errors.ts";
import type { Result } from "../pipeline/contracts.ts";
import type { QueueCounts } from "../sources/sqs/sqs-source.ts";
import type { ReasonCount } from "../storage/quarantine/quarantine.ts";
import type { WorkerIdentity } from "../storage/workers.ts";
import type { WorkerFigures } from "../telemetry/worker-figures.ts";

/** Why a part of a snapshot could not be read. Safe to show. */
export interface Trouble {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
}

/** A service that is away must not hide what the others tell. */
export type Part<T> = Result<T, Trouble>;

/**
 * - `running`: heard of lately
 * - `silent`: not heard of for three heartbeats; killed, or without a database
 * - `stopped`: ended as it should
 */
export type WorkerState = "running" | "silent" | "stopped";

/** A worker as it was last heard of. */
export interface WorkerStatus extends WorkerIdentity {
  readonly state: WorkerState;
  /** UTC, such as `2026-01-31T12:00:00.000000Z`; null: not known, as the database is away. */
  readonly startedAt: string | null;
  /** When it was last heard of, by the same clock; null: not known, as for that. */
  readonly seenAt: string | null;
  /** How long ago that was. */
  readonly silentMs: number;
  readonly figures: WorkerFigures;
}

/** What the dead-letter queue holds. */
export interface DeadLetters {
  /** Its name. */
  readonly queue: string;
  /** Messages in whatever state; approximate on SQS. */
  readonly waiting: number;
}

/** A pipeline as it is now: names of the configuration, counts, durations, codes and times. Nothing in it is of an event. */
export interface Snapshot {
  /** UTC, by this machine's clock. */
  readonly at: string;
  readonly pipeline: string;
  /** As configured: a name, a URL or an ARN. */
  readonly queue: string;
  /** As configured, several with commas between them. */
  readonly table: string;
  readonly depth: Part<QueueCounts>;
  /** null: the queue has no dead-letter queue. That it may not be read is no trouble of the pipeline. */
  readonly deadLetters: Part<DeadLetters | null>;
  /** Those of the last day. */
  readonly workers: Part<readonly WorkerStatus[]>;
  /** Rows of `piipe.workers` that no worker wrote so: they are left out. Not there while there are none. */
  readonly malformedWorkers?: number | undefined;
  readonly quarantine: Part<{
    /** Events that wait to be replayed or discarded. */
    readonly pending: number;
    /** The most frequent first. */
    readonly reasons: readonly ReasonCount[];
  }>;
}

/** What the queue tells. */
export type QueueParts = Pick<Snapshot, "depth" | "deadLetters">;

/** What the database tells. */
export type StoredParts = Pick<Snapshot, "workers" | "malformedWorkers" | "quarantine">;
