import type { Column, ColumnType, RawRecord, ValueOrigin } from "../../contracts.ts";
import { normalizeIp } from "../normalize/normalize-ip.ts";
import { fold, percentEncoded, searchable, type Spellings, spellingsOf, versionNumberOf } from "./spellings.ts";

/**
 * Finds a column that would store the value of a masked one: its `from`, or null. `hidden` holds the normalised text of each
 * masked value, null for the others.
 */
export type EchoCheck = (record: RawRecord, hidden: readonly (string | null)[]) => string | null;

/** A shorter value is part of other texts by chance: it must be the whole text. */
const PART_CHARS_MIN = 5;
/** So few digits are part of longer numbers by chance, such as a time in milliseconds: they must be the whole number. */
const SHORT_NUMBER = /^\d{1,6}$/;
/** A longer text is no single address or time, but may hold one. */
const ONE_VALUE_CHARS_MAX = 64;

interface Place {
  readonly index: number;
  readonly type: ColumnType;
  readonly from: string;
}

/** A value that must not appear. */
interface Sought extends Spellings {
  readonly type: ColumnType;
  readonly normalized: string;
}

/**
 * Columns of what the queue itself makes are not looked at: ids and times. Nor are true and false, which equal each other by
 * chance and tell nobody apart.
 *
 * Masked values are searched in all texts at once, as they are nearly never found; only then is it asked which column has
 * one.
 */
export function compileEchoCheck(columns: readonly Column[]): EchoCheck {
  const places = columns.map(({ type, from }, index): Place => ({ index, type, from }));
  const masked = places.filter(({ index }) => columns[index]?.mask !== null);
  const open = places.filter(({ index }) => {
    const column = columns[index];
    return column?.mask === null && !isOfQueue(column.origin) && column.type !== "boolean";
  });
  if (masked.length === 0 || open.length === 0) return () => null;

  return ({ values }, hidden) => {
    let texts = "";
    let hasNumbers = false;
    for (const { index } of open) {
      const value = values[index];
      if (typeof value === "string") texts += `${value}\n`;
      else if (typeof value === "number") hasNumbers = true;
    }
    const searched = searchable(texts);
    for (const { index, type } of masked) {
      const raw = values[index];
      const normalized = hidden[index];
      if (raw === undefined || raw === null || typeof raw === "boolean" || typeof normalized !== "string") continue;
      const spellings = spellingsOf(String(raw), normalized, type, hasNumbers);
      if (spellings === null) continue;
      const sought = { type, normalized, texts: spellings.texts, numbers: spellings.numbers };
      const mayBeInText = mayHold(searched, sought);
      if (!mayBeInText && !hasNumbers) continue;
      for (const place of open) {
        const value = values[place.index];
        if (typeof value === "number" && isNumberEcho(place, value, sought)) return place.from;
        if (mayBeInText && typeof value === "string" && isTextEcho(place, value, sought)) return place.from;
      }
    }
    return null;
  };
}

/** The group's id is the producer's. */
const isOfQueue = (origin: ValueOrigin): boolean => origin.kind === "metadata" && origin.name !== "group_id";

/** Whether one of the texts may be an echo; `searched` holds all of them. */
function mayHold(searched: string, { type, texts }: Sought): boolean {
  for (const text of texts) if (text.length < PART_CHARS_MIN || holdsPart(searched, text)) return true;
  return (type === "ip" || type === "timestamp") && searched.includes(":");
}

const isNumberEcho = ({ type }: Place, value: number, { numbers, texts }: Sought): boolean =>
  numbers.includes(value) || (type === "version" && versionNumberOf(texts[0] ?? "") === value);

function isTextEcho(place: Place, value: string, { type, normalized, texts }: Sought): boolean {
  // Times of one second are different values, though the text of one may hold the other's beginning.
  if (type === "timestamp" && place.type === "timestamp") return value === normalized;
  const searched = searchable(value);
  for (const text of texts) {
    if (text.length < PART_CHARS_MIN ? isShortEcho(place, value, text) : holdsPart(searched, text)) return true;
  }
  return isOtherSpelling(value, type, normalized);
}

const holdsPart = (searched: string, text: string): boolean =>
  SHORT_NUMBER.test(text)
    ? holdsNumber(searched, text)
    : searched.includes(text) || (searched.includes("%") && searched.includes(percentEncoded(text)));

/** Whether digits stand for themselves, after another character or one that is escaped in a URL or in JSON. */
const holdsNumber = (searched: string, digits: string): boolean =>
  searched.includes(digits) && new RegExp(`(?:^|\\D|%[\\da-f]{2}|\\\\u[\\da-f]{4})${digits}(?!\\d)`).test(searched);

const isShortEcho = ({ type }: Place, value: string, text: string): boolean =>
  fold(value).trim() === text || (type === "json" && hasLeaf(fold(value), text));

/** Whether a JSON text has the short text as a string, a key or a number. */
function hasLeaf(json: string, text: string): boolean {
  if (json.includes(`"${text}"`)) return true;
  for (let start = json.indexOf(text); start >= 0; start = json.indexOf(text, start + 1)) {
    if (!IN_TOKEN.test(json.charAt(start - 1)) && !IN_TOKEN.test(json.charAt(start + text.length))) return true;
  }
  return false;
}

/** What a number goes on with: anything but JSON's structure. */
const IN_TOKEN = /[^[\]{},:]/;

/** Types of which one value has spellings that have little in common. */
function isOtherSpelling(value: string, type: ColumnType, normalized: string): boolean {
  if (value.length > ONE_VALUE_CHARS_MAX) return false;
  if (type === "ip") return IPV6_CHARS.test(value) && normalizeIp(value.trim()) === normalized;
  if (type === "timestamp") return DATE_TIME.test(value) && Date.parse(value.trim()) === Date.parse(normalized);
  return false;
}

const IPV6_CHARS = /^\s*[\da-f:.]+\s*$/i;
const DATE_TIME = /^\s*\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/;
