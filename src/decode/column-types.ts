import { isIPv4, isIPv6 } from "node:net";
import type { ColumnBounds } from "../pipeline/contracts.ts";
import { checkText, isLongerThan, textCharsMax } from "./check-text.ts";
import { STRING_CHARS_MAX, TIMESTAMP_CHARS_MAX } from "./limits.ts";
import { REFUSED, type Reader, type Refusal } from "./refusal.ts";

/** `true` or `false`; neither 0 and 1 nor their texts. */
export const readBoolean: Reader = (value) => (typeof value === "boolean" ? value : REFUSED.type);

/**
 * A JSON number without a fraction (`5`, `5.0`, `5e3`), between `min` and `max`. Beyond ±(2^53 − 1) `JSON.parse` may
 * already have changed it: refused, whatever the column could hold. Negative zero becomes zero.
 */
export function integerReader(min: number | null, max: number | null): Reader {
  const lowest = Math.max(min ?? Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
  const highest = Math.min(max ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  return (value) => {
    if (typeof value !== "number") return REFUSED.type;
    if (value < lowest || value > highest) return REFUSED.range;
    if (!Number.isInteger(value)) return REFUSED.type;
    return value + 0;
  };
}

/** Whether a parsed number may differ from what was written: infinite, or an integer beyond ±(2^53 − 1). */
const mayBeRounded = (value: number): boolean =>
  !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));

/** A finite JSON number that is known to be what was written, or the double nearest to it. Negative zero becomes zero. */
export const readNumber: Reader = (value) => {
  if (typeof value !== "number") return REFUSED.type;
  return mayBeRounded(value) ? REFUSED.range : value + 0;
};

/** Any finite JSON number: the caller looks at what was written. */
export const readAnyNumber: Reader = (value) => {
  if (typeof value !== "number") return REFUSED.type;
  return Number.isFinite(value) ? value : REFUSED.range;
};

/** A JSON string, as it is. Numbers and booleans are not taken for text: that would hide a producer's mistake. */
export const textReader =
  (charsMax: number): Reader =>
  (value) => {
    if (typeof value !== "string") return REFUSED.type;
    return checkText(value, charsMax) ?? value;
  };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A UUID of any version in the text form of RFC 9562 section 4, in lower case. */
export const readUuid: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  return UUID.test(value) ? value.toLowerCase() : REFUSED.format;
};

/**
 * An IPv4 or IPv6 address, as it is. `010.8.8.8` is refused, as it is octal to some readers and decimal to others; so
 * are `127.1`, and a zone (`fe80::1%eth0`), which means something on one machine only.
 */
export const readIp: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  return isIPv4(value) || (isIPv6(value) && !value.includes("%")) ? value : REFUSED.format;
};

const ZONED_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)$/;

const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Whether the Gregorian calendar has the day. */
function isCalendarDay(year: number, month: number, day: number): boolean {
  if (month === 2 && day === 29) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day >= 1 && day <= (DAYS_OF_MONTH[month - 1] ?? 0);
}

/**
 * A date-time of RFC 3339 section 5.6, or of ISO 8601 with the offset as `+hhmm` or `+hh`, as UTC text with six decimals
 * (`2026-01-31T23:59:59.000000Z`): one text per instant, which sorts by time. Decimals beyond the sixth are cut, as
 * PostgreSQL holds microseconds. A leap second (`:60`) is refused, as neither side can hold it. Years 1 to 9999.
 */
export function toUtcText(text: string): string | Refusal {
  if (text.length > TIMESTAMP_CHARS_MAX) return REFUSED.format;
  const match = ZONED_TIME.exec(text);
  if (match === null) return REFUSED.format;
  const [, yearText, monthText, dayText, hourText, minuteText, secondText, decimals = "", sign] = match;
  const year = Number(yearText);
  const month = Number(monthText);
  const hour = Number(hourText);
  const minute = Number(minuteText);
  const second = Number(secondText);
  if (!isCalendarDay(year, month, Number(dayText)) || hour > 23 || minute > 59 || second > 59) return REFUSED.format;
  const micros = decimals.slice(0, 6).padEnd(6, "0");
  if (sign === undefined) {
    return year === 0
      ? REFUSED.range
      : `${yearText}-${monthText}-${dayText}T${hourText}:${minuteText}:${secondText}.${micros}Z`;
  }
  const offsetMinutes = (Number(match[9]) * 60 + Number(match[10] ?? 0)) * (sign === "-" ? -1 : 1);
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, Number(dayText));
  time.setUTCHours(hour, minute - offsetMinutes, second);
  const utcYear = time.getUTCFullYear();
  if (utcYear < 1 || utcYear > 9999) return REFUSED.range;
  return `${time.toISOString().slice(0, 19)}.${micros}Z`;
}

