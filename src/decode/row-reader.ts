import { PiipeError } from "../errors.ts";
import type {
  BusinessIdField,
  Column,
  ColumnBounds,
  Constant,
  GivenText,
  RawRow,
  RawValue,
  Rejection,
  Result,
  ValuePlace,
} from "../pipeline/contracts.ts";
import { type AttributesParsed, createLookup, type JsonObject, MISTYPED } from "./create-lookup.ts";
import { createReader } from "./create-reader.ts";
import { BARRED_PATH, detailOf, type Expectation, expectationOf } from "./expectation.ts";
import { givenTextOf, RESPELLED_TYPES } from "./given-text.ts";
import { MALFORMED } from "./parse-bounded-json.ts";
import type { ObjectsRead } from "./raw-value-at.ts";
import { businessIdReader } from "./read-business-id.ts";
import { compileInnerReader } from "./read-inner.ts";
import { isRefusal } from "./refusal.ts";
import { refuse, type Refused } from "./refuse.ts";
import type { JsonScan } from "./scan-json.ts";
import type { Unwrapped } from "./unwrap-body.ts";
import { accesses, accessTo, type Start, type ValueAccess, writtenReader } from "./value-access.ts";

/** A message whose body was parsed, and what its columns share. */
export interface Message {
  readonly delivery: Unwrapped;
  readonly scan: JsonScan;
  readonly objectsRead: ObjectsRead;
  readonly parsed: AttributesParsed;
}

/** A row while it is read. */
type OpenRow = { -readonly [Key in keyof RawRow]: RawRow[Key] } & { readonly values: RawValue[] };

/**
 * Reads one row, and adds it to the others. `start` is the event, or the `Element` that the row is of. null: it was not
 * refused. Pure; never throws for bad data.
 */
export type ReadRow = (start: JsonObject, message: Message, rows: RawRow[]) => Refused | null;

interface CompiledColumn extends ValueAccess {
  readonly from: string;
  /** What a missing or null value becomes; undefined: it refuses the event. */
  readonly absent: RawValue | undefined;
  /** A masked empty text is as good as null: its token would be a token of nothing. */
  readonly emptyIsNull: boolean;
  readonly expected: Expectation;
}

export interface RowReader {
  readonly read: ReadRow;
  /** Whether numbers are looked for in the body's text. */
  readonly looksAtText: boolean;
}

/**
 * @param table the table's place among the configured ones
 * @param bounds what the table's real columns hold, by column name; a column without bounds is held to its type's alone
 */
export function compileRowReader(
  columns: readonly Column[],
  {
    table,
    bounds,
    start: begin,
  }: { readonly table: number; readonly bounds: ReadonlyMap<string, ColumnBounds>; readonly start: Start },
): RowReader {
  const compiled = columns.map((column) => compileColumn(column, bounds.get(column.name), begin));
  const readInner = compileInnerReader(columns);
  const respelled = columns.flatMap(({ mask, type }, index) =>
    mask !== null && RESPELLED_TYPES.has(type) ? [index] : [],
  );

  /** Found anew: few pipelines mask such a column. */
  const givenTexts = (
    start: JsonObject,
    { delivery, parsed }: Message,
    values: readonly RawValue[],
  ): readonly GivenText[] =>
    respelled.flatMap((column) => {
      const text = givenTextOf(compiled[column]?.lookup(start, delivery, parsed), values[column] ?? null);
      return text === null ? [] : [{ column, text }];
    });

  const read: ReadRow = (start, message, rows) => {
    const values: RawValue[] = [];
    for (const column of compiled) {
      const refused = readColumn(column, start, message, values);
      if (refused !== null) return refused;
    }
    const row: OpenRow = { table, values };
    rows.push(row);
    if (respelled.length > 0) {
      const given = givenTexts(start, message, values);
      if (given.length > 0) row.given = given;
    }
    if (readInner === null) return null;
    const inner = readInner(values);
    if (!inner.ok) return inner;
    row.inner = inner.value;
    return null;
  };
  return { read, looksAtText: compiled.some(({ readWritten }) => readWritten !== null) };
}

