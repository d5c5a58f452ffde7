import { isPlainName } from "./plain-name.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/** A place in the events that a column can take its value from, with what was found there. */
export interface Field {
  readonly path: readonly string[];
  /** Neither missing nor null. Raw: never shown. */
  readonly values: readonly unknown[];
  /** Some event has no value here. */
  readonly isOptional: boolean;
  /** An object whose keys are no names of fields, but data: they differ from event to event, or have odd forms. */
  readonly hasDataKeys: boolean;
}

export interface CollectedFields {
  readonly fields: readonly Field[];
  /** Top-level keys that are no plain names, and so are neither shown nor stored. */
  readonly oddKeys: number;
}

/** Steps of the longest path: what lies deeper is stored as JSON. */
const STEPS_MAX = 4;
/** Keys of one object over all events: what has more is a collection, and no record. */
const KEYS_MAX = 60;
/** Fewer objects do not show whether their keys differ. */
const OBJECTS_MIN = 3;

/**
 * The fields of events in the order of their first appearance. Objects are followed into; arrays, and objects that cannot be
 * followed, are fields of their own.
 */
export function collectFields(events: readonly JsonObject[]): CollectedFields {
  const keys = keysOf(events);
  const names = keys.filter(isPlainName);
  return {
    fields: names.flatMap((name) => fieldsAt([name], valuesAt(events, name), events.length)),
    oddKeys: keys.length - names.length,
  };
}

function fieldsAt(path: readonly string[], values: readonly unknown[], events: number): readonly Field[] {
  const field = { path, values, isOptional: values.length < events };
  const objects = values.filter(isObject);
  const keys = keysOf(objects);
  if (objects.length < values.length || keys.length === 0) return [{ ...field, hasDataKeys: false }];
  if (hasDataKeys(objects, keys)) return [{ ...field, hasDataKeys: true }];
  if (path.length === STEPS_MAX) return [{ ...field, hasDataKeys: false }];
  return keys.flatMap((key) => fieldsAt([...path, key], valuesAt(objects, key), events));
}

function hasDataKeys(objects: readonly JsonObject[], keys: readonly string[]): boolean {
  if (keys.length > KEYS_MAX || !keys.every(isPlainName)) return true;
  if (objects.length < OBJECTS_MIN) return false;
  return keys.every((key) => objects.filter((object) => Object.hasOwn(object, key)).length * 2 < objects.length);
}

const keysOf = (objects: readonly JsonObject[]): readonly string[] => [...new Set(objects.flatMap(Object.keys))];

const valuesAt = (objects: readonly JsonObject[], key: string): readonly unknown[] =>
  objects.flatMap((object) => (Object.hasOwn(object, key) && object[key] !== null ? [object[key]] : []));

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
