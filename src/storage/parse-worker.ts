import type { Row } from "../postgres/connection.ts";
import type { WorkerFigures } from "../telemetry/worker-figures.ts";
import type { WorkerReport } from "./workers.ts";

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
export const TEXT_CHARS_MAX = 512;
/** Nothing that could rule a terminal, nor half a character. */
const PLAIN_TEXT = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+$/u;

/**
 * A row of `piipe.workers`. Every worker may write there, so it is taken for data: null when it is not as a worker reports
 * itself.
 */
export function parseWorker(row: Row): WorkerReport | null {
  const { id, pipeline, source, target, host, version } = row;
  const texts = [id, pipeline, source, target, host, version];
  if (row["is_sound"] !== "t" || !texts.every(isPlainText)) return null;
  const [pid, number] = [numberOf(row["pid"]), numberOf(row["number"])];
  if ((pid ?? 0) < 0 || (number ?? 0) < 0) return null;
  const figures = parseFigures(row["figures"]);
  if (figures === null) return null;
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
  };
}

function parseFigures(json: string | null | undefined): WorkerFigures | null {
  const found: unknown = JSON.parse(json ?? "null");
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
