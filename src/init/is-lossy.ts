import { toUtcText } from "../decode/times.ts";
import type { ColumnType } from "../pipeline/contracts.ts";

/** PostgreSQL holds microseconds. */
const FINER_THAN_MICROSECONDS = /\.\d{6}\d*[1-9]/;
/** A UUID without hyphens: it may be any digest. */
const BARE_HEX = /^[0-9a-f]{32}$/i;
/** With its groups apart: twelve digits, or some more with hyphens, may be any number. */
const SEPARATED_MAC = /^(?:[\da-f]{2}[:-]){5}[\da-f]{2}$|^(?:[\da-f]{4}\.){2}[\da-f]{4}$/i;
/** As E.164 writes one: anything else is a way of writing that a column of phones would not keep. */
const E164 = /^\+[1-9]\d{6,14}$/;
/** As a number, `1.02` is the same version as `1.2`. */
const LEADING_ZERO = /(?:^|\.)0\d/;

/**
 * Whether a column of the type takes the value, and keeps only a part of what it says. That is for a person to choose: it is
 * never inferred.
 */
export function isLossy(type: ColumnType, value: unknown): boolean {
  if (typeof value !== "string") return false;
  switch (type) {
    case "timestamp":
      return FINER_THAN_MICROSECONDS.test(value);
    case "date":
      return hasTimeOfDay(value);
    case "uuid":
      return BARE_HEX.test(value);
    case "mac":
      return !SEPARATED_MAC.test(value);
    case "phone":
      return !E164.test(value);
    case "version":
      return LEADING_ZERO.test(value);
    default:
      return false;
  }
}

function hasTimeOfDay(value: string): boolean {
  const utc = toUtcText(value);
  return typeof utc === "string" && (!utc.endsWith("T00:00:00.000000Z") || FINER_THAN_MICROSECONDS.test(value));
}
