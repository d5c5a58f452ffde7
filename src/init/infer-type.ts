import { wordsOf } from "../config/looks-personal.ts";
import { checkWrittenJson } from "../decode/column-types.ts";
import { createReader } from "../decode/create-reader.ts";
import { isRefusal, REFUSED, type Reader } from "../decode/refusal.ts";
import type { ColumnType } from "../pipeline/contracts.ts";
import { columnOf } from "./column-of.ts";
import { isLossy } from "./is-lossy.ts";

export interface InferredType {
  readonly type: ColumnType;
  /** Values that a column of this type refuses. */
  readonly refused: number;
}

/** From the narrowest to the widest: the first that takes every value, and keeps it whole, is what the values are. */
const NARROWEST_FIRST: readonly ColumnType[] = [
  "boolean",
  "integer",
  "number",
  "uuid",
  "ip",
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
const readers = new Map<ColumnType, Reader>();

function readerOf(type: ColumnType): Reader {
  let reader = readers.get(type);
  if (reader === undefined) {
    reader = type === "json" ? (value) => checkWrittenJson(value) ?? "" : readerOfValues(type);
    readers.set(type, reader);
  }
  return reader;
}

/** A number that no double holds is a bigint, with all its digits. */
function readerOfValues(type: ColumnType): Reader {
  const column = columnOf({ name: "", from: "", type, mask: null, nullable: false });
  // What it cuts, `isLossy` tells of.
  const { read, readNumber } = createReader(
    { ...column, cut: type === "timestamp" },
    { kind: "field", path: [] },
    undefined,
  );
  return (value) => {
    if (typeof value === "bigint") return type === "integer" ? readNumber(Number(value), String(value)) : REFUSED.range;
    const isLarge = typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER;
    return isLarge ? readNumber(value, String(value)) : read(value);
  };
}

/** How many of the values a column of the type refuses. */
export function refusedBy(type: ColumnType, values: readonly unknown[]): number {
  const read = readerOf(type);
  return values.filter((value) => isRefusal(read(value))).length;
}

const TYPES_OF_NUMBERS: ReadonlySet<ColumnType> = new Set(["integer", "number", "json"]);

/** How many of the values a column of the type refuses because a number is so large that it does not keep it as written. */
export function tooLargeFor(type: ColumnType, values: readonly unknown[]): number {
  if (!TYPES_OF_NUMBERS.has(type)) return 0;
  const read = readerOf(type);
  return values.filter((value) => {
    const result = read(value);
    return result === REFUSED.range || (isRefusal(result) && typeof value === "bigint");
  }).length;
}

/**
 * The narrowest type that takes all values, or nearly all where only text or json takes the rest: a mistake in one event
 * does not change what the others are. Values that no type but json takes are json when they are objects or arrays, or of
 * several kinds; without any value it is text. `isScalar` asks for the type that takes most of them instead, as json cannot
 * be masked.
 * @param name of the field, its path: `9.19` is a version only where the name says so
 */
export function inferType(name: string, values: readonly unknown[], isScalar = false): InferredType {
  if (values.length === 0) return { type: "text", refused: 0 };
  const candidates = NARROWEST_FIRST.filter((type) => type !== "version" || mayBeVersions(name, values))
    .filter((type) => !values.some((value) => isLossy(type, value)))
    .map((type) => ({ type, refused: refusedBy(type, values) }));
  const best = leastRefusing(candidates);
  if (best.refused === 0 && best.type !== "text") return best;
  const near = leastRefusing(best.refused === 0 ? candidates.filter(({ type }) => type !== "text") : candidates);
  // An empty text is no mistake: it is how some producers say that there is nothing.
  if (isFew(near.refused, values) && !values.includes("")) return near;
  const isSomeScalar = best.refused < values.length;
  if (best.refused === 0 || (isScalar && isSomeScalar)) return best;
  const json = { type: "json", refused: refusedBy("json", values) } as const;
  return isSomeScalar && best.refused <= json.refused ? best : json;
}

const isFew = (count: number, values: readonly unknown[]): boolean => count * 10 <= values.length * MISTAKES_OF_TEN_MAX;

/** The narrowest of those that refuse the fewest. */
const leastRefusing = (candidates: readonly InferredType[]): InferredType =>
  candidates.reduce((least, next) => (next.refused < least.refused ? next : least));

/** `9.99` may be a price, and `7` may be anything. */
const mayBeVersions = (name: string, values: readonly unknown[]): boolean =>
  wordsOf(name).some((word) => VERSION_WORDS.has(word)) ||
  isFew(values.filter((value) => typeof value !== "string" || !THREE_PARTS.test(value)).length, values);
