/** What `JSON.parse` hides or cannot survive. Exact for JSON; for any other text the numbers mean nothing. */
export interface JsonScan {
  /** Deepest nesting of objects and arrays: 0 for a bare scalar. */
  readonly depth: number;
  /** Keys as written, repeated ones included. */
  readonly keys: number;
  /** Characters of the longest number as written. */
  readonly numberChars: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/**
 * Reads the structure of a JSON text (RFC 8259) in one pass without recursion, so that the depth is known before a
 * parser has to follow it. Strings are skipped with `indexOf`, which the engine searches many characters at a time.
 */
export function scanJson(text: string): JsonScan {
  const length = text.length;
  let depth = 0;
  let depthNow = 0;
  let keys = 0;
  let numberChars = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = closingQuote(text, at);
      if (end === -1) break;
      at = end + 1;
    } else if (isNumberPart(code)) {
      const start = at;
      do at += 1;
      while (at < length && isNumberPart(text.charCodeAt(at)));
      if (at - start > numberChars) numberChars = at - start;
    } else {
      if (code === COLON) keys += 1;
      else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
        depthNow += 1;
        if (depthNow > depth) depth = depthNow;
      } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depthNow -= 1;
      at += 1;
    }
  }
  return { depth, keys, numberChars };
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

/** The `e` of `true` and `false` counts as well: it never makes a run longer than a number's bound. */
function isNumberPart(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e || code === 0x2b || (code | 0x20) === 0x65;
}
