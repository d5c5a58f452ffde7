import { renderPath } from "../config/value-path.ts";
import { businessIdReader } from "../decode/read-business-id.ts";
import { isRefusal } from "../decode/refusal.ts";
import type { Field } from "./collect-fields.ts";
import { snakeCase } from "./match-columns.ts";

/** The field that looks like the event's own id. */
export interface EventId {
  readonly from: string;
  /** Sampled events with an id that an earlier one had. */
  readonly repeated: number;
}

/** What producers call the id of an event, the clearest first: `id` may also be that of what the event is about. */
const NAMES: readonly string[] = [
  "event_id",
  "event_uuid",
  "event_guid",
  "message_id",
  "message_uuid",
  "idempotency_key",
  "dedupe_id",
  "uuid",
  "guid",
  "id",
];

/**
 * The field with the clearest name of those that every event has and whose values could be ids: texts or whole numbers, at
 * least half of them different. More repeats are no events that were sent again, but something that events share.
 */
export function findEventId(fields: readonly Field[]): EventId | null {
  const nameOf = ({ path }: Field): string => snakeCase(path.join("."));
  const [field] = fields
    .filter((candidate) => NAMES.includes(nameOf(candidate)) && mayBeIds(candidate))
    .sort((one, other) => NAMES.indexOf(nameOf(one)) - NAMES.indexOf(nameOf(other)));
  return field === undefined ? null : { from: renderPath(field.path), repeated: repeatsIn(field) };
}

const repeatsIn = ({ values }: Field): number => values.length - new Set(values).size;

function mayBeIds(field: Field): boolean {
  const { values, isOptional } = field;
  if (isOptional || values.length === 0 || repeatsIn(field) * 2 > values.length) return false;
  return values.every((value) => value !== "" && !isRefusal(businessIdReader.read(value)));
}
