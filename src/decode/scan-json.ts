import { CONTAINERS_MAX, DEPTH_MAX, VALUES_BESIDE_ESCAPED_KEYS_MAX } from "./limits.ts";

/** What `JSON.parse` hides or cannot survive. Exact for JSON; for any other text the numbers mean nothing. */
export interface JsonScan {
  /** Deepest nesting of objects and arrays: 0 for a bare scalar. */
  readonly depth: number;
  /** Keys as written, repeated ones included. */
  readonly keys: number;
  /** Objects and arrays. */
  readonly containers: number;
  /** Characters of the longest number as written. */
  readonly numberChars: number;
  /**
   * A number may differ from what `JSON.parse` makes of it: it is negative zero, has an exponent, or has decimals and
   * more characters than the 15 digits that every double keeps. Whole numbers say so themselves, by being too large.
   */
  readonly mayRound: boolean;
  /** A number may be so small that a double has nothing but zero for it. */
  readonly mayVanish: boolean;
  /** A key has a backslash as written. */
  readonly hasEscapedKey: boolean;
}

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COLON = 0x3a;
export const COMMA = 0x2c;
const SPACE = 0x20;
const MINUS = 0x2d;
const ZERO = 0x30;
/** Set in `e` and `E` only, among the characters of a number. */
const EXPONENT_BIT = 0x40;
/** Decimal digits that survive the way into a double and back (DBL_DIG of C). */
const EXACT_CHARS_MAX = 15;
const EXPONENT_OR_MINUS_ZERO = /[eE]|^-0(?:\.0+)?$/;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;

/**
 * Reads the structure of a JSON text (RFC 8259) in one pass without recursion, so that the depth is known before a
 * parser has to follow it. Strings are skipped with `indexOf`, which the engine searches many characters at a time.
 */
export function scanJson(text: string): JsonScan {
  const length = text.length;
  let depth = 0;
  let depthNow = 0;
  let keys = 0;
  let containers = 0;
  let numberChars = 0;
  let mayRound = false;
  let mayVanish = false;
  let hasEscapedKey = false;
  let stringStart = 0;
  /** Where the next one stands; looked for again only when a key begins behind it. -1: there is none. */
  let backslash = text.indexOf("\\");
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = closingQuote(text, at);
      if (end === -1) break;
      stringStart = at;
      at = end + 1;
    } else if (code === COMMA || code === SPACE) {
      at += 1;
    } else if (isNumberPart(code)) {
      const start = at;
      let bits = code;
      at += 1;
      while (at < length) {
        const part = text.charCodeAt(at);
        if (!isNumberPart(part)) break;
        bits |= part;
        at += 1;
      }
      const chars = at - start;
      if (chars > numberChars) {
        numberChars = chars;
        if (chars >= VANISHING_CHARS_MIN) mayVanish = true;
      }
      if (bits >= EXPONENT_BIT && chars > 1 && !mayVanish) mayVanish = mayBeSmall(text, start, at);
      // A single e is the last letter of true or false.
      if (chars > 1 && !mayRound) {
        const startsMinusZero = code === MINUS && text.charCodeAt(start + 1) === ZERO;
        if (chars > EXACT_CHARS_MAX || bits >= EXPONENT_BIT || startsMinusZero)
          mayRound = mayBeInexact(text.slice(start, at));
      }
    } else {
      if (code === COLON) {
        keys += 1;
        if (backslash !== -1 && backslash < stringStart) backslash = text.indexOf("\\", stringStart);
        if (backslash !== -1 && backslash < at) hasEscapedKey = true;
      } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
        depthNow += 1;
        containers += 1;
        if (depthNow > depth) depth = depthNow;
      } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depthNow -= 1;
      at += 1;
    }
  }
  return { depth, keys, containers, numberChars, mayRound, mayVanish, hasEscapedKey };
}

/** A double is not zero before the 324th decimal: with a shorter exponent, which is 99 at most, 225 of them are written. */
const SMALL_EXPONENT_DIGITS_MIN = 3;
export const VANISHING_CHARS_MIN = 225;

/** Whether what stands there ends in a minus sign and as many digits as the exponent of a number that vanishes. */
export function mayBeSmall(text: string, start: number, end: number): boolean {
  let digits = end;
  while (digits > start && isDigit(text.charCodeAt(digits - 1))) digits -= 1;
  return end - digits >= SMALL_EXPONENT_DIGITS_MIN && text.charCodeAt(digits - 1) === MINUS;
}

const isDigit = (code: number): boolean => code >= ZERO && code <= 0x39;

/** Whether `JSON.parse` may make another number of it; false for whole numbers, which are exact or too large. */
export const mayBeInexact = (number: string): boolean =>
  (number.length > EXACT_CHARS_MAX && number.includes(".")) || EXPONENT_OR_MINUS_ZERO.test(number);

/** Values of a JSON text, and its empty objects and arrays twice. */
function countValues(text: string): number {
  let values = 1;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = closingQuote(text, at);
      if (at === -1) break;
    } else if (code === COMMA || code === OPEN_OBJECT || code === OPEN_ARRAY) values += 1;
  }
  return values;
}

/** Where the string that opens at `open` closes, or -1. */
export function closingQuote(text: string, open: number): number {
  let quote = text.indexOf('"', open + 1);
  while (quote !== -1 && text.charCodeAt(quote - 1) === BACKSLASH) {
    let before = quote - 2;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    const backslashes = quote - 1 - before;
    if (backslashes % 2 === 0) break;
    quote = text.indexOf('"', quote + 1);
  }
  return quote;
}

/** The `e` of `true` and `false` counts as well: a run of one character, which is no number that could be rounded. */
export function isNumberPart(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e || code === 0x2b || (code | 0x20) === 0x65;
}

/** What does not begin like an object or an array is no JSON, and the parser sees that at once. */
const BEGINS_AS_STRUCTURE = /^[ \t\n\r]*[{[]/;

/** Why a text is not given to the parser, which would follow any; null: it may be. `scan` is of the same text. */
export function beyondBounds(
  text: string,
  { depth, keys, containers, hasEscapedKey }: JsonScan,
  keysMax: number,
): "body.too-deep" | "body.too-many-keys" | "body.too-costly" | null {
  if (depth > DEPTH_MAX) return "body.too-deep";
  if (keys > keysMax && BEGINS_AS_STRUCTURE.test(text)) return "body.too-many-keys";
  const isCostly =
    (containers > CONTAINERS_MAX && BEGINS_AS_STRUCTURE.test(text)) ||
    (hasEscapedKey && countValues(text) > VALUES_BESIDE_ESCAPED_KEYS_MAX);
  return isCostly ? "body.too-costly" : null;
}
