import { PiipeError } from "../errors.ts";
import type { QuarantineState } from "../storage/quarantine/quarantine.ts";
import type { ActionRequest } from "./api.ts";
import type { QuarantineQuery } from "./dashboard-data.ts";

export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 503;

/** Why a request is not answered. Quotes nothing of it. */
export class RequestRefusal extends PiipeError {
  readonly status: RefusalStatus;

  constructor(status: RefusalStatus, message: string, hint?: string) {
    super("dashboard.refused", message, hint === undefined ? {} : { hint });
    this.status = status;
  }
}

const STATES: Readonly<Record<string, QuarantineState | null>> = {
  pending: "pending",
  replayed: "replayed",
  discarded: "discarded",
  all: null,
};
const ENTRIES = 100;
const ENTRIES_MAX = 1_000;
/** As in `EVENTS_MAX` of an action; the body's limit is reached earlier. */
const IDS_MAX = 10_000;
/** Codes and ids alike; a character that PostgreSQL does not take would fail there. */
const TEXT = /^[\x20-\x7e]{1,128}$/;

/** @throws {Refusal} 400, like all of them */
export function readQuarantineQuery(query: Readonly<Record<string, string>>): QuarantineQuery {
  const { state = "pending", code = "", limit = String(ENTRIES) } = query;
  const wanted = Object.hasOwn(STATES, state) ? STATES[state] : undefined;
  if (wanted === undefined) throw new RequestRefusal(400, `state must be one of ${Object.keys(STATES).join(", ")}`);
  const entriesMax = /^[1-9]\d{0,3}$/.test(limit) ? Number(limit) : 0;
  if (entriesMax < 1 || entriesMax > ENTRIES_MAX) {
    throw new RequestRefusal(400, `limit must be a whole number from 1 to ${ENTRIES_MAX}`);
  }
  if (code !== "" && !isText(code)) throw new RequestRefusal(400, "code must be the code of a reason");
  return { state: wanted, code: code === "" ? null : code, entriesMax };
}

export function readActionRequest(body: string): ActionRequest {
  const { ids, code, ...rest } = objectOf(body);
  if (Object.keys(rest).length === 0) {
    if (ids === undefined && isText(code)) return { code };
    const areIds = Array.isArray(ids) && ids.length > 0 && ids.length <= IDS_MAX && ids.every(isText);
    if (code === undefined && areIds) return { ids };
  }
  throw new RequestRefusal(
    400,
    'the body must be {"ids": […]} or {"code": "…"}',
    "Name at least one event, or one reason.",
  );
}

const isText = (value: unknown): value is string => typeof value === "string" && TEXT.test(value);

function objectOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // As below.
  }
  return {};
}
