import type { Column, Delivery, MetadataName } from "../pipeline/contracts.ts";
import { parseAttributeJson } from "./parse-attribute-json.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The value as JSON has it: undefined when it is not there, `MISTYPED` when the way to it is barred, `MALFORMED` when it
 * is a text that should have been JSON.
 */
export type Lookup = (event: JsonObject, delivery: Delivery, parsed: AttributesParsed) => unknown;

/** A delivery's attributes that are JSON, by name: parsed once for all columns that read them. */
export type AttributesParsed = Map<string, unknown>;

/** A step of the path is there, but is no object to look into. */
export const MISTYPED: unique symbol = Symbol("mistyped");

/** Where one column's value is found: only own properties, so that `constructor` is a field like any other. */
export function createLookup(column: Pick<Column, "origin" | "type">): Lookup {
  const { origin } = column;
  switch (origin.kind) {
    case "field":
      return fieldLookup(origin.path);
    case "metadata":
      return metadataLookup(origin.name, column);
    case "attribute":
      return attributeLookup(origin.name, column);
  }
}

function fieldLookup(path: readonly string[]): Lookup {
  const [first = "", ...rest] = path;
  if (rest.length === 0) return (event) => (Object.hasOwn(event, first) ? event[first] : undefined);
  return (event) => {
    let value: unknown = event;
    for (const step of path) {
      if (value === null) return null;
      if (typeof value !== "object" || Array.isArray(value)) return MISTYPED;
      if (!Object.hasOwn(value, step)) return undefined;
      value = (value as JsonObject)[step];
    }
    return value;
  };
}

function metadataLookup(name: MetadataName, column: Pick<Column, "type">): Lookup {
  switch (name) {
    case "message_id":
      return (_event, delivery) => delivery.id;
    case "group_id":
      return (_event, delivery) => delivery.groupId;
    case "sent_at":
      return timeLookup((delivery) => delivery.sentAtMs, column);
    case "received_at":
      return timeLookup((delivery) => delivery.receivedAtMs, column);
  }
}

const DAY_MS = 86_400_000;

function timeLookup(timeMs: (delivery: Delivery) => number, column: Pick<Column, "type">): Lookup {
  if (column.type !== "date") return (_event, delivery) => new Date(timeMs(delivery)).toISOString();
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
function attributeLookup(name: string, column: Pick<Column, "type">): Lookup {
  switch (column.type) {
    case "integer":
    case "number":
      return (_event, delivery) => jsonNumber(delivery.attributes.get(name));
    case "boolean":
      return (_event, delivery) => jsonBoolean(delivery.attributes.get(name));
    case "json":
      return (_event, delivery, parsed) => {
        const text = delivery.attributes.get(name);
        if (text === undefined) return undefined;
        if (!parsed.has(name)) parsed.set(name, parseAttributeJson(text));
        return parsed.get(name);
      };
    default:
      return (_event, delivery) => delivery.attributes.get(name);
  }
}

/** RFC 8259 section 6. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const jsonNumber = (text: string | undefined): unknown =>
  text !== undefined && JSON_NUMBER.test(text) ? Number(text) : text;

const jsonBoolean = (text: string | undefined): unknown => {
  if (text === "true") return true;
  return text === "false" ? false : text;
};
