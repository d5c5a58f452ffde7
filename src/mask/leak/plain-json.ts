import { textOf } from "./fold.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const PLUS = 0x2b;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
/** Set in `E` and `e` alike. */
const SMALL_E = 0x65;

/** Zeros that a number may get: no number of a person ends, or begins, with more. */
const ZEROS_MAX = 40;
/** Few bytes may stand for many digits: together they may not be more than the largest body has. */
const CHARS_MAX = 1_048_576;
/** A number with an exponent, or with a zero at the end of its decimals: in few JSON texts, and the others are as they are. */
const HAS_OTHER_NUMBER = /[eE](?<=(?:^|[[:,\s])-?\d+(?:\.\d+)?[eE])|0(?!\d)(?<=(?:^|[[:,\s])-?\d+\.\d*0)/;

/**
 * A JSON text with each number in digits: PostgreSQL's `jsonb` stores `4.1e3` as 4100. Zeros behind the last decimal are
 * left out, which `jsonb` keeps, so that a value is looked for without them. White space between the parts may be. Linear in
 * the length of the text, which need not be whole. null: it would have more characters than any event may have.
 */
export function plainJson(json: string): string | null {
  if (!HAS_OTHER_NUMBER.test(json)) return json;
  const { length } = json;
  const charsMax = Math.max(length, CHARS_MAX);
  let out = new Uint16Array(length + 64);
  let end = 0;
  let at = 0;
  while (at < length) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      do {
        const unit = json.charCodeAt(at);
        out[end++] = unit;
        if (unit === BACKSLASH && at + 1 < length) out[end++] = json.charCodeAt(++at);
        at += 1;
      } while (at < length && json.charCodeAt(at) !== QUOTE);
      if (at < length) out[end++] = QUOTE;
      at += 1;
    } else if (isDigit(code)) {
      if (end + (length - at) + ZEROS_MAX + 2 > out.length) out = enlarged(out);
      const number = readNumber(json, at);
      end = writeNumber(json, number, out, end);
      at = number.end;
      if (end > charsMax) return null;
    } else {
      if (code > SPACE) out[end++] = code;
      at += 1;
    }
  }
  return textOf({ codes: out, length: end });
}

/** Where the parts of a number stand: one without a point has it at its end. */
interface NumberParts {
  readonly start: number;
  readonly point: number;
  readonly mantissaEnd: number;
  readonly exponent: number;
  readonly end: number;
}

function readNumber(json: string, start: number): NumberParts {
  let at = start;
  while (isDigit(json.charCodeAt(at))) at += 1;
  const point = at;
  if (json.charCodeAt(at) === POINT) {
    at += 1;
    while (isDigit(json.charCodeAt(at))) at += 1;
  }
  const mantissaEnd = at;
  if ((json.charCodeAt(at) | 0x20) !== SMALL_E) return { start, point, mantissaEnd, exponent: 0, end: at };
  at += 1;
  const sign = json.charCodeAt(at);
  if (sign === MINUS || sign === PLUS) at += 1;
  let exponent = 0;
  // Beyond the length of any text, the number is too long to be written out, however long it is.
  for (; isDigit(json.charCodeAt(at)); at += 1) exponent = Math.min(exponent * 10 + json.charCodeAt(at) - ZERO, 1e9);
  return { start, point, mantissaEnd, exponent: sign === MINUS ? -exponent : exponent, end: at };
}

function writeNumber(json: string, number: NumberParts, out: Uint16Array, outEnd: number): number {
  const { start, point, mantissaEnd, exponent, end } = number;
  const isPlain = mantissaEnd === end && (point === end || json.charCodeAt(end - 1) !== ZERO);
  if (isPlain) return copy(json, start, end, out, outEnd);
  let first = start;
  while (first < mantissaEnd && isZeroOrPoint(json.charCodeAt(first))) first += 1;
  if (first === mantissaEnd) {
    out[outEnd] = ZERO;
    return outEnd + 1;
  }
  let last = mantissaEnd;
  while (isZeroOrPoint(json.charCodeAt(last - 1))) last -= 1;
  /** Digits before the point of the plain number; negative: zeros behind it. */
  const whole = point - first + (first > point ? 1 : 0) + exponent;
  const digits = last - first - (first < point && point < last ? 1 : 0);
  if (whole - digits > ZEROS_MAX || whole < -ZEROS_MAX) return copy(json, start, end, out, outEnd);
  let to = outEnd;
  if (whole <= 0) {
    out[to++] = ZERO;
    out[to++] = POINT;
    for (let zeros = whole; zeros < 0; zeros += 1) out[to++] = ZERO;
  }
  let left = whole;
  for (let at = first; at < last; at += 1) {
    if (at === point) continue;
    if (left === 0 && whole > 0) out[to++] = POINT;
    out[to++] = json.charCodeAt(at);
    left -= 1;
  }
  for (; left > 0; left -= 1) out[to++] = ZERO;
  return to;
}

function copy(json: string, start: number, end: number, out: Uint16Array, outEnd: number): number {
  for (let at = start; at < end; at += 1) out[outEnd + at - start] = json.charCodeAt(at);
  return outEnd + end - start;
}

function enlarged(codes: Uint16Array): Uint16Array<ArrayBuffer> {
  const larger = new Uint16Array(codes.length * 2);
  larger.set(codes);
  return larger;
}

const isDigit = (code: number): boolean => code >= ZERO && code <= 0x39;
const isZeroOrPoint = (code: number): boolean => code === ZERO || code === POINT;
