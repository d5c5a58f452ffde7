import type { ColumnType } from "../../pipeline/contracts.ts";
import { foldUnits, type Units, writeUnits } from "./fold.ts";
import { isHexDigit, isSeparator } from "./spellings.ts";
import { hasBackslash, hasPercentEscape, unescapeJson, unescapePercent } from "./unescape.ts";

/** A column that is stored as it is. */
export interface Place {
  readonly index: number;
  readonly type: ColumnType;
  readonly from: string;
}

export interface PlacedText {
  readonly place: Place;
  readonly text: string;
}

/** Texts of several columns, folded, each behind a zero: no text that can be stored holds one. */
export interface View extends Units {
  /** Where the zeros are. */
  readonly starts: readonly number[];
  readonly places: readonly Place[];
}

const TEXT_START = 0;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** Escapes within escapes are followed so far: JSON in a text of JSON. */
const LEVELS_MAX = 2;

/**
 * The texts as they are; as JSON's escapes, if there are any, make them, and once more; and as a URL's escapes do. In each of
 * them a value must be looked for, as what an escape stands for may be a part of it, or the escape itself.
 */
export function* viewsOf(texts: readonly PlacedText[]): Generator<View> {
  const places = texts.map(({ place }) => place);
  let units = joined(texts);
  yield viewOf(foldUnits(units), places);
  for (let level = 0; level < LEVELS_MAX && hasBackslash(units); level += 1) {
    const unescaped = unescapeJson(units);
    // No backslash was one of an escape.
    if (unescaped.length === units.length) break;
    units = unescaped;
    yield viewOf(foldUnits(units), places);
  }
  if (hasPercentEscape(units)) yield viewOf(foldUnits(unescapePercent(units)), places);
}

function joined(texts: readonly PlacedText[]): Units {
  let room = 0;
  for (const { text } of texts) room += text.length + 1;
  const codes = new Uint16Array(room);
  let length = 0;
  for (const { place, text } of texts) {
    codes[length++] = TEXT_START;
    length = place.type === "json" ? writeJson(text, codes, length) : writeUnits(text.trim(), codes, length);
  }
  return { codes, length };
}

/** Without the white space between the parts of JSON. */
function writeJson(text: string, codes: Uint16Array, start: number): number {
  let end = start;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isInString = !isInString;
    else if (code <= SPACE && !isInString) continue;
    codes[end++] = code;
    if (code === BACKSLASH && isInString && at + 1 < text.length) codes[end++] = text.charCodeAt(++at);
  }
  return end;
}

/** The column whose text has the character. */
export function placeAt({ starts, places }: View, at: number): Place {
  let index = starts.length - 1;
  while (index > 0 && (starts[index] ?? 0) > at) index -= 1;
  const place = places[index];
  if (place === undefined) throw new RangeError("no text holds the character");
  return place;
}

function viewOf({ codes, length }: Units, places: readonly Place[]): View {
  const starts: number[] = [];
  for (let at = codes.indexOf(TEXT_START); at !== -1 && at < length; at = codes.indexOf(TEXT_START, at + 1)) {
    starts.push(at);
  }
  return { codes, length, starts, places };
}

const CLASSES = 0x80;
const OTHER = 0;
const DIGIT = 1;
const SEPARATOR = 2;
const START = 3;
const CLASS_OF = Uint8Array.from({ length: CLASSES }, (_, code) =>
  code === TEXT_START ? START : isHexDigit(code) ? DIGIT : isSeparator(code) ? SEPARATOR : OTHER,
);

/** Digits without what separates their groups; anything else is a gap. */
export function compactView({ codes, length, places }: View): View {
  const out = new Uint16Array(length);
  let end = 0;
  let isGap = false;
  for (let at = 0; at < length; at += 1) {
    const code = codes[at] ?? 0;
    const kind = code < CLASSES ? CLASS_OF[code] : OTHER;
    if (kind === SEPARATOR || (kind === OTHER && isGap)) continue;
    out[end++] = kind === OTHER ? GAP : code;
    isGap = kind === OTHER;
  }
  return viewOf({ codes: out, length: end }, places);
}

const GAP = 0xffff;
