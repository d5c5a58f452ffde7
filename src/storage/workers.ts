import type { PostgresPool, Row } from "../postgres/connection.ts";
import { type TableName, quoteTable, showTable } from "../postgres/identifiers.ts";
import type { WorkerFigures } from "../telemetry/worker-figures.ts";
import { utcText } from "./quarantine/quarantine.ts";

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
  /** By key version, a mark of the key. */
  readonly keys: Readonly<Record<string, string>>;
}

/** A worker as `piipe.workers` knows it. Times are UTC: `2026-01-31T12:00:00.000000Z`. */
export interface ReportedWorker extends WorkerIdentity {
  readonly startedAt: string;
  /** When the last report came. */
  readonly seenAt: string;
  /** How long ago that is, by the database's clock. */
  readonly silentMs: number;
  /** When it ended as it should; null also for one that was killed. */
  readonly stoppedAt: string | null;
  readonly figures: WorkerFigures;
  /** By key version, a mark of the key; null: it does not tell, as an older piipe. */
  readonly keys: Readonly<Record<string, string>> | null;
}

const REPORTING = "reporting to piipe.workers";

/** The first call adds the worker, the others renew its row. */
export async function reportWorker(
  pool: PostgresPool,
  { identity, figures, keys }: LiveWorker,
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
  const values = [
    id,
    pipeline,
    source,
    target,
    host,
    ...numbers,
    version,
    JSON.stringify({ ...figures, keys }),
    String(isStopped),
  ];
  await pool.query(REPORTING, text, values, abort);
}

/** All times are the database's own: none is in the future, but for clocks of several servers. */
const IS_PAST = (time: string): string => `(${time} BETWEEN timestamptz '2000-01-01' AND now() + interval '1 hour')`;

/** Those that were not heard of for a day, and those that will for ever have been. */
export async function forgetWorkers(pool: PostgresPool, abort: AbortSignal): Promise<void> {
  await pool.query(
    REPORTING,
    `DELETE FROM piipe.workers WHERE seen_at < now() - interval '1 day' OR NOT ${IS_PAST("seen_at")}`,
    undefined,
    abort,
  );
}

/** Of the table's rows, before those that are none of a worker are left out. */
const ROWS_READ_MAX = 1_000;
const FIGURES_BYTES_MAX = 65_536;

const readText = (column: string): string => `left(${column}, ${TEXT_CHARS_MAX + 1}) AS ${column}`;

/**
 * Those that write a table and were heard of in the last day, also while no new worker forgets the others: the running ones
 * first, then the newest. They report the table with the schema where they found it. What a worker would not write is
 * left out.
 * @param onMalformed called with how many rows were left out, when there are any
 */
export async function listWorkers(
  pool: PostgresPool,
  table: TableName,
  workersMax: number,
  onMalformed: (rows: number) => void = () => {},
): Promise<readonly ReportedWorker[]> {
  const text = `
WITH resolved AS (
  SELECT n.nspname || '.' || c.relname AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid = to_regclass($1::text)
), judged AS (
  SELECT worker.*, ${IS_PAST("started_at")} AND ${IS_PAST("seen_at")}
    AND (stopped_at IS NULL OR ${IS_PAST("stopped_at")})
    AND octet_length(figures::text) <= ${FIGURES_BYTES_MAX} AS is_sound
  FROM piipe.workers AS worker
  WHERE target = coalesce((SELECT name FROM resolved), $2) AND seen_at >= now() - interval '1 day'
)
SELECT id, pid, number, is_sound, CASE WHEN is_sound THEN figures END AS figures,
       ${["pipeline", "source", "target", "host", "version"].map(readText).join(", ")},
       ${utcText("started_at")} AS started_at, ${utcText("seen_at")} AS seen_at,
       ${utcText("stopped_at")} AS stopped_at,
       CASE WHEN is_sound THEN greatest(0, extract(epoch FROM now() - seen_at) * 1000) END AS silent_ms
FROM judged
ORDER BY is_sound DESC, judged.stopped_at IS NOT NULL, judged.started_at DESC, id LIMIT ${ROWS_READ_MAX}`;
  const { rows } = await pool.query("reading piipe.workers", text, [quoteTable(table), showTable(table)]);
  const workers = rows.flatMap((row) => parseWorker(row) ?? []);
  if (workers.length < rows.length) onMalformed(rows.length - workers.length);
  return workers.slice(0, workersMax);
}

/** What a figure may be. `times`: a duration that occurs again and again; `counts`: by code. */
type Kind = "count" | "times" | "counts" | "code" | "codes" | "flag";

