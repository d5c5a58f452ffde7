import type { Column, ColumnBounds, TimeFormat } from "../pipeline/contracts.ts";
import { cutDecimal, type Decimal, parseDecimal, writeDecimal } from "./decimal.ts";
import { TIMESTAMP_CHARS_MAX } from "./limits.ts";
import { REFUSED, type Reader, type Refusal, type ValueReader, isRefusal, neverNumber } from "./refusal.ts";
import { wallTimeReader } from "./wall-time.ts";

/** Decimals of a second, as PostgreSQL holds them. */
const DECIMALS_MAX = 6;
const ZERO = 0x30;

/** What is kept of the decimals of a second. */
interface Kept {
  readonly decimals: number;
  /** Others are cut. Otherwise they must be zeros. */
  readonly cuts: boolean;
}

const ZONED_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)$/;

const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Whether the Gregorian calendar has the day. */
function isCalendarDay(year: number, month: number, day: number): boolean {
  if (month === 2 && day === 29) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return day >= 1 && day <= (DAYS_OF_MONTH[month - 1] ?? 0);
}

/** The six decimals of a second, or why they cannot be kept. */
function microsOf(decimals: string, kept: Kept): string | Refusal {
  if (decimals.length > kept.decimals && !kept.cuts) {
    for (let at = kept.decimals; at < decimals.length; at += 1) {
      if (decimals.charCodeAt(at) !== ZERO) return REFUSED.range;
    }
  }
  return decimals.slice(0, kept.decimals).padEnd(DECIMALS_MAX, "0");
}

/** Cut to what PostgreSQL holds. */
const MICROSECONDS: Kept = { decimals: DECIMALS_MAX, cuts: true };

/**
 * A date-time of RFC 3339 section 5.6, or of ISO 8601 with the offset as `+hhmm` or `+hh`, as UTC text with six decimals
 * (`2026-01-31T23:59:59.000000Z`): one text per instant, which sorts by time. A leap second (`:60`) is refused, as neither
 * side can hold it. Years 1 to 9999.
 */
export function toUtcText(text: string, kept = MICROSECONDS): string | Refusal {
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
  const micros = microsOf(decimals, kept);
  if (typeof micros !== "string") return micros;
  if (sign === undefined) {
    return year === 0
      ? REFUSED.range
      : `${yearText}-${monthText}-${dayText}T${hourText}:${minuteText}:${secondText}.${micros}Z`;
  }
  const offsetMinutes = (Number(match[9]) * 60 + Number(match[10] ?? 0)) * (sign === "-" ? -1 : 1);
  return utcText(utcMs(year, month, Number(dayText), hour, minute - offsetMinutes, second), micros);
}

/** `minute` may be any number of them. */
function utcMs(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  // Date.UTC would read the years 0 to 99 as 1900 to 1999.
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  return time.setUTCHours(hour, minute, second);
}

/** Of the first second of the year 1, and behind the last one of the year 9999. */
const FIRST_MS = -62_135_596_800_000;
const END_MS = 253_402_300_800_000;

/** @param wholeMs of a whole second */
function utcText(wholeMs: number, micros: string): string | Refusal {
  if (!(wholeMs >= FIRST_MS && wholeMs < END_MS)) return REFUSED.range;
  return `${new Date(wholeMs).toISOString().slice(0, 19)}.${micros}Z`;
}

const WALL_TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?$/;

type ReadTime = (text: string, kept: Kept) => string | Refusal;

