import {
  type BusinessIdField,
  type ColumnType,
  type Decode,
  type Delivery,
  type Each,
  isArrayType,
  type RawRecord,
  type RawRow,
  type Rejection,
  type Result,
  type Target,
  type UnwrapStep,
  type ValuePlace,
  type Transform,
} from "../pipeline/contracts.ts";
import { placesOf } from "../pipeline/value-places.ts";
import type { AttributesParsed, JsonObject } from "./create-lookup.ts";
import { type Element, wholeBody } from "./element.ts";
import { compileElements, compileEventRows, type DecodedTarget, Rows } from "./event-rows.ts";
import { BODY_BYTES_MAX, KEYS_IN_ROWS_MAX, KEYS_MAX, ROWS_MAX } from "./limits.ts";
import { FOUND_NOTIFICATION, WRAPPED_FIELD, isNotification } from "./notification.ts";
import { countKeys, findDuplicateKey, parseJson } from "./parse-json.ts";
import type { ObjectsRead } from "./raw-value-at.ts";
import { refuse, type Refused } from "./refuse.ts";
import { compileBusinessIdReader, compileRowReader, type Message, type ReadRow } from "./row-reader.ts";
import { isPointer } from "./s3-pointer.ts";
import { type JsonScan, beyondBounds, scanJson } from "./scan-json.ts";
import { decodeAll } from "./several-events.ts";
import { transforming } from "./transform-event.ts";
import { type Unwrapped, compileUnwrap, withoutMark } from "./unwrap-body.ts";

export interface DecoderOptions {
  /** What becomes of an event with a top-level field that no column declares: stored without it, or refused. */
  readonly unknownFields: "ignore" | "quarantine";
  /** What becomes of an event that no table takes: it has no rows, or is refused. Left out: refused. */
  readonly unmatched?: "drop" | "quarantine";
  /** Left out or null: events have no business id. */
  readonly dedupeBy?: BusinessIdField | null;
  /** What bodies are wrapped in, outermost first. Left out: nothing. */
  readonly unwrap?: readonly UnwrapStep[];
  /** Left out: events are decoded as they come. */
  readonly transform?: Transform;
  /** The array in a body whose elements are the events. Left out or null: the body is the event. */
  readonly each?: Each | null;
}

/**
 * Prepares the way from a message's body to its rows. The result is called for every delivery; it is pure, synchronous, never
 * throws for bad data, and names in a rejection only what the configuration declares.
 *
 * The checks run from the cheap to the dear: size, depth and keys (before `JSON.parse`, which would follow any), syntax,
 * then the tables and their columns in their order and the business id; the first that fails gives the reason.
 *
 * Only top-level fields count as unknown: a column `from: device.os` declares all of `device`, whose other parts are
 * neither read nor stored.
 */
