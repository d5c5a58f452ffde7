import { pino } from "pino";
import { showRejection } from "../pipeline/rejection-text.ts";
import type { Emit, TelemetryEvent } from "./events.ts";
import { LOG_LEVELS, type LogLevel } from "./log-level.ts";
import { loggedFields } from "./logged-fields.ts";

export interface LineOptions {
  /** Where lines go, one call a line, with the newline. */
  readonly write: (line: string) => void;
  /** `json` for machines; `text` for a person at a terminal. */
  readonly format: "json" | "text";
  readonly level: LogLevel;
  /** The number of the worker that writes, where several write to one place. */
  readonly worker?: number;
}

/** @param fields for machines; a person gets the text alone */
export type WriteLine = (level: LogLevel, text: string, fields: object) => void;

export function createLineWriter({ write, format, level: lowest, worker }: LineOptions): WriteLine {
  if (format === "text") {
    const prefix = worker === undefined ? "" : `[${worker}] `;
    return (level, text) => {
      if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(lowest)) return;
      const time = new Date().toISOString().slice(11, 19);
      write(`${prefix}${time} ${level.padEnd(5)} ${text}\n`);
    };
  }
  const logger = pino(
    {
      level: lowest,
      base: worker === undefined ? null : { worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return (level, text, fields) => logger[level](fields, text);
}

interface LogLine {
  readonly level: LogLevel;
  readonly text: string;
}

/**
 * Turns telemetry events into log lines: at most one for each batch. Events hold no data of messages, so neither do
 * the lines. What each event of a queue may cause, each try or each hour, is logged the 1st, 10th, 100th … time: neither a
 * bad producer nor an outage nor a missing right must flood the log.
 */
export function createLog(options: LineOptions): Emit {
  const writeLine = createLineWriter(options);
  const repeated = new Map<string, number>();
  /** How often the like has happened, or null when it is not to be logged again. */
  const timesLogged = (event: TelemetryEvent): number | null => {
    if (event.type === "fields.unknown" && event.fieldsAdded === 0) return null;
    const ended = endedBy(event);
    // The next outage is news.
    if (ended !== null) for (const kind of repeated.keys()) if (kind.startsWith(ended)) repeated.delete(kind);
    const kind = repeatedKind(event);
    if (kind === null) return 1;
    const times = (repeated.get(kind) ?? 0) + 1;
    repeated.set(kind, times);
    return Number.isInteger(Math.log10(times)) ? times : null;
  };

  return (event) => {
    const times = timesLogged(event);
    if (times === null) return;
    const { level, text } = describeEvent(event);
    if (options.format === "text") return writeLine(level, times > 1 ? `${text} (${times} times so far)` : text, {});
    const fields = loggedFields(event);
    writeLine(level, text, times > 1 ? { ...fields, times } : fields);
  };
}

/** What has passed, as the event shows: how its kinds begin. */
function endedBy(event: TelemetryEvent): string | null {
  if (event.type === "batch.written") return "batch.retried ";
  if (event.type !== "source.recovered") return null;
  return event.action === "GetObject" ? "source.retried GetObject " : "source.retried ";
}

/** What is told the 1st, 10th, 100th … time, as one text for each kind; null for what is told every time. */
function repeatedKind(event: TelemetryEvent): string | null {
  switch (event.type) {
    case "event.refused":
      return `${event.type} ${showRejection(event)} ${event.fate}`;
    case "rows.skipped":
    case "source.slowed":
      return event.type;
    case "leak.suspected":
      return `${event.type} ${event.detector} ${event.column}`;
    case "duplicates.differed":
      return event.type;
    case "objects.left":
      return `${event.type} ${event.code}`;
    case "batch.retried":
      return `${event.type} ${event.code} ${event.sqlState ?? ""}`;
    case "source.retried":
      return `${event.type} ${event.action} ${event.code}`;
    case "ledger.maintenance-failed":
    case "heartbeat.failed":
      // A worker without the rights fails again and again, for as long as it runs.
      return `${event.type} ${event.code} ${event.sqlState ?? ""}`;
    case "fields.unknown":
      // Each of the first ten names, then the 10th, 100th …: one that appears after weeks is news.
      return `${event.type} ${event.fields < 10 ? event.fields : `${Math.floor(Math.log10(event.fields))} digits`}`;
    default:
      return null;
  }
}

/** What is meant for the quarantine is told before it is written. */
const FATES = {
  quarantine: "it goes into the quarantine, sealed, or back into the queue if the run ends first",
  left: "left in the queue: there is no sealing key",
  full: "left in the queue: the quarantine is full. `piipe quarantine list` shows what waits there to be replayed or discarded",
} as const;

/** The line of an event, as a person reads it. */
export function describeEvent(event: TelemetryEvent): LogLine {
  switch (event.type) {
    case "pipeline.started":
      return { level: "info", text: `reading ${event.source}, writing table ${event.table}` };
    case "deliveries.received":
      return { level: "debug", text: `received ${event.count} messages (${event.redelivered} redelivered)` };
    case "delivery.corrupt":
      return {
        level: "warn",
        text: `${event.count} messages arrived damaged: the body does not match its MD5 digest, or SentTimestamp is no time; they will come again: ${event.messageIds.join(", ")}`,
      };
    case "batch.written":
      return { level: "info", text: describeBatch(event) };
    case "rows.skipped":
      return {
        level: "warn",
        text: `a trigger or rule of the table kept ${event.count} rows out; their messages are deleted. \`piipe check\` names it`,
      };
    case "duplicates.differed":
      return {
        level: "warn",
        text:
          `${event.count} events have the id (dedupeBy) of an event that is stored already, and other content: they are ` +
          "taken for duplicates and deleted; see who sends them",
      };
    case "batch.retried":
      return {
        level: "warn",
        text: `write failed [${event.code}${event.sqlState ? ` ${event.sqlState}` : ""}], attempt ${event.attempt}; again in ${event.delayMs} ms`,
      };
    case "batch.held":
      return {
        level: "error",
        text:
          `nothing can be written [${event.code}${event.sqlState ? ` ${event.sqlState}` : ""}]: ${event.message}. ` +
          `Received messages are kept, nothing is lost; tried again in ${Math.round(event.delayMs / 1_000)} s` +
          (event.hint === null ? "" : `. ${event.hint}`),
      };
    case "event.refused":
      return {
        level: "warn",
        text: `refused an event: ${showRejection(event)}; ${FATES[event.fate]}`,
      };
    case "fields.unknown":
      return {
        level: "warn",
        text: `events have fields that no column declares (different ones so far: ${event.fields}); they are not stored`,
      };
    case "leak.suspected":
      return {
        level: "warn",
        text: `column ${event.column} is stored as it is, and values look like personal data (${event.detector}): mask it, or say \`piiDetection: off\``,
      };
    case "deliveries.settled":
      return event.failed > 0
        ? { level: "warn", text: `${event.failed} deletes or releases failed; those messages will come again` }
        : { level: "debug", text: `deleted ${event.deleted} messages, released ${event.released}` };
    case "visibility.extended":
      return event.failed > 0
        ? { level: "warn", text: `could not keep ${event.failed} messages hidden; they may be delivered twice` }
        : { level: "debug", text: `kept ${event.count} messages hidden for longer` };
    case "source.retried":
      return {
        level: "warn",
        text: `${event.action} failed [${event.code}], attempt ${event.attempt}; again in ${event.delayMs} ms${remedyFor(event)}`,
      };
    case "queue.awaited":
      return {
        level: "info",
        text: `waiting for messages that another consumer holds, or that are delayed: ${event.count}`,
      };
    case "source.slowed":
      return {
        level: "warn",
        text:
          `the heartbeat is ${event.lateMs > 0 ? `${Math.round(event.lateMs / 1_000)} s late` : "refused or cut off"}: ` +
          `holding no more than ${event.heldMax} messages until it keeps them hidden in time`,
      };
    case "source.recovered":
      return { level: "info", text: `${event.action === "GetObject" ? "S3" : "the queue"} answers again` };
    case "objects.left":
      return {
        level: "warn",
        text: `could not delete ${event.count} objects in S3 [${event.code}]: they stay there; their events are stored or quarantined, and their messages deleted`,
      };
    case "clock.corrected":
      return {
        level: "warn",
        text: `this machine's clock is off by ${Math.round(event.offsetMs / 1000)} s; requests are signed with SQS's time`,
      };
    case "ledger.maintained":
      return {
        level: "info",
        text: `ledger: ${event.created} partitions made, ${event.dropped} dropped, ${event.pruned} old ids removed`,
      };
    case "ledger.maintenance-failed":
      return { level: "warn", text: describeMaintenanceFailure(event) };
    case "heartbeat.failed":
      return { level: "warn", text: describeHeartbeatFailure(event) };
    case "keyring.changed":
      return {
        level: "info",
        text: `took the changed keyring: ${event.primary === null ? "no version makes" : `version ${event.primary} makes`} the tokens`,
      };
    case "keyring.refused":
      return {
        level: "warn",
        text: `the changed keyring is not taken [${event.code}]: ${event.message}. The keys of before go on; mend the file, which is read again and again`,
      };
    case "pipeline.draining":
      return { level: "info", text: `finishing what was received, ${event.inFlight} to go` };
    case "pipeline.aborted":
      return { level: "warn", text: `stopped before all was settled; ${event.unsettled} will come again` };
    case "pipeline.stopped":
      return { level: "info", text: "stopped; nothing in flight" };
    case "config.warning":
      return { level: "warn", text: event.message };
  }
}

/** For what does not pass by itself, and yet is tried for ever. */
function remedyFor({ code, isClockOff }: Extract<TelemetryEvent, { type: "source.retried" }>): string {
  if (isClockOff === true)
    return ". The server refused the time of the request: set this machine's clock, or the server's";
  if (code === "s3.denied" || code === "s3.refused")
    return ". Messages that point to objects are kept meanwhile, nothing is lost: grant s3:GetObject (docs/operations.md), then they go on";
  return code === "queue.credentials"
    ? ". Renew the AWS credentials, such as by `aws sso login`: they are looked for anew at each try"
    : "";
}

function describeBatch(event: Extract<TelemetryEvent, { type: "batch.written" }>): string {
  const parts = [`stored ${event.stored}`];
  if (event.dropped !== undefined) parts.push(`${event.dropped} dropped, as no table takes them`);
  if (event.skipped !== undefined) parts.push(`${event.skipped} skipped by the table's triggers or rules`);
  if (event.duplicate > 0) parts.push(`${event.duplicate} already there`);
  if (event.quarantined > 0) parts.push(`${event.quarantined} quarantined`);
  if (event.rejected > 0) parts.push(`${event.rejected} refused by PostgreSQL`);
  return `${parts.join(", ")} in ${Math.round(event.elapsedMs)} ms`;
}

function describeHeartbeatFailure(event: Extract<TelemetryEvent, { type: "heartbeat.failed" }>): string {
  const code = `${event.code}${event.sqlState === null ? "" : ` ${event.sqlState}`}`;
  const remedy =
    event.code === "database.denied"
      ? "Let the owner of the schema piipe grant SELECT, INSERT, UPDATE and DELETE on piipe.workers"
      : "It is tried again every few seconds";
  return `could not report to piipe.workers [${code}]: \`piipe status\` does not show how this worker is; all else goes on. ${remedy}`;
}

function describeMaintenanceFailure(event: Extract<TelemetryEvent, { type: "ledger.maintenance-failed" }>): string {
  const code = `${event.code}${event.sqlState === null ? "" : ` ${event.sqlState}`}`;
  // Only rights or migrations: the rest passes.
  const remedy =
    event.code === "database.denied" || event.code === "database.not-migrated"
      ? "Run `piipe migrate` now, and then once a week, as the owner of the schema piipe"
      : "It is tried again within the hour";
  return (
    `the ledger's upkeep is incomplete [${code}]; every message is still stored once: ids of days without a partition ` +
    `go into the default one, and old ids may stay longer. ${remedy}`
  );
}
