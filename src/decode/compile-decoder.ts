import { PiipeError } from "../errors.ts";
import {
  type BusinessIdField,
  type Column,
  type ColumnBounds,
  type ColumnType,
  type Constant,
  type Decode,
  type Delivery,
  type GivenText,
  isArrayType,
  type RawRecord,
  type RawValue,
  type Rejection,
  type RejectionCode,
  type Result,
  type UnwrapStep,
  type ValuePlace,
} from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";
import { type AttributesParsed, type JsonObject, MISTYPED, createLookup } from "./create-lookup.ts";
import { createReader } from "./create-reader.ts";
import { BARRED_PATH, detailOf, type Expectation, expectationOf } from "./expectation.ts";
import { givenTextOf, RESPELLED_TYPES } from "./given-text.ts";
import { BODY_BYTES_MAX } from "./limits.ts";
import { FOUND_NOTIFICATION, WRAPPED_FIELD, isNotification } from "./notification.ts";
import { MALFORMED } from "./parse-bounded-json.ts";
import { countKeys, findDuplicateKey, parseJson } from "./parse-json.ts";
import type { ObjectsRead } from "./raw-value-at.ts";
import { businessIdReader } from "./read-business-id.ts";
import { compileInnerReader } from "./read-inner.ts";
import { isRefusal } from "./refusal.ts";
import { isPointer } from "./s3-pointer.ts";
import { type JsonScan, beyondBounds, scanJson } from "./scan-json.ts";
import { type Unwrapped, compileUnwrap, withoutMark } from "./unwrap-body.ts";
import { accesses, accessTo, type ValueAccess, writtenReader } from "./value-access.ts";

export interface DecoderOptions {
  /** What becomes of an event with a top-level field that no column declares: stored without it, or refused. */
  readonly unknownFields: "ignore" | "quarantine";
  /** Left out or null: events have no business id. */
  readonly dedupeBy?: BusinessIdField | null;
  /** What bodies are wrapped in, outermost first. Left out: nothing. */
  readonly unwrap?: readonly UnwrapStep[];
}

type Refused = { readonly ok: false; readonly error: Rejection };

interface CompiledColumn extends ValueAccess {
  readonly from: string;
  /** What a missing or null value becomes; undefined: it refuses the event. */
  readonly absent: RawValue | undefined;
  /** A masked empty text is as good as null: its token would be a token of nothing. */
  readonly emptyIsNull: boolean;
  readonly expected: Expectation;
}

/**
 * Prepares the way from a message's body to one value per column. The result is called for every delivery; it is pure,
 * synchronous, never throws for bad data, and names in a rejection only what the configuration declares.
 *
 * The checks run from the cheap to the dear: size, depth and keys (before `JSON.parse`, which would follow any), syntax,
 * then the columns in their order and the business id; the first that fails gives the reason.
 *
 * Only top-level fields count as unknown: a column `from: device.os` declares all of `device`, whose other parts are
 * neither read nor stored.
 *
 * @param bounds what the table's real columns hold, by column name; a column without bounds is held to its type's alone
 */
