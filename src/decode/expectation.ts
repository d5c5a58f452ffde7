import {
  type Column,
  type ColumnBounds,
  type ColumnType,
  isArrayType,
  type RejectionCode,
  type TimeFormat,
} from "../pipeline/contracts.ts";

/** What a column asks for, in the words of a refusal's detail. Prepared once; nothing in it is of an event. */
export interface Expectation {
  /** `an integer` */
  readonly value: string;
  /** `an integer from -32768 to 32767` */
  readonly bounded: string;
}

const NOUNS: Readonly<Record<ColumnType, string>> = {
  text: "text",
  integer: "an integer",
  number: "a number",
  decimal: "a decimal number",
  boolean: "true or false",
  timestamp: "a timestamp with a zone",
  date: "a date",
  uuid: "a UUID",
  ip: "an IP address",
  version: "a version",
  phone: "a phone number",
  mac: "a MAC address",
  json: "JSON",
  "text[]": "an array of texts",
  "integer[]": "an array of integers",
  "number[]": "an array of numbers",
  "decimal[]": "an array of decimal numbers",
  "boolean[]": "an array of true and false",
  "uuid[]": "an array of UUIDs",
  "timestamp[]": "an array of timestamps",
  "date[]": "an array of dates",
};

const FORMAT_NOUNS: Readonly<Record<TimeFormat, string>> = {
  rfc3339: "RFC 3339",
  "epoch-s": "seconds since 1970",
  "epoch-ms": "milliseconds since 1970",
  "epoch-us": "microseconds since 1970",
  sql: "SQL's form",
};

/** @param bounds of the table's real column, which say nothing of a value that is masked */
export function expectationOf(column: Column, bounds: ColumnBounds | undefined): Expectation {
  const value = nounOf(column, bounds);
  const isHeld = column.mask === null;
  const time = isHeld && column.type === "timestamp" && column.cut !== true ? decimalsOf(bounds) : "";
  return { value, bounded: bounds === undefined || !isHeld ? `${value}${time}` : `${value}${rangeOf(bounds)}${time}` };
}

function nounOf({ type, mask, formats }: Column, bounds: ColumnBounds | undefined): string {
  if (type === "text" && mask === null && bounds?.labels !== undefined) return "a label of the column's enum";
  if (formats === undefined) return NOUNS[type];
  const noun = isArrayType(type) ? NOUNS[type] : `a ${type}`;
  return `${noun} as ${formats.map((format) => FORMAT_NOUNS[format]).join(" or ")}`;
}

const SECOND_DECIMALS = 6;

const decimalsOf = (bounds: ColumnBounds | undefined): string =>
  `, with at most ${bounds?.secondDecimals ?? SECOND_DECIMALS} decimals of a second`;

function rangeOf({ charsMax, integerMin, integerMax, numeric }: ColumnBounds): string {
  if (charsMax !== null) return ` of at most ${charsMax} characters`;
  if (numeric !== undefined) return ` that numeric(${numeric.precision}, ${numeric.scale}) holds as it is`;
  return integerMin === null || integerMax === null ? "" : ` from ${integerMin} to ${integerMax}`;
}

/**
 * What was expected and which JSON type came, for a reason that leaves it open; undefined for one that says it all. Tells
 * nothing of the value but its type.
 */
export function detailOf(code: RejectionCode, expected: Expectation, value: unknown): string | undefined {
  switch (code) {
    case "field.type":
      return `expected ${expected.value}, found ${isOfOthers(expected, value) ? OTHER_VALUES : jsonTypeOf(value)}`;
    case "field.format":
      if (isOfOthers(expected, value)) return `expected ${expected.value}, found ${OTHER_VALUES}`;
      return `expected ${expected.value}, found ${typeof value === "string" ? "other text" : jsonTypeOf(value)}`;
    case "field.range":
    case "field.too-long":
      return expected.bounded === expected.value ? undefined : `expected ${expected.bounded}`;
    default:
      return undefined;
  }
}

const OTHER_VALUES = "an array with something else in it";

/** It is an array as it should be. */
const isOfOthers = ({ value: noun }: Expectation, value: unknown): boolean =>
  noun.startsWith("an array") && Array.isArray(value);

/** For a path that leads through something that has no such step. */
export const BARRED_PATH = "expected an object or array on the way to it";

/** For a path into JSON, which may also lead through arrays. */
export const BARRED_INNER_PATH = "expected objects and arrays on the way to it, as the path says";

/** In the words of a refusal's detail. */
export function jsonTypeOf(value: unknown): string {
  switch (typeof value) {
    case "string":
      return "text";
    case "number":
      return Number.isInteger(value) ? "a whole number" : "a number with decimals";
    case "boolean":
      return "true or false";
    default:
      if (value === null) return "null";
      return Array.isArray(value) ? "an array" : "an object";
  }
}