/** A date-time with a zone offset, normalised to UTC. A number is refused: seconds and milliseconds look alike. */
export const readTimestamp: Reader = (value) => (typeof value === "string" ? toUtcText(value) : REFUSED.type);

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;

/** A calendar date `YYYY-MM-DD` of the years 1 to 9999, or the UTC date of a date-time with a zone offset. */
export const readDate: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  const match = DATE.exec(value);
  if (match === null) {
    const utc = toUtcText(value);
    return typeof utc === "string" ? utc.slice(0, 10) : utc;
  }
  const year = Number(match[1]);
  if (!isCalendarDay(year, Number(match[2]), Number(match[3]))) return REFUSED.format;
  return year === 0 ? REFUSED.range : value;
};

const MAJOR_UNIT = 1_000_000;
const MINOR_UNIT = 1_000;
/** The largest value of PostgreSQL's `integer`, which is assumed while the real column is not known. */
const INTEGER_MAX = 2_147_483_647;
const DOT = 0x2e;
const ZERO = 0x30;

/**
 * A version of one to three decimal parts. For a text column its text; for any other the sortable integer
 * major × 1,000,000 + minor × 1,000 + patch, in which minor and patch reach 999 and major as far as every minor and
 * patch still fits (2146 in an `integer` column). The parts are numbers, as in every ordering of versions: `6.02` and
 * `6.2` are the same version, and so are `3`, `3.0` and `3.0.0`.
 */
export function versionReader(bounds: ColumnBounds | undefined): Reader {
  return bounds?.isText === true ? versionTextReader(textCharsMax(bounds.charsMax)) : versionNumberReader(bounds);
}

const versionTextReader =
  (charsMax: number): Reader =>
  (value) => {
    if (typeof value !== "string") return REFUSED.type;
    if (partsOf(value) === null) return REFUSED.format;
    return isLongerThan(value, charsMax) ? REFUSED.tooLong : value;
  };

function versionNumberReader(bounds: ColumnBounds | undefined): Reader {
  const highest = Math.min(bounds?.integerMax ?? INTEGER_MAX, Number.MAX_SAFE_INTEGER);
  const majorMax = Math.floor((highest + 1) / MAJOR_UNIT) - 1;
  return (value) => {
    if (typeof value !== "string") return REFUSED.type;
    const parts = partsOf(value);
    if (parts === null) return REFUSED.format;
    const [major, minor, patch] = parts;
    if (major > majorMax || minor > 999 || patch > 999) return REFUSED.range;
    return major * MAJOR_UNIT + minor * MINOR_UNIT + patch;
  };
}

/**
 * Major, minor and patch, zero where they are not written; null when the text is no version. By hand, as a regular
 * expression takes several times as long to give its groups.
 */
function partsOf(version: string): [number, number, number] | null {
  const parts: [number, number, number] = [0, 0, 0];
  let part = 0;
  let digits = 0;
  for (let at = 0; at < version.length; at += 1) {
    const code = version.charCodeAt(at);
    const digit = code - ZERO;
    if (digit >= 0 && digit <= 9) {
      parts[part] = (parts[part] ?? 0) * 10 + digit;
      digits += 1;
    } else {
      if (code !== DOT || digits === 0 || part === 2) return null;
      part += 1;
      digits = 0;
    }
  }
  return digits === 0 ? null : parts;
}

/**
 * Any JSON value, written anew by `JSON.stringify`. Refused is what would not come out as it went in: U+0000, which
 * `jsonb` cannot hold, lone surrogates, infinities and integers beyond ±(2^53 − 1), in keys as in values.
 */
export const readJson: Reader = (value) => checkJson(value, mayBeRounded) ?? JSON.stringify(value);

/** The same of what is stored as it was written: only what no double comes near is refused of the numbers. */
export const checkWrittenJson = (value: unknown): Refusal | null => checkJson(value, isInfinite);

const isInfinite = (value: number): boolean => !Number.isFinite(value);

/** Recursion is safe: the depth was bounded before parsing. */
function checkJson(value: unknown, isRefused: (value: number) => boolean): Refusal | null {
  if (typeof value === "string") return checkText(value, STRING_CHARS_MAX);
  if (typeof value === "number") return isRefused(value) ? REFUSED.range : null;
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      const refusal = checkJson(item, isRefused);
      if (refusal !== null) return refusal;
    }
    return null;
  }
  for (const key of Object.keys(value)) {
    const item = (value as Readonly<Record<string, unknown>>)[key];
    const refusal = checkText(key, STRING_CHARS_MAX) ?? checkJson(item, isRefused);
    if (refusal !== null) return refusal;
  }
  return null;
}
