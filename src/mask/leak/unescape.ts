import type { Units } from "./fold.ts";

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const LETTER_U = 0x75;
const REPLACEMENT = 0xfffd;
/** RFC 8259 section 7, but for `\u`. */
const ESCAPED: ReadonlyMap<number, number> = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }).map(
    ([letter, char]) => [letter.charCodeAt(0), char.charCodeAt(0)] as const,
  ),
);

export const hasBackslash = ({ codes, length }: Units): boolean => codes.subarray(0, length).includes(BACKSLASH);

/** What the escapes of JSON's strings stand for, once; what is no escape stays as it is. */
export function unescapeJson({ codes, length }: Units): Units {
  const out = new Uint16Array(length);
  let end = 0;
  let at = 0;
  while (at < length) {
    const code = codes[at] ?? 0;
    const next = code === BACKSLASH ? (codes[at + 1] ?? 0) : 0;
    const unit = next === LETTER_U ? hexOf(codes, at + 2, 4) : -1;
    if (next === LETTER_U && unit !== -1) {
      // A zero ends a text.
      out[end++] = unit === 0 ? REPLACEMENT : unit;
      at += 6;
      continue;
    }
    const escaped = next === 0 ? undefined : ESCAPED.get(next);
    out[end++] = escaped ?? code;
    at += escaped === undefined ? 1 : 2;
  }
  return { codes: out, length: end };
}

export function hasPercentEscape({ codes, length }: Units): boolean {
  for (let at = codes.indexOf(PERCENT); at !== -1 && at < length; at = codes.indexOf(PERCENT, at + 1)) {
    if (hexOf(codes, at + 1, 2) !== -1) return true;
  }
  return false;
}

/** What stands in a URL (RFC 3986 section 2.1), in UTF-8; what is neither stays as it is. */
export function unescapePercent({ codes, length }: Units): Units {
  const out = new Uint16Array(length);
  let end = 0;
  let at = 0;
  while (at < length) {
    const code = codes[at] ?? 0;
    const byte = code === PERCENT ? hexOf(codes, at + 1, 2) : -1;
    if (byte === -1) {
      out[end++] = code;
      at += 1;
      continue;
    }
    const trail = byte < 0xc2 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : byte < 0xf5 ? 3 : 0;
    let point = trail === 0 ? byte : byte & (0x3f >> trail);
    at += 3;
    for (let left = trail; left > 0; left -= 1) {
      const next = codes[at] === PERCENT ? hexOf(codes, at + 1, 2) : -1;
      if (next < 0x80 || next > 0xbf) break;
      point = (point << 6) | (next & 0x3f);
      at += 3;
    }
    if (point > 0xffff) {
      out[end++] = 0xd800 + ((point - 0x1_0000) >> 10);
      out[end++] = 0xdc00 + ((point - 0x1_0000) & 0x3ff);
    } else {
      out[end++] = point === 0 ? REPLACEMENT : point;
    }
  }
  return { codes: out, length: end };
}

/** -1: those are no hex digits. */
function hexOf(codes: Uint16Array, start: number, digits: number): number {
  let value = 0;
  for (let at = start; at < start + digits; at += 1) {
    const code = codes[at] ?? 0;
    const digit =
      code >= 48 && code <= 57 ? code - 48 : (code | 32) >= 97 && (code | 32) <= 102 ? (code | 32) - 87 : -1;
    if (digit === -1) return -1;
    value = value * 16 + digit;
  }
  return value;
}