/** A time as a clock of the zone shows it, such as `2026-03-01 10:00:00.5`. */
function wallTimeText(zone: string): ReadTime {
  const toUtcMs = wallTimeReader(zone);
  return (text, kept) => {
    const match = text.length > TIMESTAMP_CHARS_MAX ? null : WALL_TIME.exec(text);
    if (match === null) return REFUSED.format;
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
    if (!isCalendarDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return REFUSED.format;
    const micros = microsOf(match[7] ?? "", kept);
    if (typeof micros !== "string") return micros;
    return utcText(toUtcMs(utcMs(year, month, day, hour, minute, second)), micros);
  };
}

/** Decimals of a second that one of the unit is. */
const UNIT_DECIMALS: Readonly<Partial<Record<TimeFormat, number>>> = { "epoch-s": 0, "epoch-ms": 3, "epoch-us": 6 };
/** Digits of seconds before the point: more are beyond every year that there is. */
const EPOCH_DIGITS_MAX = 12;
const SECOND_US = 1_000_000;

/** Seconds, milliseconds or microseconds since 1970, with decimals: exactly as they are written. */
function epochText(written: string, unitDecimals: number, kept: Kept): string | Refusal {
  if (written.length > TIMESTAMP_CHARS_MAX) return REFUSED.format;
  const decimal = parseDecimal(written);
  return decimal === null ? REFUSED.format : timeOf({ ...decimal, power: decimal.power - unitDecimals }, kept);
}

function timeOf(seconds: Decimal, kept: Kept): string | Refusal {
  if (seconds.digits.length + seconds.power > EPOCH_DIGITS_MAX) return REFUSED.range;
  const cut = cutDecimal(seconds, kept.decimals);
  const hasRest = cut !== seconds;
  if (hasRest && !kept.cuts) return REFUSED.range;
  const [whole = "0", decimals = ""] = writeDecimal({ ...cut, isNegative: false }).split(".");
  const micros = Number(decimals.padEnd(DECIMALS_MAX, "0"));
  if (!seconds.isNegative) return utcText(Number(whole) * 1_000, decimals.padEnd(DECIMALS_MAX, "0"));
  // What is cut of a time before 1970 is the end of its decimals, too: towards the past.
  const below = hasRest ? micros + 10 ** (DECIMALS_MAX - kept.decimals) : micros;
  const wholeBelow = Math.ceil(below / SECOND_US);
  const rest = wholeBelow * SECOND_US - below;
  return utcText(-(Number(whole) + wholeBelow) * 1_000, String(rest).padStart(DECIMALS_MAX, "0"));
}

/** How a column of times is read, from its own settings. */
type TimeSettings = Pick<Column, "mask" | "formats" | "zone" | "cut">;

/**
 * An instant, as UTC text. Without formats that say so a number is refused: seconds and milliseconds look alike.
 * @param takesText whether an epoch may be a text
 */
export function timestampReader(
  { mask, formats, zone, cut }: TimeSettings,
  bounds: ColumnBounds | undefined,
  takesText: boolean,
): ValueReader {
  // A token tells nothing of a time but whether it is the same.
  const kept = { decimals: bounds?.secondDecimals ?? DECIMALS_MAX, cuts: cut === true || mask !== null };
  if (formats === undefined) {
    return {
      read: (value) => (typeof value === "string" ? toUtcText(value, kept) : REFUSED.type),
      readNumber: neverNumber,
    };
  }
  const readTexts: ReadTime[] = [];
  if (formats.includes("rfc3339") || formats.includes("sql")) readTexts.push(toUtcText);
  if (formats.includes("sql") && zone !== undefined) readTexts.push(wallTimeText(zone));
  return timeReader(readTexts, formats, kept, takesText);
}

function timeReader(
  readTexts: readonly ReadTime[],
  formats: readonly TimeFormat[],
  kept: Kept,
  takesText: boolean,
): ValueReader {
  const [unitDecimals] = formats.flatMap((format) => UNIT_DECIMALS[format] ?? []);
  const readEpoch = (written: string): string | Refusal =>
    unitDecimals === undefined ? REFUSED.type : epochText(written, unitDecimals, kept);
  return {
    read(value) {
      if (typeof value === "number") return readEpoch(String(value));
      if (typeof value !== "string" || (readTexts.length === 0 && !takesText)) return REFUSED.type;
      for (const readText of readTexts) {
        const read = readText(value, kept);
        if (read !== REFUSED.format) return read;
      }
      return takesText && unitDecimals !== undefined ? readEpoch(value) : REFUSED.format;
    },
    readNumber: (_value, written) => readEpoch(written),
  };
}

const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DATE_CHARS = 10;

/** A calendar date `YYYY-MM-DD` of the years 1 to 9999. */
function dateText(text: string): string | Refusal {
  const match = DATE.exec(text);
  if (match === null) return REFUSED.format;
  const year = Number(match[1]);
  if (!isCalendarDay(year, Number(match[2]), Number(match[3]))) return REFUSED.format;
  return year === 0 ? REFUSED.range : text;
}

const dateOf =
  (readTime: ReadTime): ReadTime =>
  (text, kept) => {
    const utc = readTime(text, kept);
    return typeof utc === "string" ? utc.slice(0, DATE_CHARS) : utc;
  };

const readDate: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  return DATE.test(value) ? dateText(value) : dateOf(toUtcText)(value, MICROSECONDS);
};

/** Without a zone it is the day that the text names. */
const wallDateText = dateOf(wallTimeText("UTC"));

/**
 * A date, or the UTC date of an instant.
 * @param takesText whether an epoch may be a text
 */
export function dateReader({ formats }: TimeSettings, takesText: boolean): ValueReader {
  if (formats === undefined) return { read: readDate, readNumber: neverNumber };
  const readTexts: ReadTime[] = [];
  if (formats.includes("rfc3339") || formats.includes("sql")) readTexts.push(dateText, dateOf(toUtcText));
  if (formats.includes("sql")) readTexts.push(wallDateText);
  const { read, readNumber } = timeReader(readTexts, formats, MICROSECONDS, takesText);
  return {
    read: (value) => dateAlone(read(value)),
    readNumber: (value, written) => dateAlone(readNumber(value, written)),
  };
}

const dateAlone = (read: ReturnType<Reader>): ReturnType<Reader> =>
  isRefusal(read) ? read : String(read).slice(0, DATE_CHARS);
