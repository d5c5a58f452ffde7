import type { ColumnType } from "../contracts.ts";
import { NUMBER_CHARS_MAX } from "./limits.ts";
import { closingQuote, isNumberPart, mayBeInexact, QUOTE } from "./scan-json.ts";

/** Whether a column keeps what is written, given the JSON of a value that its reader took. Never throws. */
type NumberCheck = (written: string) => boolean;

/**
 * The readers see what `JSON.parse` made of a number, which may have been rounded; these look at what was written. An
 * integer column keeps a number exactly. A number column keeps the nearest double, as PostgreSQL's `double precision`
 * does, which takes no number for zero that is none. A json column writes every number anew, which has to give the same
 * number. null for the types that take no numbers.
 */
export function numberCheckOf(type: ColumnType): NumberCheck | null {
  switch (type) {
    case "integer":
      return (written) => isBounded(written) && isExact(written);
    case "number":
      return (written) => isBounded(written) && (Number(written) !== 0 || isZero(written));
    case "json":
      return (written) => everyNumber(written, (number) => isBounded(number) && survivesJson(number));
    default:
      return null;
  }
}

const isBounded = (number: string): boolean => number.length <= NUMBER_CHARS_MAX;

const survivesJson = (number: string): boolean => isExact(number) && !Object.is(Number(number), -0);

/** Whether the number is the decimal value of the shortest text of its nearest double, which is what is stored. */
const isExact = (number: string): boolean =>
  !mayBeInexact(number) || decimalOf(number) === decimalOf(String(Number(number)));

const isZero = (number: string): boolean => decimalOf(number) === ZERO;

const ZERO = "0";

const NUMBER_PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** One text per decimal value: its digits without zeros at the ends, and the power of ten of the last of them. */
function decimalOf(number: string): string {
  const match = NUMBER_PARTS.exec(number);
  // Infinity, which no number that is written equals.
  if (match === null) return number;
  const [, sign = "", whole = "", decimals = "", exponent = "0"] = match;
  const digits = (whole + decimals).replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return ZERO;
  return `${sign}${significant}e${Number(exponent) - decimals.length + digits.length - significant.length}`;
}

/** Calls `holds` for the numbers of a JSON text until one does not. */
function everyNumber(json: string, holds: (number: string) => boolean): boolean {
  let at = 0;
  while (at < json.length) {
    const start = at;
    const code = json.charCodeAt(at);
    at = code === QUOTE ? closingQuote(json, at) + 1 : at + 1;
    if (!isNumberPart(code)) continue;
    while (isNumberPart(json.charCodeAt(at))) at += 1;
    const run = json.slice(start, at);
    // The last letter of true and false looks like an exponent.
    if (run !== "e" && !holds(run)) return false;
  }
  return true;
}
