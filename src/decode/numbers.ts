import type { ColumnBounds, NumericSize } from "../pipeline/contracts.ts";
import { isLongerThan } from "./check-text.ts";
import { cutDecimal, type Decimal, fitsNumeric, isWritable, parseDecimal, writeDecimal } from "./decimal.ts";
import { DECIMAL_DIGITS_MAX } from "./limits.ts";
import { isKept } from "./number-check.ts";
import { REFUSED, type Reader, type Refusal, type ValueReader, isRefusal, neverNumber } from "./refusal.ts";

/** `true` or `false`; neither 0 and 1 nor their texts. */
const readBoolean: Reader = (value) => (typeof value === "boolean" ? value : REFUSED.type);

export const booleanReader: ValueReader = { read: readBoolean, readNumber: neverNumber };

/**
 * A JSON number without a fraction (`5`, `5.0`, `5e3`), between `min` and `max` and within ±(2^53 − 1). Negative zero
 * becomes zero.
 */
export function safeIntegerReader(min: number | bigint | null, max: number | bigint | null): Reader {
  const lowest = Math.max(Number(min ?? Number.MIN_SAFE_INTEGER), Number.MIN_SAFE_INTEGER);
  const highest = Math.min(Number(max ?? Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  return (value) => {
    if (typeof value !== "number") return REFUSED.type;
    if (value < lowest || value > highest) return REFUSED.range;
    if (!Number.isInteger(value)) return REFUSED.type;
    return value + 0;
  };
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Digits of the longest integer of 64 bits. */
const INT64_DIGITS = 19;

/**
 * A whole number that its column holds: beyond ±(2^53 − 1) it is read from its digits, and is a text. While the real column
 * is not known it has 64 bits, like the one that piipe would create.
 */
export function integerReader(bounds: ColumnBounds | undefined): ValueReader {
  const isUnknown = bounds === undefined;
  const min = isUnknown ? INT64_MIN : bounds.integerMin;
  const max = isUnknown ? INT64_MAX : bounds.integerMax;
  const readSafe = withinColumn(safeIntegerReader(min, max), bounds);
  return {
    read: readSafe,
    readNumber(value, written) {
      if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) {
        const read = readSafe(value);
        return isRefusal(read) || isKept("integer", written) ? read : REFUSED.range;
      }
      if (written.length > DECIMAL_DIGITS_MAX) return REFUSED.range;
      const decimal = parseDecimal(written);
      if (decimal === null || decimal.power < 0 || !isWritable(decimal)) return REFUSED.range;
      const digits = writeDecimal(decimal);
      if (max !== null && min !== null) {
        if (decimal.digits.length + decimal.power > INT64_DIGITS) return REFUSED.range;
        const exact = BigInt(digits);
        if (exact < min || exact > max) return REFUSED.range;
      }
      return fitted(decimal, digits, bounds);
    },
  };
}

/** A number that is known to be what was written, or the double nearest to it. Negative zero stays what it is. */
const readFinite: Reader = (value) => (typeof value === "number" ? value : REFUSED.type);

/** As `double precision` holds it: a fraction as the nearest double, anything else as it is written. */
export function numberReader(bounds: ColumnBounds | undefined, cuts: boolean): ValueReader {
  const size = bounds?.numeric;
  const read = size === undefined ? withinColumn(readFinite, bounds) : withinSize(readFinite, size, cuts);
  return {
    read,
    readNumber(value, written) {
      if (!Number.isFinite(value)) return REFUSED.range;
      return isKept("number", written) ? read(value) : REFUSED.range;
    },
  };
}

/**
 * An exact number, as a JSON number or as the text of one: `12.50` and `1.25e1` are `12.5`. What the column does not hold as
 * it is, is refused, or with `cuts` loses the digits behind the last decimal that the column has.
 */
export function decimalReader(bounds: ColumnBounds | undefined, cuts: boolean): ValueReader {
  const readWritten = (written: string): string | Refusal => {
    if (written.length > DECIMAL_DIGITS_MAX) return REFUSED.range;
    const decimal = parseDecimal(written);
    if (decimal === null) return REFUSED.format;
    const kept = cuts && bounds?.numeric !== undefined ? cutDecimal(decimal, bounds.numeric.scale) : decimal;
    return isWritable(kept) ? fitted(kept, writeDecimal(kept), bounds) : REFUSED.range;
  };
  return {
    read(value) {
      if (typeof value === "string") return readWritten(value);
      return typeof value === "number" ? readWritten(String(value)) : REFUSED.type;
    },
    readNumber: (_value, written) => readWritten(written),
  };
}

function fitted(decimal: Decimal, digits: string, bounds: ColumnBounds | undefined): string | Refusal {
  if (bounds === undefined) return digits;
  if (bounds.numeric !== undefined && !fitsNumeric(decimal, bounds.numeric)) return REFUSED.range;
  return bounds.charsMax !== null && isLongerThan(digits, bounds.charsMax) ? REFUSED.tooLong : digits;
}

/** Of a text column its length counts, of a numeric one its size; nearly every column has neither. */
export function withinColumn(reader: Reader, bounds: ColumnBounds | undefined): Reader {
  if (bounds?.numeric !== undefined) return withinSize(reader, bounds.numeric, false);
  const charsMax = bounds?.charsMax ?? null;
  if (charsMax === null) return reader;
  return (value) => {
    const read = reader(value);
    return isRefusal(read) || !isLongerThan(String(read), charsMax) ? read : REFUSED.tooLong;
  };
}

function withinSize(reader: Reader, size: NumericSize, cuts: boolean): Reader {
  return (value) => {
    const read = reader(value);
    if (typeof read !== "number") return read;
    const decimal = parseDecimal(String(read));
    if (decimal === null) return REFUSED.range;
    const kept = cuts ? cutDecimal(decimal, size.scale) : decimal;
    if (!fitsNumeric(kept, size)) return REFUSED.range;
    return kept === decimal ? read : writeDecimal(kept);
  };
}
