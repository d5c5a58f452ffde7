import type { Units } from "./fold.ts";

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const LETTER_U = 0x75;
const REPLACEMENT = 0xfffd;
const ASCII_END = 0x80;

/** RFC 8259 section 7, but for `\u`: what each letter stands for behind a backslash. 0: it is no escape. */
const ESCAPED = new Uint8Array(ASCII_END);
for (const [letter, char] of Object.entries({
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
})) {
  ESCAPED[letter.charCodeAt(0)] = char.charCodeAt(0);
}

/** What each digit of a hexadecimal number is worth. */
const HEX = new Int8Array(ASCII_END).fill(-1);
for (const [value, digit] of Array.from("0123456789abcdef").entries()) {
  HEX[digit.charCodeAt(0)] = value;
  HEX[digit.toUpperCase().charCodeAt(0)] = value;
}

export const hasBackslash = ({ codes, length }: Units): boolean => codes.subarray(0, length).includes(BACKSLASH);

/** What the escapes of JSON's strings stand for, once; what is no escape stays as it is. */
export function unescapeJson({ codes, length }: Units): Units {
  const out = new Uint16Array(length);
  let end = 0;
  let at = 0;
  while (at < length) {
    const code = codes[at] ?? 0;
    at += 1;
    if (code !== BACKSLASH) {
      out[end++] = code;
      continue;
    }
    const next = codes[at] ?? 0;
    const unit = next === LETTER_U ? hexOf(codes, at + 1, 4) : -1;
    const escaped = next < ASCII_END ? (ESCAPED[next] ?? 0) : 0;
    if (unit !== -1) {
      // A zero ends a text.
      out[end++] = unit === 0 ? REPLACEMENT : unit;
      at += 5;
    } else if (escaped !== 0) {
      out[end++] = escaped;
      at += 1;
    } else {
      out[end++] = code;
    }
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
    const digit = code < ASCII_END ? (HEX[code] ?? -1) : -1;
    if (digit === -1) return -1;
    value = value * 16 + digit;
  }
  return value;
}