export function compileDecoder(
  columns: readonly Column[],
  bounds: ReadonlyMap<string, ColumnBounds>,
  options: DecoderOptions,
): Decode {
  const compiled = columns.map((column) => compileColumn(column, bounds.get(column.name)));
  const { dedupeBy = null } = options;
  // It goes the way of a column behind the last one.
  const read = dedupeBy === null ? compiled : [...compiled, businessIdColumn(dedupeBy)];
  const fromByField = declaredFields(dedupeBy === null ? columns : [...columns, dedupeBy]);
  const looksAtText = read.some(({ readWritten }) => readWritten !== null);
  const parsesAttributes = columns.some(
    ({ origin, type }) => isJson(type) && placesOf(origin).some(({ kind }) => kind === "attribute"),
  );
  const wrapped = fromByField.get(WRAPPED_FIELD) ?? null;
  const refusesUnknown = options.unknownFields === "quarantine";
  const readInner = compileInnerReader(columns);
  const respelled = columns.flatMap(({ mask, type }, index) =>
    mask !== null && RESPELLED_TYPES.has(type) ? [index] : [],
  );

  /** Found anew: few pipelines mask such a column. */
  const givenTexts = (
    event: JsonObject,
    delivery: Unwrapped,
    parsed: AttributesParsed,
    values: readonly RawValue[],
  ): readonly GivenText[] =>
    respelled.flatMap((column) => {
      const text = givenTextOf(read[column]?.lookup(event, delivery, parsed), values[column] ?? null);
      return text === null ? [] : [{ column, text }];
    });

  const decode = (received: Unwrapped): Result<RawRecord, Rejection> => {
    const body = withoutMark(received.body);
    const delivery = body === received.body ? received : { ...received, body };
    if (isBlank(body)) return refuse("body.empty", null);
    if (isTooLarge(delivery)) return refuse("body.too-large", null);

    const scan = scanJson(body);
    const beyond = beyondBounds(body, scan);
    if (beyond !== null) return refuse(beyond, null);

    const event = parseObject(body, scan);
    if (typeof event === "string")
      return refuse(event === "body.not-object" && isPointer(body) ? "body.pointer" : event, null);

    let keys = 0;
    let unknownFields: string[] | null = null;
    // Cheaper than Object.keys, as the engine knows where the value of each key lies.
    for (const key in event) {
      if (!Object.hasOwn(event, key)) continue;
      if (key === "__proto__") return refuse("body.forbidden-key", null);
      keys += 1;
      if (!fromByField.has(key)) (unknownFields ??= []).push(key);
      const value = event[key];
      if (typeof value !== "object" || value === null) continue;
      const inner = countKeys(value);
      if (inner === -1) return refuse("body.forbidden-key", null);
      keys += inner;
    }
    if (keys !== scan.keys) {
      const duplicate = findDuplicateKey(body);
      return refuse("body.duplicate-key", duplicate === null ? null : (fromByField.get(duplicate) ?? null));
    }

    if (wrapped !== null && isNotification(event)) return refuseWrapped(wrapped);

    const values: RawValue[] = [];
    const objectsRead = looksAtText ? new Map() : NO_OBJECTS;
    const parsed: AttributesParsed = parsesAttributes ? new Map() : NO_ATTRIBUTES;
    for (const column of read) {
      const value = column.lookup(event, delivery, parsed);
      if (value === undefined || value === null || (value === "" && column.emptyIsNull)) {
        if (column.absent === undefined)
          return value === undefined ? refuseIncomplete(event, column.from) : refuse("field.null", column.from);
        values.push(column.absent);
      } else {
        if (value === MISTYPED) return refuse("field.type", column.from, BARRED_PATH);
        if (value === MALFORMED)
          return refuse("field.format", column.from, detailOf("field.format", column.expected, ""));
        const converted =
          column.readWritten === null ? column.read(value) : column.readWritten(value, delivery, scan, objectsRead);
        if (isRefusal(converted)) {
          return refuse(converted.refused, column.from, detailOf(converted.refused, column.expected, value));
        }
        values.push(converted);
      }
    }
    // After the columns: a missing field says more about an event of the wrong kind than the fields it has instead.
    if (unknownFields !== null && refusesUnknown)
      return isNotification(event) ? refuseWrapped(null) : refuse("field.unknown", null);

    const businessId = dedupeBy === null ? null : String(values.pop());
    const record: RawRecord = {
      id: delivery.id,
      sentAtMs: delivery.sentAtMs,
      values,
      unknownFields: unknownFields ?? NO_FIELDS,
      businessId,
    };
    if (readInner === null && respelled.length === 0) return accept(record);
    const given = givenTexts(event, delivery, parsed, values);
    const whole = given.length === 0 ? record : { ...record, given };
    if (readInner === null) return accept(whole);
    const inner = readInner(values);
    return inner.ok ? accept({ ...whole, inner: inner.value }) : inner;
  };
  const { unwrap = [] } = options;
  return unwrap.length === 0 ? decode : unwrapping(unwrap, attributeNamesOf(columns, dedupeBy), decode);
}

