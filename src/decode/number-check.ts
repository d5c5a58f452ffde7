import { parseDecimal } from "./decimal.ts";
import { NUMBER_CHARS_MAX } from "./limits.ts";
import { closingQuote, isNumberPart, mayBeInexact, mayBeSmall, QUOTE, VANISHING_CHARS_MIN } from "./scan-json.ts";

/**
 * Whether a column keeps what is written, given a number as JSON writes it. `JSON.parse` may have rounded it; this looks at
 * what was written. An integer column keeps a number exactly. A number column keeps a fraction as the nearest double, as
 * PostgreSQL's `double precision` does; it takes no number for zero that is none, and a number of 2^53 and more only when a
 * double is exactly that, or is written so. Never throws.
 */
export function isKept(type: "integer" | "number", written: string): boolean {
  if (written.length > NUMBER_CHARS_MAX) return false;
  return type === "integer" ? isExact(written) : isNearEnough(written, Number(written));
}

function isNearEnough(written: string, value: number): boolean {
  if (value === 0) return isZero(written);
  if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return true;
  return isExact(written) || decimalOf(written) === decimalOf(String(BigInt(value)));
}

/** A digit before the point, and less than the exponent of a number that vanishes: to read it takes ten times as long. */
const IS_LARGE_ENOUGH = /^-?[1-9][^e]*e-(?:[0-2]\d\d|3[01]\d)$/i;

/**
 * Whether a reader of a JSON text that `JSON.parse` took would find zero where there is none: whoever stores it as it is
 * written would keep what nobody can read.
 */
export function hasVanishingNumber(json: string): boolean {
  let at = 0;
  while (at < json.length) {
    const start = at;
    const code = json.charCodeAt(at);
    at = code === QUOTE ? closingQuote(json, at) + 1 : at + 1;
    if (!isNumberPart(code)) continue;
    while (isNumberPart(json.charCodeAt(at))) at += 1;
    // Few numbers are that small, or that long: only they are read.
    if (at - start < VANISHING_CHARS_MIN && !mayBeSmall(json, start, at)) continue;
    const run = json.slice(start, at);
    if (IS_LARGE_ENOUGH.test(run)) continue;
    if (Number(run) === 0 && !isZero(run)) return true;
  }
  return false;
}

/** Whether the number is the decimal value of the shortest text of its nearest double, which is what is stored. */
const isExact = (number: string): boolean =>
  (!mayBeInexact(number) && Number.isSafeInteger(Number(number))) ||
  decimalOf(number) === decimalOf(String(Number(number)));

const isZero = (number: string): boolean => !/^[^eE]*[1-9]/.test(number);

/** One text per decimal value. Infinity is none, and no number that is written equals it. */
function decimalOf(number: string): string {
  const decimal = parseDecimal(number);
  return decimal === null ? number : `${decimal.isNegative ? "-" : ""}${decimal.digits}e${decimal.power}`;
}
