import type { ColumnType } from "../../pipeline/contracts.ts";
import { ipGroups } from "../normalize/ip-groups.ts";
import { type Commonness, isCommon } from "./common-values.ts";
import { fold } from "./fold.ts";
import { plainJson } from "./plain-json.ts";

/** What a masked value looks like where it is not masked. Raw: lives as long as the look at one record. */
export interface Spellings {
  /** Folded. The first one is the value itself, of a time its beginning; none is empty. */
  readonly texts: readonly string[];
  /** A number as it is in JSON without an exponent; empty when that is no other text, or the value no number. */
  readonly plain: string;
  /** Digits or hex without what separates their groups; empty when the value is something else. */
  readonly compact: string;
  /** So short, or so common, that it is part of other texts by chance: it is looked for as a whole value only. */
  readonly mustBeWhole: boolean;
  /** The numbers that the value may have been read as. */
  readonly numbers: readonly number[];
}

/** Printable ASCII: nearly every identifier. */
const PLAIN = /^[ -~]*$/;
/** A country, an age, a flag: shorter values equal others by chance, and would have good events refused. */
const VALUE_CHARS_MIN = 3;
/** A shorter value is part of other texts by chance: it must be the whole text. */
const PART_CHARS_MIN = 5;
const COMPACT_CHARS_MIN = 7;
/** Digits from which their separators are no longer taken for a part of the number. */
const COMPACT_DIGITS_MIN = 5;
const NUMBER = /^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;
const DIGITS = /^\d+$/;
/** No number has more characters, nor does anything that is compared by its groups. */
const NUMBER_CHARS_MAX = 128;
/** `2147.999.999`, and some zeros. */
const VERSION_CHARS_MAX = 20;
/** As decoding reads a version into an integer column. */
const VERSION = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?$/;

/**
 * @param raw the value as decoding gave it
 * @param normalized the value as it was masked
 * @param commonness by the name of its field
 * @returns null when there is nothing to look for
 */
export function spellingsOf(
  raw: string,
  normalized: string,
  type: ColumnType,
  needsNumbers: boolean,
  commonness: Commonness = "unknown",
): Spellings | null {
  const trimmed = normalized.trim();
  if (trimmed.length < VALUE_CHARS_MIN) return null;
  const value = foldPlain(trimmed);
  if (value.length < VALUE_CHARS_MIN) return null;
  const texts = [value];
  if (raw !== normalized) addUnlessContained(texts, foldPlain(raw.trim()));
  if (type === "timestamp" && !DIGITS.test(value)) addTimes(texts, value);
  if (type === "ip" && value.includes(":")) addLongForms(texts, value);
  const compact = COMPACT_TYPES.has(type) && value.length <= NUMBER_CHARS_MAX ? compactOf(value) : "";
  const isLong = compact.length >= COMPACT_CHARS_MIN;
  if (isLong) texts.push(compact);
  return {
    texts,
    plain: value.length <= NUMBER_CHARS_MAX ? plainOf(value) : "",
    compact: isLong ? compact : "",
    mustBeWhole: isShortText(trimmed) || isShortText(value) || isCommon(trimmed, commonness),
    numbers: needsNumbers && value.length <= NUMBER_CHARS_MAX ? numbersOf(value, compact) : NONE,
  };
}

export const isShortText = (text: string): boolean => text.length < PART_CHARS_MIN;

const foldPlain = (text: string): string => (PLAIN.test(text) ? text.toLowerCase() : fold(text));

function plainOf(value: string): string {
  if (!NUMBER.test(value)) return "";
  const plain = plainJson(value);
  return plain === null || plain === value ? "" : plain;
}

const COMPACT_TYPES: ReadonlySet<ColumnType> = new Set(["text", "uuid", "date", "phone", "mac"]);

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
    if (!isSeparator(code)) return "";
    compact += value.slice(groupStart, index);
    groupStart = index + 1;
  }
  return groupStart === 0 ? "" : compact + value.slice(groupStart);
}

/** What stands between groups of digits: a blank and `()+-./:`. */
export const isSeparator = (code: number): boolean =>
  code === 32 || code === 40 || code === 41 || code === 43 || (code >= 45 && code <= 47) || code === 58;
/** 0 to 9, a to f. */
const isHexDigit = (code: number): boolean => (code >= 48 && code <= 57) || (code >= 97 && code <= 102);

/** A longer spelling is found by the one that it holds. */
function addUnlessContained(texts: string[], text: string): void {
  if (text === "") return;
  const isKnown = texts.some((known) => (text.length <= NUMBER_CHARS_MAX ? text.includes(known) : text === known));
  if (!isKnown) texts.push(text);
}

/** Decoding writes six decimals; the event may have had fewer, and a blank instead of the T. The value begins with the first. */
function addTimes(texts: string[], value: string): void {
  const short = value.replace(/\.?0*z$/, "");
  texts.splice(0, 1, short, short.replace("t", " "));
}

/** An IPv6 address with all its groups (RFC 4291 section 2.2), and with all its digits. */
function addLongForms(texts: string[], address: string): void {
  const groups = ipGroups(address).map((group) => group.toString(16));
  texts.push(groups.join(":"), groups.map((group) => group.padStart(4, "0")).join(":"));
}

/** An IPv4 address within an IPv6 one (RFC 4291 section 2.5.5.2) in hex: what follows `::ffff:`, in both ways. */
export function mappedForms(address: string): readonly string[] {
  const groups = ipGroups(address)
    .slice(5)
    .map((group) => group.toString(16));
  return [groups.join(":"), groups.map((group) => group.padStart(4, "0")).join(":")];
}

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
