import {
  type Column,
  type ColumnBounds,
  type ColumnType,
  type Delivery,
  isArrayType,
  type MessageOrigin,
  type RawValue,
  type ValuePlace,
} from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";
import { readArray } from "./array-value.ts";
import { isLongerThan } from "./check-text.ts";
import { checkWrittenJson } from "./column-types.ts";
import { createElementLookup, createLookup, type JsonObject, type Lookup, MISTYPED } from "./create-lookup.ts";
import { createReader } from "./create-reader.ts";
import { above, type Element } from "./element.ts";
import { NUMBER_CHARS_MAX } from "./limits.ts";
import { hasVanishingNumber } from "./number-check.ts";
import { type ObjectsRead, rawValueAt } from "./raw-value-at.ts";
import { neverNumber, type Reader, REFUSED, type Refusal, type ValueReader } from "./refusal.ts";
import type { JsonScan } from "./scan-json.ts";

/** Where the way to values begins: at the event, or at an `Element`. */
export type Start = "event" | "element";

/**
 * Reads a value by how it is written as well. `scan` is of the body; `objectsRead` is shared by its columns; `start` is what
 * the lookup was given.
 */
type ReadWritten = (
  value: unknown,
  delivery: Delivery,
  scan: JsonScan,
  objectsRead: ObjectsRead,
  start: JsonObject,
) => RawValue | Refusal;

/** How a value is found in an event, and read. */
export interface ValueAccess {
  readonly lookup: Lookup;
  readonly read: Reader;
  /** Instead of `read`. null: of what the column takes, nothing can be written differently. */
  readonly readWritten: ReadWritten | null;
}

/** By one place, or by the first of several that has a value. */
export function accesses(
  origin: MessageOrigin,
  emptyIsNull: boolean,
  accessBy: (place: ValuePlace) => ValueAccess,
): ValueAccess {
  const [place, ...others] = placesOf(origin).map(accessBy);
  if (place === undefined) throw new TypeError("a column without a place");
  return others.length === 0 ? place : firstOf([place, ...others], emptyIsNull);
}

/** Nothing is read without its text. */
const readNothing: Reader = () => REFUSED.type;

/** A day of the queue's clock is the same for nearly all messages: it is read when it changes. */
function memoOfDay(place: ValuePlace, type: ColumnType, read: Reader): Reader {
  if (place.kind !== "metadata" || type !== "date") return read;
  let lastDay: unknown;
  let lastRead: ReturnType<Reader> = null;
  return (day) => {
    if (day !== lastDay) {
      lastRead = read(day);
      lastDay = day;
    }
    return lastRead;
  };
}

export function accessTo(
  column: Column,
  place: ValuePlace,
  bounds: ColumnBounds | undefined,
  start: Start,
): ValueAccess {
  const lookup = start === "event" ? createLookup(place, column.type) : createElementLookup(place, column.type);
  if (column.type === "json") return { lookup, read: readNothing, readWritten: jsonReader(place, bounds, start) };
  const reader = createReader(column, place, bounds);
  return {
    lookup,
    read: memoOfDay(place, column.type, reader.read),
    readWritten: writtenReader(place, column, reader, start),
  };
}

/**
 * The first of several places that has a value: that is neither missing nor null, nor empty where that is as good as null,
 * nor out of reach because the way to it is barred. Without one, whatever says most of why.
 */
function firstOf(places: readonly ValueAccess[], emptyIsNull: boolean): ValueAccess {
  /** The place that was looked at last: its value is read next, before the next event. */
  let chosen: ValueAccess | undefined;
  const isPlain = places.every(({ readWritten }) => readWritten === null);
  return {
    lookup(event, delivery, parsed) {
      let without: unknown;
      for (chosen of places) {
        const value = chosen.lookup(event, delivery, parsed);
        if (value === undefined) continue;
        if (value !== null && value !== MISTYPED && !(value === "" && emptyIsNull)) return value;
        if (without !== MISTYPED) without = value;
      }
      return without;
    },
    read: (value) => (chosen === undefined ? REFUSED.type : chosen.read(value)),
    readWritten: isPlain
      ? null
      : (value, delivery, scan, objectsRead, start) => {
          if (chosen === undefined) return REFUSED.type;
          const { read, readWritten } = chosen;
          return readWritten === null ? read(value) : readWritten(value, delivery, scan, objectsRead, start);
        },
  };
}

/** JSON is stored as it is written: writing it anew would be for nothing. */
function jsonReader(place: ValuePlace, bounds: ColumnBounds | undefined, begin: Start): ReadWritten {
  if (place.kind === "metadata") return () => REFUSED.type;
  const writtenOf = writtenTextOf(place, begin);
  const charsMax = bounds?.charsMax ?? null;
  return (value, delivery, scan, objectsRead, start) => {
    const refusal = checkWrittenJson(value);
    if (refusal !== null) return refusal;
    const written = writtenOf(delivery, objectsRead, start);
    if (charsMax !== null && isLongerThan(written, charsMax)) return REFUSED.tooLong;
    const mayVanish = scan.mayVanish || place.kind === "attribute";
    return mayVanish && hasVanishingNumber(written) ? REFUSED.range : written;
  };
}

/** null when the values have no numbers. */
export function writtenReader(
  place: ValuePlace,
  { type, nullable }: Pick<Column, "type" | "nullable">,
  reader: ValueReader,
  begin: Start,
): ReadWritten | null {
  if (place.kind === "metadata") return null;
  const writtenOf = writtenTextOf(place, begin);
  // The scan is of the body.
  const isAlwaysLookedAt = place.kind === "attribute" || reader.readsNumbersAsWritten === true;
  if (isArrayType(type)) {
    const reading = { element: reader, takesNull: nullable };
    return (value, delivery, scan, objectsRead, start) =>
      readArray(
        value,
        reading,
        isAlwaysLookedAt || scan.mayRound || holdsLarge(value) ? () => writtenOf(delivery, objectsRead, start) : null,
      );
  }
  if (reader.readNumber === neverNumber) return null;
  const roundsFractions = type === "number";
  return (value, delivery, scan, objectsRead, start) => {
    if (typeof value !== "number") return reader.read(value);
    if (!isAlwaysLookedAt && Math.abs(value) <= Number.MAX_SAFE_INTEGER) {
      if (!scan.mayRound) return reader.read(value);
      // Most numbers that may be rounded are decimals, which a number column rounds: the look is spared.
      if (roundsFractions && value !== 0 && scan.numberChars <= NUMBER_CHARS_MAX) return reader.read(value);
    }
    return reader.readNumber(value, writtenOf(delivery, objectsRead, start));
  };
}

const holdsLarge = (value: unknown): boolean =>
  Array.isArray(value) && value.some((item) => typeof item === "number" && Math.abs(item) > Number.MAX_SAFE_INTEGER);

/** The text of a value that is there, without the white space around it. */
function writtenTextOf(
  place: Exclude<ValuePlace, { readonly kind: "metadata" }>,
  begin: Start,
): (delivery: Delivery, objectsRead: ObjectsRead, start: JsonObject) => string {
  if (place.kind === "attribute") return ({ attributes }) => (attributes.get(place.name) ?? "").trim();
  const { path, up = 0 } = place;
  if (begin === "event") return ({ body }, objectsRead) => rawValueAt(body, path, objectsRead) ?? "";
  return ({ body }, objectsRead, start) =>
    rawValueAt(body, [...above(start as Element, up).path, ...path], objectsRead) ?? "";
}
