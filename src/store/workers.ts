import type { PostgresPool } from "../postgres/connection.ts";
import { quoteTable, showTable, type TableName } from "../postgres/identifiers.ts";
import type { WorkerFigures } from "../telemetry/worker-figures.ts";
import { utcText } from "./quarantine.ts";

/** What does not change while a worker runs. */
export interface WorkerIdentity {
  /** A UUID that the process chose. */
  readonly id: string;
  /** The configuration's name. */
  readonly pipeline: string;
  /** The queue's ARN. */
  readonly source: string;
  /** The table, as schema.table. */
  readonly target: string;
  readonly host: string;
  /** null: run from code. */
  readonly pid: number | null;
  /** Among the workers of one `piipe run --workers`; null: it is none of them. */
  readonly number: number | null;
  readonly version: string;
}

/** A worker as its own process knows it. */
export interface LiveWorker {
  readonly identity: WorkerIdentity;
  readonly figures: WorkerFigures;
}

/** A worker as `piipe.workers` knows it. Times are UTC: `2026-01-31T12:00:00.000000Z`. */
export interface WorkerReport extends WorkerIdentity {
  readonly startedAt: string;
  /** When the last report came. */
  readonly seenAt: string;
  /** How long ago that is, by the database's clock. */
  readonly silentMs: number;
  /** When it ended as it should; null also for one that was killed. */
  readonly stoppedAt: string | null;
  readonly figures: WorkerFigures;
}

const REPORTING = "reporting to piipe.workers";

/** The first call adds the worker, the others renew its row. */
export async function reportWorker(
  pool: PostgresPool,
  { identity, figures }: LiveWorker,
  { isStopped, abort }: { readonly isStopped: boolean; readonly abort: AbortSignal },
): Promise<void> {
  const { id, pipeline, source, target, host, pid, number, version } = identity;
  const text = `
INSERT INTO piipe.workers (id, pipeline, source, target, host, pid, number, version, figures, stopped_at)
VALUES ($1::uuid, $2, $3, $4, $5, $6::integer, $7::integer, $8, $9::jsonb, CASE WHEN $10::boolean THEN now() END)
ON CONFLICT (id) DO UPDATE SET
  seen_at = now(), figures = excluded.figures,
  -- A report that was cut off may still arrive, after the last one.
  stopped_at = coalesce(excluded.stopped_at, workers.stopped_at)`;
  const numbers = [pid, number].map((value) => (value === null ? null : String(value)));
  const values = [id, pipeline, source, target, host, ...numbers, version, JSON.stringify(figures), String(isStopped)];
  await pool.query(REPORTING, text, values, abort);
}

/** Those that were not heard of for a day. */
export async function forgetWorkers(pool: PostgresPool, abort: AbortSignal): Promise<void> {
  await pool.query(REPORTING, "DELETE FROM piipe.workers WHERE seen_at < now() - interval '1 day'", undefined, abort);
}

/**
 * Those that write a table and were heard of in the last day, also while no new worker forgets the others: the running ones
 * first, then the newest. They report the table with the schema where they found it.
 */
export async function listWorkers(
  pool: PostgresPool,
  table: TableName,
  workersMax: number,
): Promise<readonly WorkerReport[]> {
  const text = `
WITH resolved AS (
  SELECT n.nspname || '.' || c.relname AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = to_regclass($1::text)
)
SELECT id, pipeline, source, target, host, pid, number, version, figures,
       ${utcText("started_at")} AS started_at, ${utcText("seen_at")} AS seen_at,
       ${utcText("stopped_at")} AS stopped_at,
       greatest(0, extract(epoch FROM now() - seen_at) * 1000) AS silent_ms
FROM piipe.workers AS worker
WHERE target = coalesce((SELECT name FROM resolved), $2) AND seen_at >= now() - interval '1 day'
ORDER BY worker.stopped_at IS NOT NULL, worker.started_at DESC, id LIMIT $3::integer`;
  const values = [quoteTable(table), showTable(table), String(workersMax)];
  const { rows } = await pool.query("reading piipe.workers", text, values);
  return rows.map((row) => ({
    id: row["id"] ?? "",
    pipeline: row["pipeline"] ?? "",
    source: row["source"] ?? "",
    target: row["target"] ?? "",
    host: row["host"] ?? "",
    pid: numberOf(row["pid"]),
    number: numberOf(row["number"]),
    version: row["version"] ?? "",
    startedAt: row["started_at"] ?? "",
    seenAt: row["seen_at"] ?? "",
    silentMs: Math.round(Number(row["silent_ms"])),
    stoppedAt: row["stopped_at"] ?? null,
    figures: JSON.parse(row["figures"] ?? "{}") as WorkerFigures,
  }));
}

function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
