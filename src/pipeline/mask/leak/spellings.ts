import type { ColumnType } from "../../contracts.ts";
import { compose } from "../normalize/compose.ts";

/** What a masked value looks like where it is not masked. Raw: lives as long as the look at one record. */
export interface Spellings {
  /** Folded. The first one is the value itself; none is empty. */
  readonly texts: readonly string[];
  /** The numbers that the value may have been read as. */
  readonly numbers: readonly number[];
}

/** Printable ASCII without the two characters that JSON escapes: nearly every identifier. */
const PLAIN = /^[ !#-[\]-~]*$/;
const BEYOND_ASCII = /[\u0080-\uffff]/;
/** A country, an age, a flag: shorter values equal others by chance, and would have good events refused. */
const VALUE_CHARS_MIN = 3;
const COMPACT_CHARS_MIN = 7;
/** Digits from which their separators are no longer taken for a part of the number. */
const COMPACT_DIGITS_MIN = 5;
const NUMBER = /^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;
const DIGITS = /^\d+$/;
/** `2147.999.999`, and some zeros. */
const VERSION_CHARS_MAX = 20;
/** As decoding reads a version into an integer column. */
const VERSION = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/;

/** Brings upper and lower case, and composed and decomposed characters (UAX #15), together. */
export function fold(text: string): string {
  return compose(text).toLowerCase();
}

/** A text in which every spelling of a value is found that it holds. */
export function searchable(text: string): string {
  return BEYOND_ASCII.test(text) ? `${fold(text)}\n${text.toLowerCase()}\n${text}` : text.toLowerCase();
}

/**
 * @param raw the value as decoding gave it
 * @param normalized the value as it was masked
 * @returns null when there is nothing to look for
 */
export function spellingsOf(
  raw: string,
  normalized: string,
  type: ColumnType,
  needsNumbers: boolean,
): Spellings | null {
  const isPlain = PLAIN.test(normalized);
  const value = (isPlain ? normalized.toLowerCase() : fold(normalized)).trim();
  if (value.length < VALUE_CHARS_MIN) return null;
  const texts = [value];
  if (raw !== normalized) addUnlessContained(texts, fold(raw).trim());
  if (type === "timestamp") addTimes(texts, value);
  const compact = COMPACT_TYPES.has(type) ? compactOf(value) : "";
  if (compact.length >= COMPACT_CHARS_MIN) texts.push(compact);
  if (!isPlain || (raw !== normalized && !PLAIN.test(raw))) addUnfolded(texts, raw, normalized);
  return { texts, numbers: needsNumbers ? numbersOf(value, compact) : NONE };
}

const COMPACT_TYPES: ReadonlySet<ColumnType> = new Set(["text", "uuid", "date"]);

/**
 * Digits or hex without what separates their groups, as in phone and card numbers, UUIDs and MAC addresses; empty for every
 * other text, and for one without separators. A loop, since two regular expressions took most of the guard's time.
 */
function compactOf(value: string): string {
  let compact = "";
  let groupStart = 0;
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index);
    if (isHexDigit(code)) continue;
    if (!SEPARATORS.has(code)) return "";
    compact += value.slice(groupStart, index);
    groupStart = index + 1;
  }
  return groupStart === 0 ? "" : compact + value.slice(groupStart);
}

const SEPARATORS: ReadonlySet<number> = new Set(Array.from(" +.:()/-", (char) => char.charCodeAt(0)));
/** 0 to 9, a to f. */
const isHexDigit = (code: number): boolean => (code >= 48 && code <= 57) || (code >= 97 && code <= 102);

/** A longer spelling is found by the one that it holds. */
function addUnlessContained(texts: string[], text: string): void {
  if (text !== "" && !texts.some((known) => text.includes(known))) texts.push(text);
}

/** Decoding writes six decimals; the event may have had fewer, and a blank instead of the T. */
function addTimes(texts: string[], value: string): void {
  const short = value.replace(/\.?0*z$/, "");
  texts.push(short, short.replace("t", " "));
}

/** Lower case of a final sigma depends on its neighbours, and NFC on what follows: so as it is, too. And as JSON writes it. */
function addUnfolded(texts: string[], raw: string, normalized: string): void {
  for (const text of [raw.trim(), normalized.trim(), raw.trim().toLowerCase()]) {
    if (text !== "" && !texts.includes(text)) texts.push(text);
  }
  // Twice: a text may hold JSON within JSON.
  texts.push(...texts.flatMap((text) => (inJson(text) === text ? [] : [inJson(text), inJson(inJson(text))])));
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function numbersOf(value: string, compact: string): readonly number[] {
  const number = NUMBER.test(value) ? Number(value) : null;
  const ungrouped = compact.length >= COMPACT_DIGITS_MIN && DIGITS.test(compact) ? Number(compact) : null;
  if (number === null) return ungrouped === null ? NONE : [ungrouped];
  return ungrouped === null || ungrouped === number ? [number] : [number, ungrouped];
}

const NONE: readonly number[] = [];

/** The integer that a `version` column would hold of the text, or null. */
export function versionNumberOf(text: string): number | null {
  const match = text.length > VERSION_CHARS_MAX ? null : VERSION.exec(text);
  if (match === null) return null;
  return Number(match[1]) * 1_000_000 + Number(match[2] ?? 0) * 1_000 + Number(match[3] ?? 0);
}

/** As it stands in a URL (RFC 3986 section 2.1). */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).toLowerCase();
}