/** Every figure that there is. One that is left out is as it is at the start: an older piipe may not know it. */
const KINDS = {
  received: "count",
  redelivered: "count",
  stored: "count",
  skipped: "count",
  duplicate: "count",
  differing: "count",
  quarantined: "count",
  left: "count",
  deleted: "count",
  unsettled: "count",
  corrupt: "count",
  visibilityFailures: "count",
  refused: "counts",
  suspected: "count",
  queueRetries: "count",
  databaseRetries: "count",
  batches: "count",
  batchedEvents: "count",
  process: "times",
  write: "times",
  settle: "times",
  inFlight: "count",
  lagMs: "count",
  receivedPerSecond: "count",
  storedPerSecond: "count",
  queueTrouble: "code",
  databaseTrouble: "code",
  concerns: "codes",
  isDraining: "flag",
} as const satisfies Readonly<Record<keyof WorkerFigures, Kind>>;

const AT_START = {
  count: 0,
  times: { count: 0, sumMs: 0 },
  counts: {},
  code: null,
  codes: [],
  flag: false,
} as const satisfies Readonly<Record<Kind, unknown>>;

const CODE = /^[a-z][a-z-]*(?:\.[a-z][a-z-]*)*$/;
const CODE_CHARS_MAX = 64;
/** Far more than there are rejection codes. */
const CODES_MAX = 200;
/** Also the longest of a queue's ARN and of schema.table, with room. */
const TEXT_CHARS_MAX = 512;
/** Nothing that could rule a terminal, nor half a character. */
const PLAIN_TEXT = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u;

/**
 * A row of `piipe.workers`. Every worker may write there, so it is taken for data: null when it is not as a worker reports
 * itself.
 */
function parseWorker(row: Row): ReportedWorker | null {
  const { id, pipeline, source, target, host, version } = row;
  const texts = [id, pipeline, source, target, host, version];
  if (row["is_sound"] !== "t" || !texts.every(isPlainText)) return null;
  const [pid, number] = [numberOf(row["pid"]), numberOf(row["number"])];
  if ((pid ?? 0) < 0 || (number ?? 0) < 0) return null;
  const found: unknown = JSON.parse(row["figures"] ?? "null");
  const figures = parseFigures(found);
  const keys = parseKeys(found);
  if (figures === null || keys === undefined) return null;
  return {
    id: id ?? "",
    pipeline: pipeline ?? "",
    source: source ?? "",
    target: target ?? "",
    host: host ?? "",
    pid,
    number,
    version: version ?? "",
    startedAt: row["started_at"] ?? "",
    seenAt: row["seen_at"] ?? "",
    silentMs: Math.round(Number(row["silent_ms"])),
    stoppedAt: row["stopped_at"] ?? null,
    figures,
    keys,
  };
}

/** undefined: no worker wrote them so. */
function parseKeys(found: unknown): Readonly<Record<string, string>> | null | undefined {
  const keys = isObject(found) ? found["keys"] : undefined;
  if (keys === undefined) return null;
  const isRight = isObject(keys) && Object.entries(keys).every(([version, mark]) => isKeyMark(version, mark));
  return isRight ? (keys as Readonly<Record<string, string>>) : undefined;
}

const isKeyMark = (version: string, mark: unknown): boolean =>
  /^[1-9]\d{0,3}$/.test(version) && typeof mark === "string" && /^[\da-f]{32}$/.test(mark);

function parseFigures(found: unknown): WorkerFigures | null {
  if (!isObject(found) || !("received" in found)) return null;
  const figures: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(KINDS)) {
    const value = Object.hasOwn(found, name) ? found[name] : undefined;
    // Only told when there are any.
    if (value === undefined && name === "differing") continue;
    if (value !== undefined && !isOfKind(value, kind)) return null;
    figures[name] = value ?? AT_START[kind];
  }
  return figures as unknown as WorkerFigures;
}

function isOfKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case "count":
      return isCount(value);
    case "times":
      return isObject(value) && isCount(value["count"]) && isCount(value["sumMs"]);
    case "counts": {
      if (!isObject(value)) return false;
      const entries = Object.entries(value);
      return entries.length <= CODES_MAX && entries.every(([code, count]) => isCode(code) && isCount(count));
    }
    case "code":
      return value === null || isCode(value);
    case "codes":
      return Array.isArray(value) && value.length <= CODES_MAX && value.every(isCode);
    case "flag":
      return typeof value === "boolean";
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Durations and rates have fractions. */
const isCount = (value: unknown): boolean =>
  typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;

const isCode = (value: unknown): boolean =>
  typeof value === "string" && value.length <= CODE_CHARS_MAX && CODE.test(value);

const isPlainText = (text: string | null | undefined): boolean =>
  typeof text === "string" && text.length <= TEXT_CHARS_MAX && PLAIN_TEXT.test(text);

function numberOf(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
