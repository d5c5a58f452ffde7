import type { NumericSize } from "../pipeline/contracts.ts";
import { DECIMAL_DIGITS_MAX } from "./limits.ts";

/** A decimal number, exactly: its digits, without zeros at either end, times a power of ten. Zero has no digits. */
export interface Decimal {
  readonly isNegative: boolean;
  readonly digits: string;
  /** Of the last digit. */
  readonly power: number;
}

/** RFC 8259 section 6. */
const JSON_NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const ZERO = 0x30;

/** Whether the text is a number as JSON writes one. */
export const isJsonNumber = (text: string): boolean => JSON_NUMBER.test(text);

/** The number that a text is as JSON writes one; null when it is none. Negative zero is zero. */
export function parseDecimal(text: string): Decimal | null {
  const match = JSON_NUMBER.exec(text);
  if (match === null) return null;
  const [, sign = "", whole = "", decimals = "", exponent = "0"] = match;
  const written = whole + decimals;
  let start = 0;
  let end = written.length;
  while (start < end && written.charCodeAt(start) === ZERO) start += 1;
  while (end > start && written.charCodeAt(end - 1) === ZERO) end -= 1;
  if (start === end) return { isNegative: false, digits: "", power: 0 };
  return {
    isNegative: sign !== "",
    digits: written.slice(start, end),
    power: Number(exponent) - decimals.length + written.length - end,
  };
}

/** Digits before the point; below one for a number that begins with zeros behind it. */
const wholeDigits = ({ digits, power }: Decimal): number => digits.length + power;

/** Whether the number has so few digits, zeros that an exponent stands for included, that it is written out. */
export const isWritable = (decimal: Decimal): boolean =>
  wholeDigits(decimal) <= DECIMAL_DIGITS_MAX && -decimal.power <= DECIMAL_DIGITS_MAX;

/** Whether a numeric of the size holds the number as it is. */
export const fitsNumeric = (decimal: Decimal, { precision, scale }: NumericSize): boolean =>
  decimal.digits === "" || (-decimal.power <= scale && wholeDigits(decimal) <= precision - scale);

/** The number without what is behind so many decimals: cut, not rounded. */
export function cutDecimal(decimal: Decimal, scale: number): Decimal {
  const surplus = -decimal.power - scale;
  if (surplus <= 0) return decimal;
  let end = Math.max(0, decimal.digits.length - surplus);
  while (end > 0 && decimal.digits.charCodeAt(end - 1) === ZERO) end -= 1;
  if (end === 0) return { isNegative: false, digits: "", power: 0 };
  return { ...decimal, digits: decimal.digits.slice(0, end), power: decimal.power + decimal.digits.length - end };
}

/** One text per number: all its digits, and no exponent. For a number that `isWritable`. */
export function writeDecimal(decimal: Decimal): string {
  const { isNegative, digits, power } = decimal;
  if (digits === "") return "0";
  const sign = isNegative ? "-" : "";
  const point = wholeDigits(decimal);
  if (power >= 0) return sign + digits + "0".repeat(power);
  if (point > 0) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  return `${sign}0.${"0".repeat(-point)}${digits}`;
}
