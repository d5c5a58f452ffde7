import type { PostgresPool, Row } from "../../postgres/connection.ts";

export const QUARANTINE_STATES = ["pending", "replayed", "discarded"] as const;
export type QuarantineState = (typeof QUARANTINE_STATES)[number];

/** A queue as the quarantine knows it. */
export interface QuarantinedQueue {
  /** The first half of the table's key, a bigint in decimal. */
  readonly sourceId: string;
  readonly arn: string;
}

/** What is known of a quarantined event without opening it. Times are UTC: `2026-01-31T12:00:00.000000Z`. */
export interface QuarantineEntry {
  /** The message id, as the queue gave it. */
  readonly id: string;
  /** The queue's ARN. */
  readonly queue: string;
  /** A rejection code; of an older piipe perhaps one that this one does not have. */
  readonly code: string;
  readonly path: string | null;
  /** What was expected there, and which JSON type came. null: the code says it all. */
  readonly detail: string | null;
  readonly sentAt: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Receipts of the message up to `lastSeen`. */
  readonly attempts: number;
  readonly state: QuarantineState;
  /** When it was replayed or discarded. */
  readonly settledAt: string | null;
}

export interface EntryFilter {
  /** A quarantine may hold the events of several pipelines. */
  readonly queues: readonly QuarantinedQueue[];
  /** null: any. */
  readonly code: string | null;
  /** null: any. */
  readonly state: QuarantineState | null;
}

/** The entries of one reason. */
export interface ReasonCount {
  readonly code: string;
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

export const READING = "reading the quarantine";

/** The SQL of a point in time, to the microsecond whatever the session's settings are. */
export const utcText = (expression: string): string =>
  `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

export const ENTRY_COLUMNS = `
  message_id, source, reason, path, detail, attempt, state,
  ${utcText("sent_at")} AS sent_at, ${utcText("first_seen")} AS first_seen, ${utcText("last_seen")} AS last_seen,
  ${utcText("settled_at")} AS settled_at`;

/** `$1` are the source ids, as JSON. */
export const OF_QUEUES = "source_id IN (SELECT json_array_elements_text($1::json)::bigint)";

const FILTER = `
  ${OF_QUEUES}
  AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR state = $3)`;

/** The queues that the quarantine has events of, whatever their state. */
export async function quarantinedQueues(pool: PostgresPool): Promise<readonly QuarantinedQueue[]> {
  const { rows } = await pool.query(READING, "SELECT DISTINCT source_id, source FROM piipe.quarantine ORDER BY 2");
  return rows.map((row) => ({ sourceId: row["source_id"] ?? "", arn: row["source"] ?? "" }));
}

/** The most frequent reason first. */
export async function countReasons(pool: PostgresPool, filter: EntryFilter): Promise<readonly ReasonCount[]> {
  const text = `
SELECT reason, count(*) AS count, ${utcText("min(first_seen)")} AS first_seen, ${utcText("max(last_seen)")} AS last_seen
FROM piipe.quarantine WHERE ${FILTER}
GROUP BY reason ORDER BY count(*) DESC, reason`;
  const { rows } = await pool.query(READING, text, filterValues(filter));
  return rows.map((row) => ({
    code: row["reason"] ?? "",
    count: Number(row["count"]),
    firstSeen: row["first_seen"] ?? "",
    lastSeen: row["last_seen"] ?? "",
  }));
}

/** The newest first. */
export async function listEntries(
  pool: PostgresPool,
  filter: EntryFilter,
  entriesMax: number,
): Promise<readonly QuarantineEntry[]> {
  const text = `
SELECT ${ENTRY_COLUMNS} FROM piipe.quarantine AS entry WHERE ${FILTER}
ORDER BY entry.first_seen DESC, entry.message_id LIMIT $4::integer`;
  const { rows } = await pool.query(READING, text, [...filterValues(filter), String(entriesMax)]);
  return rows.map(toEntry);
}

function filterValues({ queues, code, state }: EntryFilter): readonly (string | null)[] {
  return [sourceIds(queues), code, state];
}

/** The value of `OF_QUEUES`. */
export function sourceIds(queues: readonly QuarantinedQueue[]): string {
  return JSON.stringify(queues.map(({ sourceId }) => sourceId));
}

/** A row of `ENTRY_COLUMNS`. */
export function toEntry(row: Row): QuarantineEntry {
  return {
    id: row["message_id"] ?? "",
    queue: row["source"] ?? "",
    code: row["reason"] ?? "",
    path: row["path"] ?? null,
    detail: row["detail"] ?? null,
    sentAt: row["sent_at"] ?? "",
    firstSeen: row["first_seen"] ?? "",
    lastSeen: row["last_seen"] ?? "",
    attempts: Number(row["attempt"]),
    state: row["state"] as QuarantineState,
    settledAt: row["settled_at"] ?? null,
  };
}

/** What the events of a queue take that wait: as they are sealed, which is not compressed. */
export async function pendingBytes(pool: PostgresPool, sourceId: string, abort: AbortSignal): Promise<number> {
  const text = `
SELECT coalesce(sum(octet_length(sealed_body) + coalesce(octet_length(sealed_metadata), 0) + ${ROW_BYTES}), 0)::text AS bytes
FROM piipe.quarantine WHERE source_id = $1::bigint AND state = 'pending'`;
  const { rows } = await pool.query(READING, text, [sourceId], abort);
  return Number(rows[0]?.["bytes"]);
}

const ROW_BYTES = 256;
