import type {
  BusinessIdField,
  Column,
  ColumnBounds,
  Decode,
  Delivery,
  RawRecord,
  RawValue,
  Rejection,
  RejectionCode,
  Result,
  UnwrapStep,
  ValuePlace,
} from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";
import { isLongerThan } from "./check-text.ts";
import { checkWrittenJson } from "./column-types.ts";
import { type AttributesParsed, type JsonObject, type Lookup, MISTYPED, createLookup } from "./create-lookup.ts";
import { createReader } from "./create-reader.ts";
import { BARRED_PATH, detailOf, type Expectation, expectationOf } from "./expectation.ts";
import { BODY_BYTES_MAX, NUMBER_CHARS_MAX } from "./limits.ts";
import { WRAPPED_FIELD, isNotification } from "./notification.ts";
import { hasVanishingNumber, numberCheckOf } from "./number-check.ts";
import { MALFORMED } from "./parse-bounded-json.ts";
import { countKeys, findDuplicateKey, parseJson } from "./parse-json.ts";
import { type ObjectsRead, rawValueAt } from "./raw-value-at.ts";
import { readBusinessId } from "./read-business-id.ts";
import { REFUSED, type Reader, type Refusal, isRefusal } from "./refusal.ts";
import { type JsonScan, beyondBounds, scanJson } from "./scan-json.ts";
import { type Unwrapped, compileUnwrap, withoutMark } from "./unwrap-body.ts";

export interface DecoderOptions {
  /** What becomes of an event with a top-level field that no column declares: stored without it, or refused. */
  readonly unknownFields: "ignore" | "quarantine";
  /** Left out or null: events have no business id. */
  readonly dedupeBy?: BusinessIdField | null;
  /** What bodies are wrapped in, outermost first. Left out: nothing. */
  readonly unwrap?: readonly UnwrapStep[];
}

type Refused = { readonly ok: false; readonly error: Rejection };

/**
 * What the column gets of a value that it has read, by how it is written. `scan` is of the body; `objectsRead` is shared by
 * its columns.
 */
type AsWritten = (delivery: Delivery, scan: JsonScan, read: RawValue, objectsRead: ObjectsRead) => RawValue | Refusal;

interface CompiledColumn {
  readonly from: string;
  readonly nullable: boolean;
  /** A masked empty text is as good as null: its token would be a token of nothing. */
  readonly emptyIsNull: boolean;
  readonly lookup: Lookup;
  readonly read: Reader;
  /** null: nothing that is written differently. */
  readonly asWritten: AsWritten | null;
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
  const compiled: readonly CompiledColumn[] = columns.map((column) => ({
    from: column.from,
    nullable: column.nullable,
    emptyIsNull: column.mask !== null,
    read: readerOf(column, bounds.get(column.name)),
    expected: expectationOf(column, bounds.get(column.name)),
    ...accessTo(column, (place) => asWrittenOf({ origin: place, type: column.type }, bounds.get(column.name))),
  }));
  const { dedupeBy = null } = options;
  // It goes the way of a column behind the last one.
  const read = dedupeBy === null ? compiled : [...compiled, businessIdColumn(dedupeBy)];
  const fromByField = declaredFields(dedupeBy === null ? columns : [...columns, dedupeBy]);
  const looksAtText = read.some(({ asWritten }) => asWritten !== null);
  const parsesAttributes = columns.some(
    ({ origin, type }) => type === "json" && placesOf(origin).some(({ kind }) => kind === "attribute"),
  );
  const wrapped = fromByField.get(WRAPPED_FIELD) ?? null;
  const refusesUnknown = options.unknownFields === "quarantine";

