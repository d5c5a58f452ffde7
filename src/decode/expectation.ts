import type { Column, ColumnBounds, ColumnType, RejectionCode } from "../pipeline/contracts.ts";

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
  boolean: "true or false",
  timestamp: "a timestamp with a zone",
  date: "a date",
  uuid: "a UUID",
  ip: "an IP address",
  version: "a version",
  json: "JSON",
};

/** @param bounds of the table's real column, which say nothing of a value that is masked */
export function expectationOf({ type, mask }: Column, bounds: ColumnBounds | undefined): Expectation {
  const value = NOUNS[type];
  return { value, bounded: bounds === undefined || mask !== null ? value : `${value}${rangeOf(bounds)}` };
}

function rangeOf({ charsMax, integerMin, integerMax }: ColumnBounds): string {
  if (charsMax !== null) return ` of at most ${charsMax} characters`;
  return integerMin === null || integerMax === null ? "" : ` from ${integerMin} to ${integerMax}`;
}

/**
 * What was expected and which JSON type came, for a reason that leaves it open; undefined for one that says it all. Tells
 * nothing of the value but its type.
 */
export function detailOf(code: RejectionCode, expected: Expectation, value: unknown): string | undefined {
  switch (code) {
    case "field.type":
      return `expected ${expected.value}, found ${jsonTypeOf(value)}`;
    case "field.format":
      return `expected ${expected.value}, found ${typeof value === "string" ? "other text" : jsonTypeOf(value)}`;
    case "field.range":
    case "field.too-long":
      return expected.bounded === expected.value ? undefined : `expected ${expected.bounded}`;
    default:
      return undefined;
  }
}

/** For a path that leads through something that has no such step. */
export const BARRED_PATH = "expected an object or array on the way to it";

function jsonTypeOf(value: unknown): string {
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
