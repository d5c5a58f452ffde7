import { wordsOf } from "../config/looks-personal.ts";
import { checkWrittenJson } from "../decode/column-types.ts";
import { createReader } from "../decode/create-reader.ts";
import { ARRAY_ELEMENTS_MAX } from "../decode/limits.ts";
import { isRefusal, REFUSED, type Reader } from "../decode/refusal.ts";
import { COLUMN_TYPES, type ColumnBounds, type ColumnType, isArrayType, scalarTypeOf } from "../pipeline/contracts.ts";
import { columnOf, type Reading } from "./column-of.ts";
import { isLossy } from "./is-lossy.ts";
import { isMoney, timeReadings } from "./readings-by-name.ts";

export interface InferredType extends Reading {
  /** Values that a column read so refuses. */
  readonly refused: number;
}

/** From the narrowest to the widest: the first that takes every value, and keeps it whole, is what the values are. */
const NARROWEST_FIRST: readonly ColumnType[] = [
  "boolean",
  "integer",
  "decimal",
  "number",
  "uuid",
  "ip",
  "mac",
  "phone",
  "timestamp",
  "date",
  "version",
  "text",
];

/** Of ten values, how many may be mistakes of the producer: more say that the values are something else. */
const MISTAKES_OF_TEN_MAX = 1;

const VERSION_WORDS: ReadonlySet<string> = new Set(["version", "ver", "release"]);
const THREE_PARTS = /^\d+\.\d+\.\d+$/;

/** The readers that a run would use, over columns of any width. */
const readers = new Map<string, Reader>();

function readerOf(reading: Reading, bounds: ColumnBounds | undefined): Reader {
  if (bounds !== undefined) return newReader(reading, bounds);
  const key = [reading.type, reading.format, reading.zone, reading.coerce, reading.cut].join();
  let reader = readers.get(key);
  if (reader === undefined) readers.set(key, (reader = newReader(reading, bounds)));
  return reader;
}

function newReader(reading: Reading, bounds: ColumnBounds | undefined): Reader {
  const { type } = reading;
  if (type === "json") return (value) => checkWrittenJson(value) ?? "";
  if (!isArrayType(type)) return readerOfValues(reading, bounds);
  const readElement = readerOfValues({ ...reading, type: scalarTypeOf(type) }, bounds);
  return (value) => {
    if (!Array.isArray(value)) return REFUSED.type;
    const items = value as readonly unknown[];
    if (items.length > ARRAY_ELEMENTS_MAX) return REFUSED.tooLong;
    return items.map(readElement).find(isRefusal) ?? "";
  };
}

/** A number that no double holds is a bigint, with all its digits. */
function readerOfValues(reading: Reading, bounds: ColumnBounds | undefined): Reader {
  const column = columnOf({ name: "", from: "", mask: null, nullable: false, ...reading });
  const { read, readNumber } = createReader(
    // Over a column of any width, `isLossy` tells of what is cut.
    { ...column, cut: column.cut === true || (bounds === undefined && reading.type === "timestamp") },
    { kind: "field", path: [] },
    bounds,
  );
  return (value) => {
    if (typeof value === "bigint") {
      return takesBigints(reading) ? readNumber(Number(value), String(value)) : REFUSED.range;
    }
    return typeof value === "number" ? readNumber(value, String(value)) : read(value);
  };
}

const takesBigints = ({ type, coerce }: Reading): boolean =>
  type === "integer" || type === "decimal" || (type === "text" && coerce === true);

/** How many of the values a column refuses. `bounds`: of the table's own column; left out: it is of any width. */
export function refusedBy(reading: Reading, values: readonly unknown[], bounds?: ColumnBounds): number {
  const read = readerOf(reading, bounds);
  return values.filter((value) => isRefusal(read(value))).length;
}

const TYPES_OF_NUMBERS: ReadonlySet<ColumnType> = new Set(["integer", "number", "json"]);

/** How many of the values a column of the type refuses because a number is so large that it does not keep it as written. */
export function tooLargeFor(type: ColumnType, values: readonly unknown[]): number {
  if (!TYPES_OF_NUMBERS.has(type)) return 0;
  const read = readerOf({ type }, undefined);
  return values.filter((value) => {
    const result = read(value);
    return result === REFUSED.range || (isRefusal(result) && typeof value === "bigint");
  }).length;
}

/**
 * The narrowest reading that takes all values, or nearly all where only text or json takes the rest: a mistake in one event
 * does not change what the others are. Values that no type but json takes are json when they are objects or arrays of them,
 * or of several kinds; without any value it is text. `isScalar` asks for the type that takes most of them instead, as json
 * cannot be masked as a whole.
 * @param name of the field, its path: `9.19` is a version, and `1772352034` a time, only where the name says so
 */
export function inferType(name: string, values: readonly unknown[], isScalar = false): InferredType {
  if (values.length === 0) return { type: "text", refused: 0 };
  const candidates = [...timeReadings(name, values), ...plainReadings(name, values)].map((reading) => ({
    ...reading,
    refused: refusedBy(reading, values),
  }));
  const best = leastRefusing(candidates);
  if (best.refused === 0 && best.type !== "text") return best;
  const near = leastRefusing(best.refused === 0 ? candidates.filter(({ type }) => type !== "text") : candidates);
  // An empty text is no mistake: it is how some producers say that there is nothing.
  if (isFew(near.refused, values) && !values.includes("")) return near;
  const isSomeScalar = best.refused < values.length;
  if (best.refused === 0 || (isScalar && isSomeScalar)) return best;
  const array = isScalar ? null : inferArray(name, values);
  if (array !== null) return array;
  const json = { type: "json", refused: refusedBy({ type: "json" }, values) } as const;
  return isSomeScalar && best.refused <= json.refused ? best : json;
}

const plainReadings = (name: string, values: readonly unknown[]): readonly Reading[] =>
  NARROWEST_FIRST.filter((type) => {
    if (type === "version" && !mayBeVersions(name, values)) return false;
    // Some producers name their versions after the day.
    if (type === "date" && isOfVersions(name)) return false;
    if (type === "decimal" && !isMoney(name, values)) return false;
    return !values.some((value) => isLossy(type, value));
  }).map((type) => ({ type }));

/** Arrays of single values of one kind; null: they are something else. */
function inferArray(name: string, values: readonly unknown[]): InferredType | null {
  if (!values.every(Array.isArray)) return null;
  const elements = values.flat();
  if (elements.length === 0) return null;
  const { type, format, refused } = inferType(name, elements, true);
  if (refused > 0 || type === "json") return null;
  const arrayType = COLUMN_TYPES.find((candidate) => candidate === `${type}[]`);
  if (arrayType !== undefined && format === undefined) return { type: arrayType, refused: 0 };
  return elements.every((element) => typeof element === "string") ? { type: "text[]", refused: 0 } : null;
}

const isFew = (count: number, values: readonly unknown[]): boolean => count * 10 <= values.length * MISTAKES_OF_TEN_MAX;

/** The narrowest of those that refuse the fewest. */
const leastRefusing = (candidates: readonly InferredType[]): InferredType =>
  candidates.reduce((least, next) => (next.refused < least.refused ? next : least));

/** `9.99` may be a price, and `7` may be anything. */
const mayBeVersions = (name: string, values: readonly unknown[]): boolean =>
  (isOfVersions(name) && values.some((value) => typeof value === "string" && value.includes("."))) ||
  isFew(values.filter((value) => typeof value !== "string" || !THREE_PARTS.test(value)).length, values);

const isOfVersions = (name: string): boolean => wordsOf(name).some((word) => VERSION_WORDS.has(word));
