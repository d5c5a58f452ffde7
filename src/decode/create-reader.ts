import {
  type Column,
  type ColumnBounds,
  type MaskName,
  type ScalarType,
  scalarTypeOf,
  type ValuePlace,
} from "../pipeline/contracts.ts";
import { textCharsMax } from "./check-text.ts";
import { ipReader, labelReader, readJson, readMac, readUuid, textReader, versionReader } from "./column-types.ts";
import { isJsonNumber } from "./decimal.ts";
import { booleanReader, decimalReader, integerReader, numberReader, withinColumn } from "./numbers.ts";
import { phoneReader } from "./phone.ts";
import { REFUSED, type Reader, type ValueReader, isRefusal, neverNumber } from "./refusal.ts";
import { dateReader, timestampReader } from "./times.ts";

/** A masked column holds tokens: its bounds say nothing of the raw value, which is always read as text can be. */
const BOUNDS_WHEN_MASKED: ColumnBounds = { charsMax: null, integerMin: null, integerMax: null, isText: true };

/** Masks that take a text exactly as the event has it: its type is checked, but it is not brought into one form. */
const TAKES_TEXT_AS_GIVEN: ReadonlySet<MaskName> = new Set(["sha256", "hmac-over-sha256"]);

/**
 * How one column's values are checked and converted: of an array its elements. `bounds` are of the table's real column, when
 * it is known.
 */
export function createReader(column: Column, place: ValuePlace, bounds: ColumnBounds | undefined): ValueReader {
  const type = scalarTypeOf(column.type);
  if (column.mask === null) return readerOfType(column, place, type, bounds);
  const reader = readerOfType(column, place, type, BOUNDS_WHEN_MASKED);
  // An address is as it is written already, without what `strip` and `take` leave out.
  const isGiven = TAKES_TEXT_AS_GIVEN.has(column.mask) && type !== "ip";
  return isGiven ? { ...reader, read: asGiven(reader.read) } : reader;
}

function readerOfType(
  column: Column,
  place: ValuePlace,
  type: ScalarType,
  bounds: ColumnBounds | undefined,
): ValueReader {
  const coerces = column.coerce === true;
  const cuts = column.cut === true;
  // SQS sends every attribute as text.
  const takesText = coerces || place.kind === "attribute";
  switch (type) {
    case "text": {
      const reader = textLike(
        bounds?.labels === undefined ? textReader(textCharsMax(bounds?.charsMax ?? null)) : labelReader(bounds.labels),
      );
      return coerces ? takingAll(reader) : reader;
    }
    case "integer":
      return coerces ? takingNumberText(integerReader(bounds)) : integerReader(bounds);
    case "number":
      return coerces ? takingNumberText(numberReader(bounds, cuts)) : numberReader(bounds, cuts);
    case "decimal":
      return decimalReader(bounds, cuts);
    case "boolean":
      return coerces ? { ...booleanReader, read: readBooleanText } : booleanReader;
    case "timestamp":
      return within(timestampReader(column, bounds, takesText), bounds);
    case "date":
      return within(dateReader(column, takesText), bounds);
    case "uuid":
      return textLike(withinColumn(readUuid, bounds));
    case "ip":
      return textLike(withinColumn(ipReader(column), bounds));
    case "phone":
      return textLike(withinColumn(phoneReader(column.region), bounds));
    case "mac":
      return textLike(withinColumn(readMac, bounds));
    case "version":
      return textLike(withinColumn(versionReader(bounds), bounds));
    case "json":
      return textLike(withinColumn(readJson, bounds));
  }
}

const textLike = (read: Reader): ValueReader => ({ read, readNumber: neverNumber });

const within = ({ read, readNumber }: ValueReader, bounds: ColumnBounds | undefined): ValueReader => ({
  read: withinColumn(read, bounds),
  // Number by number: few columns take any.
  readNumber: (value, written) => withinColumn(() => readNumber(value, written), bounds)(written),
});

/** Numbers and booleans are taken for the text that JSON has for them. */
const takingAll = ({ read }: ValueReader): ValueReader => ({
  read: (value) => read(typeof value === "boolean" ? String(value) : value),
  readNumber: (_value, written) => read(written),
  readsNumbersAsWritten: true,
});

/** A text that JSON would have as a number, exactly, is taken for it. */
const takingNumberText = ({ read, readNumber }: ValueReader): ValueReader => ({
  read(value) {
    if (typeof value !== "string") return read(value);
    return isJsonNumber(value) ? readNumber(Number(value), value) : REFUSED.format;
  },
  readNumber,
});

/** `"true"` and `"false"` are taken as well. */
const readBooleanText: Reader = (value) => {
  if (value === "true") return true;
  if (value === "false") return false;
  return typeof value === "string" ? REFUSED.format : booleanReader.read(value);
};

const asGiven =
  (reader: Reader): Reader =>
  (value) => {
    const read = reader(value);
    return typeof value === "string" && !isRefusal(read) ? value : read;
  };