  const decode = (received: Unwrapped): Result<RawRecord, Rejection> => {
    const body = withoutMark(received.body);
    const delivery = body === received.body ? received : { ...received, body };
    if (isBlank(body)) return refuse("body.empty", null);
    if (isTooLarge(delivery)) return refuse("body.too-large", null);

    const scan = scanJson(body);
    const beyond = beyondBounds(body, scan);
    if (beyond !== null) return refuse(beyond, null);

    const event = parseObject(body, scan);
    if (typeof event === "string") return refuse(event, null);

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

    if (wrapped !== null && isNotification(event)) return refuse("body.wrapped", wrapped);

    const values: RawValue[] = [];
    const objectsRead = looksAtText ? new Map() : NO_OBJECTS;
    const parsed: AttributesParsed = parsesAttributes ? new Map() : NO_ATTRIBUTES;
    for (const column of read) {
      const value = column.lookup(event, delivery, parsed);
      if (value === undefined || value === null || (value === "" && column.emptyIsNull)) {
        if (!column.nullable) return refuse(value === undefined ? "field.missing" : "field.null", column.from);
        values.push(null);
      } else {
        if (value === MISTYPED) return refuse("field.type", column.from, BARRED_PATH);
        if (value === MALFORMED)
          return refuse("field.format", column.from, detailOf("field.format", column.expected, ""));
        let converted = column.read(value);
        if (!isRefusal(converted) && column.asWritten !== null)
          converted = column.asWritten(delivery, scan, converted, objectsRead);
        if (isRefusal(converted)) {
          return refuse(converted.refused, column.from, detailOf(converted.refused, column.expected, value));
        }
        values.push(converted);
      }
    }
    // After the columns: a missing field says more about an event of the wrong kind than the fields it has instead.
    if (unknownFields !== null && refusesUnknown) return refuse("field.unknown", null);

    const businessId = dedupeBy === null ? null : String(values.pop());
    return accept({
      id: delivery.id,
      sentAtMs: delivery.sentAtMs,
      values,
      unknownFields: unknownFields ?? NO_FIELDS,
      businessId,
    });
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

/** A day of the queue's clock is the same for nearly all messages: it is read when it changes. */
function readerOf(column: Column, bounds: ColumnBounds | undefined): Reader {
  // What is written is kept instead, so that writing it anew would be for nothing.
  if (column.type === "json") return (value) => checkWrittenJson(value) ?? "";
  const read = createReader(column, bounds, true);
  if (column.origin.kind !== "metadata" || column.type !== "date") return read;
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

type Access = Pick<CompiledColumn, "lookup" | "asWritten">;

/** @param writtenOf what is asked of how the value in a place is written */
function accessTo(
  { origin, type, mask }: Pick<Column, "origin" | "type" | "mask">,
  writtenOf: (place: ValuePlace) => AsWritten | null,
): Access {
  if (origin.kind !== "first") return { lookup: createLookup(origin, type), asWritten: writtenOf(origin) };
  return firstOf(
    origin.places.map((place) => ({ lookup: createLookup(place, type), asWritten: writtenOf(place) })),
    mask !== null,
  );
}

/**
 * The first of several places that has a value: that is neither missing nor null, nor empty where that is as good as null,
 * nor out of reach because the way to it is barred. Without one, whatever says most of why.
 */
function firstOf(places: readonly Access[], emptyIsNull: boolean): Access {
  /** The place that was looked at last: how its value is written is asked next, before the next event. */
  let chosen: Access | undefined;
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
    asWritten: places.every(({ asWritten }) => asWritten === null)
      ? null
      : (delivery, scan, read, objectsRead) => chosen?.asWritten?.(delivery, scan, read, objectsRead) ?? read,
  };
}

/** null when the values have no numbers. */
function asWrittenOf(
  { origin, type }: { readonly origin: ValuePlace; readonly type: Column["type"] },
  bounds?: ColumnBounds,
): AsWritten | null {
  if (origin.kind === "metadata") return null;
  const writtenOf = writtenTextOf(origin);
  if (type === "json") {
    const charsMax = bounds?.charsMax ?? null;
    return (delivery, scan, _read, objectsRead) => {
      const written = writtenOf(delivery, objectsRead);
      if (charsMax !== null && isLongerThan(written, charsMax)) return REFUSED.tooLong;
      const mayVanish = scan.mayRound || origin.kind === "attribute";
      return mayVanish && hasVanishingNumber(written) ? REFUSED.range : written;
    };
  }
  const check = numberCheckOf(type);
  if (check === null) return null;
  const checked: AsWritten = (delivery, _scan, read, objectsRead) =>
    check(writtenOf(delivery, objectsRead)) ? read : REFUSED.range;
  if (origin.kind === "attribute") return checked;
  return (delivery, scan, read, objectsRead) => {
    const isLarge = typeof read === "number" && Math.abs(read) > Number.MAX_SAFE_INTEGER;
    if (!scan.mayRound && !isLarge) return read;
    // Most numbers that may be rounded are decimals, which a number column rounds: the look is spared.
    if (type === "number" && read !== 0 && !isLarge && scan.numberChars <= NUMBER_CHARS_MAX) return read;
    return checked(delivery, scan, read, objectsRead);
  };
}

/** The text of a value that is there, without the white space around it. */
function writtenTextOf(
  origin: Exclude<ValuePlace, { readonly kind: "metadata" }>,
): (delivery: Delivery, objectsRead: ObjectsRead) => string {
  if (origin.kind === "attribute") return ({ attributes }) => (attributes.get(origin.name) ?? "").trim();
  return ({ body }, objectsRead) => rawValueAt(body, origin.path, objectsRead) ?? "";
}

/** A text is taken exactly; a number like that of an integer column. */
function businessIdColumn({ origin, from }: BusinessIdField): CompiledColumn {
  // An empty id is none, as in a masked column.
  const column = { origin, type: "text", mask: "hmac-sha256" } as const;
  return {
    from,
    nullable: false,
    emptyIsNull: true,
    read: readBusinessId,
    expected: { value: "text or an integer", bounded: "text or an integer" },
    ...accessTo(column, (place) => {
      const asWritten = asWrittenOf({ origin: place, type: "integer" });
      return (delivery, scan, read, objectsRead) =>
        typeof read === "number" && asWritten !== null ? asWritten(delivery, scan, read, objectsRead) : read;
    }),
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
