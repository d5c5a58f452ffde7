import type {
  BusinessIdField,
  Column,
  ColumnBounds,
  Decode,
  Delivery,
  RawRecord,
  RawValue,
  RejectionCode,
  Rejection,
  Result,
} from "../contracts.ts";
import { countKeys } from "./count-keys.ts";
import { createLookup, MISTYPED, type JsonObject, type Lookup } from "./create-lookup.ts";
import { createReader } from "./create-reader.ts";
import { findDuplicateKey } from "./find-duplicate-key.ts";
import { BODY_BYTES_MAX, DEPTH_MAX, KEYS_MAX, NUMBER_CHARS_MAX } from "./limits.ts";
import { numberCheckOf } from "./number-check.ts";
import { MALFORMED } from "./parse-attribute-json.ts";
import { parseJson } from "./parse-json.ts";
import { rawValueAt, type ObjectsRead } from "./raw-value-at.ts";
import { readBusinessId } from "./read-business-id.ts";
import { isRefusal, type Reader } from "./refusal.ts";
import { scanJson, type JsonScan } from "./scan-json.ts";

export interface DecoderOptions {
  /** What becomes of an event with a top-level field that no column declares: stored without it, or refused. */
  readonly unknownFields: "ignore" | "quarantine";
  /** Left out or null: events have no business id. */
  readonly dedupeBy?: BusinessIdField | null;
}

type Refused = { readonly ok: false; readonly error: Rejection };

/**
 * Whether the column keeps the numbers of a value that it has read as they are written. `scan` is of the body;
 * `objectsRead` is shared by its columns, and undefined when the scan found nothing to look at.
 */
type KeepsNumbers = (
  delivery: Delivery,
  scan: JsonScan,
  read: RawValue,
  objectsRead: ObjectsRead | undefined,
) => boolean;

interface CompiledColumn {
  readonly from: string;
  readonly nullable: boolean;
  /** A masked empty text is as good as null: its token would be a token of nothing. */
  readonly emptyIsNull: boolean;
  readonly lookup: Lookup;
  readonly read: Reader;
  readonly keepsNumbers: KeepsNumbers | null;
}

/**
 * Prepares the way from a message's body to one value per column. The result is called for every delivery; it is pure,
 * synchronous, never throws for bad data, and names in a rejection only what the configuration declares.
 *
 * The checks run from the cheap to the dear: size, depth (before `JSON.parse`, which would follow any), syntax, keys,
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
    lookup: createLookup(column),
    read: readerOf(column, bounds.get(column.name)),
    keepsNumbers: keepsNumbersOf(column),
  }));
  const { dedupeBy = null } = options;
  // It goes the way of a column behind the last one.
  const read = dedupeBy === null ? compiled : [...compiled, businessIdColumn(dedupeBy)];
  const fromByField = declaredFields(dedupeBy === null ? columns : [...columns, dedupeBy]);
  const refusesUnknown = options.unknownFields === "quarantine";

  return (delivery) => {
    const { body } = delivery;
    if (isBlank(body)) return refuse("body.empty", null);
    if (delivery.bodyBytes > BODY_BYTES_MAX) return refuse("body.too-large", null);

    const scan = scanJson(body);
    if (scan.depth > DEPTH_MAX) return refuse("body.too-deep", null);

    const event = parseObject(body, scan);
    if (typeof event === "string") return refuse(event, null);
    if (scan.keys > KEYS_MAX) return refuse("body.too-many-keys", null);

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

    const values: RawValue[] = [];
    const objectsRead: ObjectsRead | undefined = scan.mayRound ? new Map() : undefined;
    for (const column of read) {
      const value = column.lookup(event, delivery);
      if (value === undefined || value === null || (value === "" && column.emptyIsNull)) {
        if (!column.nullable) return refuse(value === undefined ? "field.missing" : "field.null", column.from);
        values.push(null);
      } else {
        if (value === MISTYPED) return refuse("field.type", column.from);
        if (value === MALFORMED) return refuse("field.format", column.from);
        const converted = column.read(value);
        if (isRefusal(converted)) return refuse(converted.refused, column.from);
        if (column.keepsNumbers?.(delivery, scan, converted, objectsRead) === false)
          return refuse("field.range", column.from);
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
}

/** Shared by all events without unknown fields. */
const NO_FIELDS: readonly string[] = [];

const accept = (value: RawRecord): Result<RawRecord, Rejection> => ({ ok: true, value });

const refuse = (code: RejectionCode, path: string | null): Refused => ({ ok: false, error: { code, path } });

/** A day of the queue's clock is the same for nearly all messages: it is read when it changes. */
function readerOf(column: Column, bounds: ColumnBounds | undefined): Reader {
  const read = createReader(column, bounds);
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

/** null when the values have no numbers. */
function keepsNumbersOf({ origin, type }: Pick<Column, "origin" | "type">): KeepsNumbers | null {
  const check = numberCheckOf(type);
  if (check === null || origin.kind === "metadata") return null;
  const keeps = (written: string | undefined): boolean => written !== undefined && check(written);
  if (origin.kind === "attribute") return ({ attributes }) => keeps(attributes.get(origin.name));
  const { path } = origin;
  return ({ body }, scan, read, objectsRead) => {
    if (objectsRead === undefined) return true;
    // Most numbers that may be rounded are decimals, which a number column rounds: the look is spared.
    if (type === "number" && read !== 0 && scan.numberChars <= NUMBER_CHARS_MAX) return true;
    return keeps(rawValueAt(body, path, objectsRead));
  };
}

/** A text is taken exactly; a number like that of an integer column. */
function businessIdColumn({ origin, from }: BusinessIdField): CompiledColumn {
  const keepsNumbers = keepsNumbersOf({ origin, type: "integer" });
  return {
    from,
    nullable: false,
    emptyIsNull: true,
    lookup: createLookup({ origin, type: "text" }),
    read: readBusinessId,
    keepsNumbers: (delivery, scan, read, objectsRead) =>
      typeof read !== "number" || keepsNumbers?.(delivery, scan, read, objectsRead) !== false,
  };
}

/** The `from` to name when a top-level field is at fault. */
function declaredFields(columns: readonly Pick<Column, "origin" | "from">[]): ReadonlyMap<string, string> {
  const fromByField = new Map<string, string>();
  for (const { origin, from } of columns) {
    if (origin.kind !== "field") continue;
    const [field] = origin.path;
    if (field !== undefined && (origin.path.length === 1 || !fromByField.has(field))) fromByField.set(field, from);
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
