import type { ColumnType } from "../../pipeline/contracts.ts";
import { foldUnits, type Units, writeUnits } from "./fold.ts";
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
    if (place.type !== "json") length = writeUnits(text.trim(), codes, length);
    else length = withoutSpace(codes, length, writeUnits(text, codes, length));
  }
  return { codes, length };
}

/** Takes the white space between the parts of JSON out. @returns where it ends now */
function withoutSpace(codes: Uint16Array, start: number, textEnd: number): number {
  let end = start;
  let at = start;
  while (at < textEnd) {
    let code = codes[at++] ?? 0;
    if (code > SPACE) codes[end++] = code;
    if (code !== QUOTE) continue;
    while (at < textEnd) {
      code = codes[at++] ?? 0;
      codes[end++] = code;
      if (code === QUOTE) break;
      if (code === BACKSLASH && at < textEnd) codes[end++] = codes[at++] ?? 0;
    }
  }
  return end;
}

/** The column whose text has the character. */
export function placeAt({ starts, places }: View, at: number): Place {
  // Thousands of rows have as many texts: the half in which it is, and the half of that.
  let index = 0;
  let end = starts.length;
  while (end - index > 1) {
    const middle = (index + end) >> 1;
    if ((starts[middle] ?? 0) <= at) index = middle;
    else end = middle;
  }
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
