import { CLOSE_ARRAY, CLOSE_OBJECT, closingQuote, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "./scan-json.ts";

const COMMA = 0x2c;

/**
 * The value at a path as it is written in the text of a JSON object, without the white space around it; undefined when
 * a step is not there or has no object to look into. `text` must be JSON in which no object names a key twice.
 * Slow and rarely called: only for what `JSON.parse` may have changed.
 */
export function rawValueAt(text: string, path: readonly string[]): string | undefined {
  let at = skipSpace(text, 0);
  for (const step of path) {
    at = text.charCodeAt(at) === OPEN_OBJECT ? valueOf(text, at, step) : -1;
    if (at === -1) return undefined;
  }
  return text.slice(at, endOfValue(text, at)).trimEnd();
}

/** Where the value of `key` starts in the object that opens at `open`, or -1. */
function valueOf(text: string, open: number, key: string): number {
  let at = skipSpace(text, open + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const end = closingQuote(text, at);
    const value = skipSpace(text, skipSpace(text, end + 1) + 1);
    if (isKey(text, at + 1, end, key)) return value;
    at = skipSpace(text, endOfValue(text, value) + 1);
  }
  return -1;
}

/** Whether the string from `start` to its closing quote at `end` is the key: "ip" and "\u0069p" are the same. */
function isKey(text: string, start: number, end: number, key: string): boolean {
  // An escape takes more characters than it stands for.
  if (end - start < key.length) return false;
  const written = text.slice(start, end);
  return written.includes("\\") ? JSON.parse(`"${written}"`) === key : written === key;
}

/** Where the comma or bracket behind a value stands, or the end of the text. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = closingQuote(text, at);
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth += 1;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (code === COMMA && depth === 0) return at;
    at += 1;
  }
  return at;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

/** RFC 8259 section 2. */
const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
