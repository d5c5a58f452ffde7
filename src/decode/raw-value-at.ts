import type { PathStep } from "../pipeline/contracts.ts";
import { CLOSE_ARRAY, CLOSE_OBJECT, closingQuote, COMMA, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from "./scan-json.ts";

interface Place {
  readonly start: number;
  /** Behind the value and the white space after it. */
  readonly end: number;
}

/** What the objects and arrays of one text hold that were read before, by where each of them opens. */
export type ObjectsRead = Map<number, Map<PathStep, Place>>;

/**
 * The value at a path as it is written in the text of a JSON object, without the white space around it; undefined when
 * a step is not there or has no object, or array, to look into. `text` must be JSON in which no object names a key twice.
 * Rarely called: only for what `JSON.parse` may have changed.
 * @param objectsRead shared by all calls for one text, however many, it keeps their work in proportion to the text
 */
export function rawValueAt(
  text: string,
  path: readonly PathStep[],
  objectsRead: ObjectsRead = new Map(),
): string | undefined {
  let place: Place = { start: skipSpace(text, 0), end: text.length };
  for (const step of path) {
    if (text.charCodeAt(place.start) !== (typeof step === "number" ? OPEN_ARRAY : OPEN_OBJECT)) return undefined;
    let parts = objectsRead.get(place.start);
    if (parts === undefined) {
      parts = typeof step === "number" ? new Map() : fieldsOf(text, place.start);
      objectsRead.set(place.start, parts);
    }
    if (typeof step === "number") readElements(text, place.start, parts, step);
    const next = parts.get(step);
    if (next === undefined) return undefined;
    place = next;
  }
  return text.slice(place.start, place.end).trimEnd();
}

/** The elements of the text of a JSON array, each as it is written. */
export function rawElementsOf(text: string): readonly string[] {
  const elements = new Map<PathStep, Place>();
  readElements(text, skipSpace(text, 0), elements, Number.POSITIVE_INFINITY);
  return [...elements.values()].map(({ start, end }) => text.slice(start, end).trimEnd());
}

/** Adds the elements up to an index, from where the last one that is known ends: an array may have very many behind it. */
function readElements(text: string, open: number, elements: Map<PathStep, Place>, index: number): void {
  let end = elements.get(elements.size - 1)?.end ?? open;
  while (elements.size <= index) {
    const isFirst = end === open;
    if (!isFirst && text.charCodeAt(end) !== COMMA) return;
    const start = skipSpace(text, end + 1);
    if (isFirst && text.charCodeAt(start) === CLOSE_ARRAY) return;
    if (start >= text.length) return;
    end = endOfValue(text, start);
    elements.set(elements.size, { start, end });
  }
}

function fieldsOf(text: string, open: number): Map<PathStep, Place> {
  const fields = new Map<PathStep, Place>();
  let at = skipSpace(text, open + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const closing = closingQuote(text, at);
    const key = text.slice(at + 1, closing);
    const start = skipSpace(text, skipSpace(text, closing + 1) + 1);
    const end = endOfValue(text, start);
    // Parsed when escaped, because "ip" and "\u0069p" are the same key.
    fields.set(key.includes("\\") ? (JSON.parse(`"${key}"`) as string) : key, { start, end });
    at = skipSpace(text, end + 1);
  }
  return fields;
}

/** Where the comma or bracket behind a value stands, or the end of the text. */
export function endOfValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    // Digits, most of what stands outside of strings, are below all brackets.
    if (code < OPEN_ARRAY && code !== COMMA && code !== QUOTE) {
      at += 1;
      continue;
    }
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

export function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}

/** RFC 8259 section 2. */
const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