export function compileDecoder(targets: readonly DecodedTarget[], options: DecoderOptions): Decode {
  const columns = targets.flatMap((target) => target.columns);
  const { dedupeBy = null, each: source = null, unmatched = "quarantine" } = options;
  const businessId = dedupeBy === null ? null : compileBusinessIdReader(dedupeBy);
  const fromByField = declaredFields(targets, dedupeBy);
  const parsesAttributes = columns.some(
    ({ origin, type }) => isJson(type) && placesOf(origin).some(({ kind }) => kind === "attribute"),
  );
  const wrapped = fromByField.get(WRAPPED_FIELD) ?? null;
  const refusesUnknown = options.unknownFields === "quarantine";
  const { add: addEvent, looksAtText: rowsLookAtText } = compileEventRows(targets, {
    begins: source === null ? "event" : "element",
    refusesUnmatched: unmatched === "quarantine",
  });
  const looksAtText = rowsLookAtText || businessId?.looksAtText === true;
  const addElements =
    source === null
      ? null
      : compileElements(source, (start, message, rows) => {
          for (const key of keysOf((start as Element).value))
            if (!fromByField.has(key)) (rows.unknownFields ??= []).push(key);
          return addEvent(start, message, rows);
        });
  const takesArray = source?.path[0]?.length === 0;
  const readOnly = onlyRowReader(targets, source);
  const keysMax = source !== null || targets.some(({ each }) => each !== null) ? KEYS_IN_ROWS_MAX : KEYS_MAX;

  const decode = (received: Unwrapped): Result<RawRecord, Rejection> => {
    const body = withoutMark(received.body);
    const delivery = body === received.body ? received : { ...received, body };
    if (isBlank(body)) return refuse("body.empty", null);
    if (isTooLarge(delivery)) return refuse("body.too-large", null);

    const scan = scanJson(body);
    const beyond = beyondBounds(body, scan, keysMax);
    if (beyond !== null) return refuse(beyond, null);

    const event = parseStructure(body, scan, takesArray);
    if (typeof event === "string")
      return refuse(event === "body.not-object" && isPointer(body) ? "body.pointer" : event, null);

    let keys = 0;
    let unknownFields: string[] | null = null;
    if (Array.isArray(event)) keys = countKeys(event);
    else {
      // Cheaper than Object.keys, as the engine knows where the value of each key lies.
      for (const key in event) {
        if (!Object.hasOwn(event, key)) continue;
        if (key === "__proto__") return refuse("body.forbidden-key", null);
        keys += 1;
        if (source === null && !fromByField.has(key)) (unknownFields ??= []).push(key);
        const value = event[key];
        if (typeof value !== "object" || value === null) continue;
        const inner = countKeys(value);
        if (inner === -1) return refuse("body.forbidden-key", null);
        keys += inner;
      }
    }
    if (keys === -1) return refuse("body.forbidden-key", null);
    if (keys !== scan.keys) {
      const duplicate = findDuplicateKey(body);
      return refuse("body.duplicate-key", duplicate === null ? null : (fromByField.get(duplicate) ?? null));
    }

    if (wrapped !== null && isNotification(event)) return refuseWrapped(wrapped);

    const message: Message = {
      delivery,
      scan,
      objectsRead: looksAtText ? new Map() : NO_OBJECTS,
      parsed: parsesAttributes ? new Map() : NO_ATTRIBUTES,
    };
    let rows: RawRow[] = [];
    let chars = 0;
    if (readOnly !== null) {
      const refused = readOnly(event, message, rows);
      if (refused !== null) return orWrapped(refused, event);
    } else {
      const found = new Rows();
      const refused =
        addElements === null ? addEvent(event, message, found) : addElements(wholeBody(event), message, found);
      if (refused !== null) return orWrapped(refused, event);
      rows = found.list;
      chars = found.chars;
      unknownFields ??= found.unknownFields;
    }
    // What has no row is no event that could come twice.
    const id = businessId === null || rows.length === 0 ? null : businessId.read(event, message);
    if (id !== null && !id.ok) return orWrapped(id, event);
    // After the columns: a missing field says more about an event of the wrong kind than the fields it has instead.
    if (unknownFields !== null && refusesUnknown)
      return isNotification(event) ? refuseWrapped(null) : refuse("field.unknown", null);

    const record: RawRecord = {
      id: delivery.id,
      sentAtMs: delivery.sentAtMs,
      rows,
      unknownFields: unknownFields ?? NO_FIELDS,
      businessId: id === null ? null : id.value,
    };
    return accept(chars > delivery.bytes ? { ...record, unpackedBytes: chars } : record);
  };
  const { unwrap = [], transform } = options;
  const decodeEvent = transform === undefined ? decode : transforming(transform, decode);
  const decodeBody = unwrap.includes("lines") ? byLines(decodeEvent) : decodeEvent;
  const isWrapped = unwrap.some((step) => step !== "lines");
  return isWrapped ? unwrapping(unwrap, attributeNamesOf(targets, dedupeBy), decodeBody) : decodeBody;
}