/** The way of a body that is wrapped. */
function unwrapping(
  steps: readonly UnwrapStep[],
  attributeNames: readonly string[],
  decode: (delivery: Unwrapped) => Result<RawRecord, Rejection>,
): Decode {
  const unwrap = compileUnwrap(steps, attributeNames);
  return (delivery) => {
    if (isBlank(delivery.body)) return refuse("body.empty", null);
    if (isTooLarge(delivery)) return refuse("body.too-large", null);
    const unwrapped = unwrap(delivery);
    if (!unwrapped.ok) return unwrapped;
    const { bytes } = unwrapped.value;
    const decoded = decode(unwrapped.value);
    if (!decoded.ok || bytes <= delivery.bytes) return decoded;
    return accept({ ...decoded.value, unpackedBytes: bytes });
  };
}

/** Names of the message attributes that the configuration reads. */
export const attributeNamesOf = (
  columns: readonly Pick<Column, "origin">[],
  dedupeBy: Pick<BusinessIdField, "origin"> | null,
): readonly string[] =>
  [...columns, ...(dedupeBy === null ? [] : [dedupeBy])]
    .flatMap(({ origin }) => placesOf(origin))
    .flatMap((place) => (place.kind === "attribute" ? [place.name] : []));

const isJson = (type: ColumnType): boolean => type === "json" || isArrayType(type);

/** The body alone; nearly always, with its attributes it is small enough. */
const isTooLarge = ({ body, bytes }: Delivery): boolean =>
  bytes > BODY_BYTES_MAX && Buffer.byteLength(body) > BODY_BYTES_MAX;

/** Where no column looks. */
const NO_OBJECTS: ObjectsRead = new Map();

const NO_ATTRIBUTES: AttributesParsed = new Map();

/** Shared by all events without unknown fields. */
const NO_FIELDS: readonly string[] = [];

const accept = (value: RawRecord): Result<RawRecord, Rejection> => ({ ok: true, value });

const refuse = (code: RejectionCode, path: string | null, detail?: string): Refused => ({
  ok: false,
  error: detail === undefined ? { code, path } : { code, path, detail },
});

const refuseWrapped = (path: string | null): Refused => refuse("body.wrapped", path, FOUND_NOTIFICATION);

/** What is missing in a notification is in what was published. */
const refuseIncomplete = (event: JsonObject, from: string): Refused =>
  isNotification(event) ? refuseWrapped(null) : refuse("field.missing", from);

function compileColumn(column: Column, bounds: ColumnBounds | undefined): CompiledColumn {
  const { from, mask, origin, fallback } = column;
  const compiled = { from, emptyIsNull: mask !== null, expected: expectationOf(column, bounds) };
  if (origin.kind === "constant") {
    const constant = readConstant(column, "value", origin.value, bounds);
    return { ...compiled, absent: undefined, lookup: () => constant, read: () => constant, readWritten: null };
  }
  return {
    ...compiled,
    absent: fallback === undefined ? absentOf(column) : readConstant(column, "default", fallback, bounds),
    ...accesses(origin, mask !== null, (place) => accessTo(column, place, bounds)),
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
      readWritten: writtenReader(place, { type: "integer", nullable: false }, businessIdReader),
    })),
    expected: { value: "text or an integer", bounded: "text or an integer" },
  };
}

/** The `from` to name when a top-level field is at fault. */
function declaredFields(columns: readonly Pick<Column, "origin" | "from">[]): ReadonlyMap<string, string> {
  const fromByField = new Map<string, string>();
  for (const { origin, from } of columns) {
    for (const place of placesOf(origin)) {
      if (place.kind !== "field") continue;
      const field = String(place.path[0]);
      if (place.path.length === 1 || !fromByField.has(field)) fromByField.set(field, from);
    }
  }
  return fromByField;
}

/** Nothing but JSON's white space. A body that starts with anything else is not looked at. */
const isBlank = (body: string): boolean => body === "" || (body.charCodeAt(0) <= 0x20 && /^[ \t\n\r]*$/.test(body));

/** The error of the parser is dropped: its message quotes the text. */
function parseObject(body: string, scan: JsonScan): JsonObject | "body.not-json" | "body.not-object" {
  let value: unknown;
  try {
    value = parseJson(body, scan);
  } catch {
    return "body.not-json";
  }
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : "body.not-object";
}
