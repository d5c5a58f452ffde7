import type { PathStep } from "../pipeline/contracts.ts";
import { isPlainName } from "./plain-name.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** A place in the events that a column can take its value from, with what was found there. */
export interface Field {
  readonly path: readonly PathStep[];
  /** Neither missing nor null. Raw: never shown. */
  readonly values: readonly unknown[];
  /** Some event has no value here. */
  readonly isOptional: boolean;
  /** An object whose keys are no names of fields, but data: they differ from event to event, or have odd forms. */
  readonly hasDataKeys: boolean;
}

export interface CollectedFields {
  readonly fields: readonly Field[];
  /** Top-level keys that are no plain names, and so are neither shown nor stored. Raw. */
  readonly oddKeys: readonly string[];
  /** Fields beyond so many that a table is no longer read by anybody. */
  readonly surplus: number;
}

export interface Collecting {
  /** What is one field, whatever is in it: a column of the table takes it whole. */
  readonly isWhole?: (path: readonly PathStep[]) => boolean;
  /** Where there are more, what lies deepest is folded into JSON first. */
  readonly fieldsMax?: number;
}

/** Steps of the longest path: what lies deeper is stored as JSON. */
const STEPS_MAX = 8;
/** Keys of one object over all events: what has more is a collection, and no record. */
const KEYS_MAX = 60;
/** Fewer objects do not show whether their keys differ, nor fewer arrays whether they have one element each. */
const SHOWING_MIN = 3;
/** What AWS names an array of one record. */
const RECORDS = "Records";

/**
 * The fields of events in the order of their first appearance. Objects are followed into, and arrays that have one object
 * each, in every event; other arrays, and objects that cannot be followed, are fields of their own.
 */
export function collectFields(events: readonly JsonObject[], collecting: Collecting = {}): CollectedFields {
  const { isWhole = () => false, fieldsMax = Number.POSITIVE_INFINITY } = collecting;
  const keys = keysOf(events);
  const names = keys.filter(isPlainName);
  const oddKeys = keys.filter((key) => !isPlainName(key));
  let fields: readonly Field[] = [];
  for (let stepsMax = STEPS_MAX; stepsMax > 0; stepsMax -= 1) {
    const within = { events: events.length, stepsMax, isWhole };
    fields = names.flatMap((name) => fieldsAt([name], valuesAt(events, name), within));
    if (fields.length <= fieldsMax) break;
  }
  const kept = fields.slice(0, fieldsMax);
  return { fields: kept, oddKeys, surplus: fields.length - kept.length };
}

interface Within {
  readonly events: number;
  readonly stepsMax: number;
  readonly isWhole: (path: readonly PathStep[]) => boolean;
}

function fieldsAt(path: readonly PathStep[], values: readonly unknown[], within: Within): readonly Field[] {
  const { events, stepsMax, isWhole } = within;
  const field = { path, values, isOptional: values.length < events, hasDataKeys: false };
  const isDeepest = path.length >= stepsMax;
  if (!isWhole(path) && !isDeepest && hasOneEach(path, values, events)) {
    return fieldsAt([...path, 0], (values as readonly unknown[][]).flat(), within);
  }
  const objects = values.filter(isObject);
  const keys = keysOf(objects);
  if (objects.length < values.length || keys.length === 0) return [field];
  const kind = kindOfKeys(objects, keys);
  if (kind === "data") return [{ ...field, hasDataKeys: true }];
  if (kind === "varied" || isDeepest || isWhole(path)) return [field];
  return keys.flatMap((key) => fieldsAt([...path, key], valuesAt(objects, key), within));
}

/** An array of records with one of them in every event is a record. */
function hasOneEach(path: readonly PathStep[], values: readonly unknown[], events: number): boolean {
  if (values.length < events || (events < SHOWING_MIN && path.at(-1) !== RECORDS)) return false;
  return values.every((value) => Array.isArray(value) && value.length === 1 && isObject(value[0]));
}

/**
 * What the keys of objects at one place are: the names of fields; those of several kinds of record; or data, as they are no
 * names, or most of them appear once.
 */
export function kindOfKeys(objects: readonly JsonObject[], keys: readonly string[]): "names" | "varied" | "data" {
  if (keys.length > KEYS_MAX || !keys.every(isPlainName)) return "data";
  if (objects.length < SHOWING_MIN) return "names";
  const counts = keys.map((key) => objects.filter((object) => Object.hasOwn(object, key)).length);
  if (counts.some((count) => count * 2 >= objects.length)) return "names";
  return counts.filter((count) => count === 1).length * 2 >= keys.length ? "data" : "varied";
}

export const keysOf = (objects: readonly JsonObject[]): readonly string[] => [...new Set(objects.flatMap(Object.keys))];

const valuesAt = (objects: readonly JsonObject[], key: string): readonly unknown[] =>
  objects.flatMap((object) => (Object.hasOwn(object, key) && object[key] !== null ? [object[key]] : []));

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
