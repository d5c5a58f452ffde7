import type { Column, ColumnBounds, MaskName } from "../pipeline/contracts.ts";
import { isLongerThan, textCharsMax } from "./check-text.ts";
import {
  integerReader,
  readAnyNumber,
  readBoolean,
  readDate,
  readIp,
  readJson,
  readNumber,
  readTimestamp,
  readUuid,
  textReader,
  versionReader,
} from "./column-types.ts";
import { REFUSED, type Reader, isRefusal } from "./refusal.ts";

/** A masked column holds tokens: its bounds say nothing of the raw value, which is always read as text can be. */
const BOUNDS_WHEN_MASKED: ColumnBounds = { charsMax: null, integerMin: null, integerMax: null, isText: true };

/** Masks that take a text exactly as the event has it: its type is checked, but it is not brought into one form. */
const TAKES_TEXT_AS_GIVEN: ReadonlySet<MaskName> = new Set(["sha256", "hmac-over-sha256"]);

/**
 * How one column's values are checked and converted. `bounds` are of the table's real column, when it is known.
 * @param seesText whether the caller looks at numbers as they were written, too: those that a double may have changed are
 * then left to it
 */
export function createReader(column: Column, bounds: ColumnBounds | undefined, seesText = false): Reader {
  if (column.mask === null) return readerOfType(column, bounds, seesText);
  const reader = readerOfType(column, BOUNDS_WHEN_MASKED, seesText);
  return TAKES_TEXT_AS_GIVEN.has(column.mask) ? asGiven(reader) : reader;
}

function readerOfType(column: Column, bounds: ColumnBounds | undefined, seesText: boolean): Reader {
  const charsMax = bounds?.charsMax ?? null;
  switch (column.type) {
    case "text":
      return textReader(textCharsMax(charsMax));
    case "integer":
      return integerReader(bounds?.integerMin ?? null, bounds?.integerMax ?? null);
    case "number":
      return seesText ? readAnyNumber : readNumber;
    case "boolean":
      return readBoolean;
    case "timestamp":
      return withinChars(readTimestamp, charsMax);
    case "date":
      return withinChars(readDate, charsMax);
    case "uuid":
      return withinChars(readUuid, charsMax);
    case "ip":
      return withinChars(readIp, charsMax);
    case "version":
      return versionReader(bounds);
    case "json":
      return withinChars(readJson, charsMax);
  }
}

function withinChars(reader: Reader, charsMax: number | null): Reader {
  if (charsMax === null) return reader;
  return (value) => {
    const read = reader(value);
    return typeof read === "string" && isLongerThan(read, charsMax) ? REFUSED.tooLong : read;
  };
}

const asGiven =
  (reader: Reader): Reader =>
  (value) => {
    const read = reader(value);
    return typeof value === "string" && !isRefusal(read) ? value : read;
  };
