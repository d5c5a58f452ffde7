import { REFUSED, type Reader } from "../refusal.ts";
import { isCalendarDay, toUtcText } from "./zoned-time.ts";

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