/** The way of a body with an event on each line. Blank lines are none. */
function byLines(decode: (delivery: Unwrapped) => Result<RawRecord, Rejection>): typeof decode {
  return (delivery) => {
    if (isTooLarge(delivery)) return refuse("body.too-large", null);
    const lines = withoutMark(delivery.body)
      .split("\n")
      .filter((line) => !isBlank(line));
    if (lines.length > ROWS_MAX) return refuse("body.too-many-rows", null);
    return lines.length === 0 ? refuse("body.empty", null) : decodeAll(delivery, lines, decode);
  };
}

/** Of a pipeline whose events have one row each, all in one table. null: of any other. */
function onlyRowReader(targets: readonly DecodedTarget[], source: Each | null): ReadRow | null {
  const [target, ...others] = targets;
  if (target === undefined || others.length > 0 || source !== null) return null;
  if (target.when.length > 0 || target.each !== null) return null;
  return compileRowReader(target.columns, { table: 0, bounds: target.bounds, start: "event" }).read;
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
    if (!decoded.ok) return decoded;
    const { unpackedBytes = 0 } = decoded.value;
    return bytes <= delivery.bytes || bytes <= unpackedBytes
      ? decoded
      : accept({ ...decoded.value, unpackedBytes: bytes });
  };
}

/** Names of the message attributes that the configuration reads. */
export const attributeNamesOf = (
  targets: readonly Pick<Target, "columns" | "when">[],
  dedupeBy: Pick<BusinessIdField, "origin"> | null,
): readonly string[] => [
  ...new Set(
    [
      ...targets.flatMap(({ columns }) => columns.flatMap(({ origin }) => placesOf(origin))),
      ...targets.flatMap(({ when }) => when.map(({ place }) => place)),
      ...(dedupeBy === null ? [] : placesOf(dedupeBy.origin)),
    ].flatMap((place) => (place.kind === "attribute" ? [place.name] : [])),
  ),
];

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

const refuseWrapped = (path: string | null): Refused => refuse("body.wrapped", path, FOUND_NOTIFICATION);

/** What is missing in a notification is in what was published. */
const orWrapped = (refused: Refused, event: JsonObject): Refused =>
  refused.error.code === "field.missing" && isNotification(event) ? refuseWrapped(null) : refused;

/** The `from` to name when a top-level field is at fault. */
function declaredFields(targets: readonly Target[], dedupeBy: BusinessIdField | null): ReadonlyMap<string, string> {
  const fromByField = new Map<string, string>();
  const declare = (place: ValuePlace, from: string, levels: number): void => {
    // What begins with an element is no field at the top, but the way to it is.
    if (place.kind !== "field" || (place.up ?? 0) !== levels || place.path.length === 0) return;
    const field = String(place.path[0]);
    if (place.path.length === 1 || !fromByField.has(field)) fromByField.set(field, from);
  };
  for (const { columns, when, each } of targets) {
    const levels = each?.path.length ?? 0;
    for (const { origin, from } of columns) for (const place of placesOf(origin)) declare(place, from, levels);
    for (const { place, from } of when) declare(place, from, 0);
    const [way] = each?.path ?? [];
    if (each !== null && way !== undefined) declare({ kind: "field", path: way }, each.from, 0);
  }
  if (dedupeBy !== null) for (const place of placesOf(dedupeBy.origin)) declare(place, dedupeBy.from, 0);
  return fromByField;
}

/** Nothing but JSON's white space. A body that starts with anything else is not looked at. */
const isBlank = (body: string): boolean => body === "" || (body.charCodeAt(0) <= 0x20 && /^[ \t\n\r]*$/.test(body));

/** The error of the parser is dropped: its message quotes the text. An array passes where it may: it has no fields. */
function parseStructure(
  body: string,
  scan: JsonScan,
  takesArray: boolean,
): JsonObject | "body.not-json" | "body.not-object" {
  let value: unknown;
  try {
    value = parseJson(body, scan);
  } catch {
    return "body.not-json";
  }
  return typeof value === "object" && value !== null && (takesArray || !Array.isArray(value))
    ? (value as JsonObject)
    : "body.not-object";
}

const keysOf = (value: unknown): readonly string[] =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? Object.keys(value) : NO_FIELDS;
