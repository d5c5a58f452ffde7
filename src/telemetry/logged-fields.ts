import type { TelemetryEvent, TelemetryEventType } from "./events.ts";

type EventOf<T extends TelemetryEventType> = Extract<TelemetryEvent, { type: T }>;
type FieldOf<T extends TelemetryEventType> = Exclude<keyof EventOf<T>, "type">;

/** Every field of every event: whether its value stands in the log. A new field must be judged here before it compiles. */
const LOGGED_FIELDS: {
  readonly [T in TelemetryEventType]: Readonly<Record<FieldOf<T>, boolean>>;
} = {
  "pipeline.started": { source: true, table: true },
  "deliveries.received": { count: true, redelivered: true, bytes: true, oldestSentAtMs: true },
  "delivery.corrupt": { count: true, messageIds: true },
  "batch.written": {
    stored: true,
    skipped: true,
    dropped: true,
    duplicate: true,
    quarantined: true,
    rejected: true,
    elapsedMs: true,
    oldestSentAtMs: true,
    processed: true,
    processMs: true,
  },
  "rows.skipped": { count: true },
  "duplicates.differed": { count: true },
  "batch.retried": { code: true, sqlState: true, attempt: true, delayMs: true },
  "batch.held": {
    code: true,
    sqlState: true,
    // They are the line's text.
    message: false,
    hint: false,
    attempt: true,
    delayMs: true,
  },
  "event.refused": { messageId: true, code: true, path: true, detail: true, fate: true },
  "fields.unknown": { events: true, fieldsAdded: true, fields: true },
  "leak.suspected": { column: true, detector: true, values: true },
  "deliveries.settled": { deleted: true, released: true, failed: true, elapsedMs: true },
  "visibility.extended": { count: true, failed: true },
  "source.retried": { action: true, code: true, isClockOff: true, attempt: true, delayMs: true },
  "queue.awaited": { count: true },
  "source.slowed": { heldMax: true, lateMs: true },
  "source.recovered": { action: true },
  "objects.left": { count: true, code: true },
  "clock.corrected": { offsetMs: true },
  "ledger.maintained": { created: true, dropped: true, pruned: true },
  "ledger.maintenance-failed": { code: true, sqlState: true },
  "heartbeat.failed": { code: true, sqlState: true },
  "keyring.changed": { primary: true },
  // It is a part of the line's text.
  "keyring.refused": { code: true, message: false },
  "pipeline.draining": { inFlight: true },
  "pipeline.aborted": { unsettled: true },
  "pipeline.stopped": {},
  // It is the line's text.
  "config.warning": { message: false },
};

/** What a log line for machines holds of an event: its type and the fields named above, whatever else it may carry. */
export function loggedFields(event: TelemetryEvent): Record<string, unknown> {
  const fields: Record<string, unknown> = { type: event.type };
  const allowed: Readonly<Record<string, boolean>> = LOGGED_FIELDS[event.type];
  for (const [name, value] of Object.entries(event)) if (allowed[name] === true) fields[name] = value;
  return fields;
}