/** Reads the business id, which goes the way of a column. */
export function compileBusinessIdReader(field: BusinessIdField): {
  readonly read: (event: JsonObject, message: Message) => Result<string, Rejection>;
  readonly looksAtText: boolean;
} {
  const column = businessIdColumn(field);
  return {
    read(event, message) {
      const values: RawValue[] = [];
      return readColumn(column, event, message, values) ?? { ok: true, value: String(values[0]) };
    },
    looksAtText: column.readWritten !== null,
  };
}

/** Adds the column's value. null: it has one. */
function readColumn(column: CompiledColumn, start: JsonObject, message: Message, values: RawValue[]): Refused | null {
  const { delivery, parsed } = message;
  const value = column.lookup(start, delivery, parsed);
  if (value === undefined || value === null || (value === "" && column.emptyIsNull)) {
    if (column.absent === undefined) return refuse(value === undefined ? "field.missing" : "field.null", column.from);
    values.push(column.absent);
    return null;
  }
  if (value === MISTYPED) return refuse("field.type", column.from, BARRED_PATH);
  if (value === MALFORMED) return refuse("field.format", column.from, detailOf("field.format", column.expected, ""));
  const converted =
    column.readWritten === null
      ? column.read(value)
      : column.readWritten(value, delivery, message.scan, message.objectsRead, start);
  if (isRefusal(converted)) {
    return refuse(converted.refused, column.from, detailOf(converted.refused, column.expected, value));
  }
  values.push(converted);
  return null;
}

function compileColumn(column: Column, bounds: ColumnBounds | undefined, start: Start): CompiledColumn {
  const { from, mask, origin, fallback } = column;
  const compiled = { from, emptyIsNull: mask !== null, expected: expectationOf(column, bounds) };
  if (origin.kind === "constant") {
    const constant = readConstant(column, "value", origin.value, bounds);
    return { ...compiled, absent: undefined, lookup: () => constant, read: () => constant, readWritten: null };
  }
  return {
    ...compiled,
    absent: fallback === undefined ? absentOf(column) : readConstant(column, "default", fallback, bounds),
    ...accesses(origin, mask !== null, (place) => accessTo(column, place, bounds, start)),
  };
}

/** In a column that takes no NULL otherwise, it is what the insert puts the table's DEFAULT for. */
const absentOf = ({ nullable, absent }: Column): null | undefined =>
  nullable || absent === "default" ? null : undefined;

/** Of a value that no event has. */
const NO_PLACE: ValuePlace = { kind: "field", path: [] };

/** @throws {PiipeError} `config.invalid` when the column does not hold the value that the configuration gives */
function readConstant(column: Column, setting: string, given: Constant, bounds: ColumnBounds | undefined): RawValue {
  const { name, type } = column;
  const reader = createReader(column, NO_PLACE, bounds);
  const value = typeof given === "number" ? reader.readNumber(given, String(given)) : reader.read(given);
  if (!isRefusal(value)) return value;
  throw new PiipeError(
    "config.invalid",
    `columns.${name}.${setting} is none that the column holds (${value.refused})`,
    {
      hint: `Give a value as an event would have it for a column of type ${type}, and that the table's column takes.`,
    },
  );
}

/** A text is taken exactly; a number like that of an integer column. */
function businessIdColumn({ origin, from }: BusinessIdField): CompiledColumn {
  return {
    from,
    absent: undefined,
    emptyIsNull: true,
    ...accesses(origin, true, (place) => ({
      lookup: createLookup(place, "text"),
      read: businessIdReader.read,
      readWritten: writtenReader(place, { type: "integer", nullable: false }, businessIdReader, "event"),
    })),
    expected: { value: "text or an integer", bounded: "text or an integer" },
  };
}
