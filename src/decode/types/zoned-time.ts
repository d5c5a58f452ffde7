import { TIMESTAMP_CHARS_MAX } from "../limits.ts";
import { REFUSED, type Refusal } from "../refusal.ts";

const ZONED_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)$/;

const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** Whether the Gregorian calendar has the day. */
export function isCalendarDay(year: number, month: number, day: number): boolean {
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
