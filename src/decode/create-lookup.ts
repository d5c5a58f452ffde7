import {
  type ColumnType,
  isArrayType,
  type MetadataName,
  type PathStep,
  type ValuePlace,
} from "../pipeline/contracts.ts";
import { isJsonNumber } from "./decimal.ts";
import { above, type Element } from "./element.ts";
import { parseBoundedJson } from "./parse-bounded-json.ts";
import type { Unwrapped } from "./unwrap-body.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The value as JSON has it: undefined when it is not there, `MISTYPED` when the way to it is barred, `MALFORMED` when it
 * is a text that should have been JSON. `start` is where fields begin: the event, or an `Element` where a row is of one.
 */
export type Lookup = (start: JsonObject, delivery: Unwrapped, parsed: AttributesParsed) => unknown;

/** A delivery's attributes that are JSON, by name: parsed once for all columns that read them. */
export type AttributesParsed = Map<string, unknown>;

/** A step of the path is there, but is no object or array to look into. */
export const MISTYPED: unique symbol = Symbol("mistyped");

/** Where a value is found: only own properties, so that `constructor` is a field like any other. */
export function createLookup(place: ValuePlace, type: ColumnType): Lookup {
  switch (place.kind) {
    case "field":
      return fieldLookup(place.path);
    case "metadata":
      return metadataLookup(place.name, type);
    case "attribute":
      return attributeLookup(place.name, type);
  }
}

/** The same where a row is of an element. */
export function createElementLookup(place: ValuePlace, type: ColumnType): Lookup {
  if (place.kind === "metadata" && place.name === "index") return (start) => (start as Element).index;
  if (place.kind !== "field") return createLookup(place, type);
  const { path, up = 0 } = place;
  return (start) => valueAt(above(start as Element, up).value, path);
}

function fieldLookup(path: readonly PathStep[]): Lookup {
  const [first, ...rest] = path;
  if (first === undefined) return (event) => event;
  if (rest.length === 0) return (event) => (Object.hasOwn(event, first) ? event[first] : undefined);
  return (event) => valueAt(event, path);
}

/** undefined: it is not there. */
export function valueAt(start: unknown, path: readonly PathStep[]): unknown {
  let value = start;
  for (const step of path) {
    if (value === null) return null;
    // An index is for arrays, a key for objects: neither does for the other what it does in JavaScript.
    if (typeof value !== "object" || Array.isArray(value) !== (typeof step === "number")) return MISTYPED;
    if (!Object.hasOwn(value, step)) return undefined;
    value = (value as JsonObject)[step];
  }
  return value;
}

function metadataLookup(name: MetadataName, type: ColumnType): Lookup {
  switch (name) {
    case "message_id":
      return (_event, delivery) => delivery.id;
    case "group_id":
      return (_event, delivery) => delivery.groupId;
    case "sent_at":
      return timeLookup((delivery) => delivery.sentAtMs, type);
    case "received_at":
      return timeLookup((delivery) => delivery.receivedAtMs, type);
    case "sns.topic":
      return (_event, { sns }) => sns?.TopicArn;
    case "sns.subject":
      return (_event, { sns }) => sns?.Subject;
    case "sns.timestamp":
      return (_event, { sns }) => sns?.Timestamp;
    case "sns.message_id":
      return (_event, { sns }) => sns?.MessageId;
    case "index":
      throw new TypeError("an event is no element of an array");
  }
}

const DAY_MS = 86_400_000;

function timeLookup(timeMs: (delivery: Unwrapped) => number, type: ColumnType): Lookup {
  if (type !== "date") return (_event, delivery) => new Date(timeMs(delivery)).toISOString();
  // Neighbouring messages share their day: writing it once saves most of this column's cost.
  let day = Number.NaN;
  let text = "";
  return (_event, delivery) => {
    const dayNow = Math.floor(timeMs(delivery) / DAY_MS);
    if (dayNow !== day) {
      text = new Date(dayNow * DAY_MS).toISOString().slice(0, 10);
      day = dayNow;
    }
    return text;
  };
}

/** SQS sends every attribute as text, numbers too: they are read as the column's type means them. */
function attributeLookup(name: string, type: ColumnType): Lookup {
  switch (type) {
    case "integer":
    case "number":
      return (_event, delivery) => jsonNumber(delivery.attributes.get(name));
    case "boolean":
      return (_event, delivery) => jsonBoolean(delivery.attributes.get(name));
    default:
      if (type !== "json" && !isArrayType(type)) {
        return (_event, delivery) => delivery.attributes.get(name);
      }
      return (_event, delivery, parsed) => {
        const text = delivery.attributes.get(name);
        if (text === undefined) return undefined;
        if (!parsed.has(name)) parsed.set(name, parseBoundedJson(text));
        return parsed.get(name);
      };
  }
}

const jsonNumber = (text: string | undefined): unknown =>
  text !== undefined && isJsonNumber(text) ? Number(text) : text;

const jsonBoolean = (text: string | undefined): unknown => {
  if (text === "true") return true;
  return text === "false" ? false : text;
};
