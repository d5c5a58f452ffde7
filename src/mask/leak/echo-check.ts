import type { Column, ColumnType, GivenText, RawRow, Rejection } from "../../pipeline/contracts.ts";
import { isOfQueue } from "../../pipeline/value-places.ts";
import { type Commonness, commonnessOf } from "./common-values.ts";
import { NeedleSearch } from "./needle-search.ts";
import { isSeparator, isShortText, mappedForms, spellingsOf } from "./spellings.ts";
import { type Place, type PlacedText, placeAt, type View, viewsOf } from "./views.ts";
import { isOfNumber, WholeValues, type WholeValue } from "./whole-values.ts";

/**
 * Finds a column that would store the value of a masked one, of whichever row: the rejection names its `from`, and the masked
 * one in its detail. Null: there is none.
 */
export type EchoCheck = (rows: readonly GuardedRow[]) => Rejection | null;

/** A row, and what is masked of it. */
export interface GuardedRow {
  /** Of json columns with what is masked inside taken out. */
  readonly row: RawRow;
  /** The normalised text of each masked value, null for the others. */
  readonly hidden: readonly (string | null)[];
  /** What was masked inside json columns. Left out: nothing. */
  readonly inner?: readonly HiddenValue[];
}

/** A value that was masked inside a json column. */
export interface HiddenValue {
  /** What masks it. */
  readonly source: HiddenSource;
  /** As decoding gave it. */
  readonly text: string;
  /** As it was masked. */
  readonly normalized: string;
}

/** What is to be known of the mask: made once for each. */
export interface HiddenSource {
  /** The masked column's, or that of the inner mask. */
  readonly name: string;
  readonly type: ColumnType;
  readonly commonness: Commonness;
  /** Whether its values are looked for: not with `echo: allow`, nor true and false. */
  readonly isSought: boolean;
}

export const hiddenSourceOf = ({ name, from, type, echo = "refuse" }: Column): HiddenSource => ({
  name,
  type,
  commonness: commonnessOf(name, from),
  isSought: echo !== "allow" && type !== "boolean",
});

/** So few digits are part of longer numbers by chance, such as a time in milliseconds: they must be the whole number. */
const SHORT_NUMBER = /^\d{1,6}$/;
/** Seconds since 1970 are part of all milliseconds of the same second: another time. */
const EPOCH = /^\d+$/;
const TIMES: ReadonlySet<ColumnType> = new Set(["timestamp", "date"]);
/**
 * Comparisons at what was found, for each character of the texts: what repeats a long value's beginning without end is
 * refused rather than compared, as that would take the square of its length.
 */
const COMPARISONS_PER_CHAR_MAX = 8;
const COMPARISONS_MIN = 4_096;
/** The engine's own search, the fastest one, compares no more characters than this when all goes ill. */
const PRODUCT_MAX = 32_768;

/** What JSON, a URL or another script may write in another way. */
const OTHER_SPELLINGS = /[\\%\u0080-\uffff]/;

/** What times have; JSON has a quote before its own colons. */
const TIME = /\d:\d/;
/** What every IPv6 address has, and the last groups of one that holds an IPv4 address; no time has as many groups. */
const IPV6 = /::|ffff:|(?:[\da-f]:[\da-f]{0,4}){6}/;

const FEW = 32;

/** A value that must not appear. */
interface Sought extends WholeValue {
  readonly name: string;
}

interface Needle {
  readonly text: string;
  readonly sought: Sought;
  readonly mustBeWhole: boolean;
  readonly isWholeNumber: boolean;
  /** Elsewhere a number is as it is written: `2.10` is no 2.1. */
  readonly onlyInJson: boolean;
}

/**
 * Columns of what the queue itself makes are not looked at, ids and times, nor are constants. Nor are true and false, which
 * equal each other by chance and tell nobody apart. JSON is given with its numbers in digits.
 *
 * Nearly always nothing is found: whether anything may be there is asked of all texts at once, in the cheapest way.
 */
export function compileEchoCheck(tables: readonly (readonly Column[])[]): EchoCheck {
  const compiled = tables.map(soughtAndOpen);
  const hides = compiled.some(({ masked, hasInner }) => masked.length > 0 || hasInner);
  if (!hides || compiled.every(({ open }) => open.length === 0)) return () => null;

  return (rows) => {
    let texts = "";
    let hasNumbers = false;
    for (const { row } of rows) {
      for (const { index } of compiled[row.table]?.open ?? NO_PLACES) {
        const value = row.values[index];
        if (typeof value === "string") texts += `${value}\n`;
        else if (typeof value === "number") hasNumbers = true;
      }
    }
    const sought: Sought[] = [];
    let chars = 0;
    /** By what hides them: the parent of many elements is in the row of each. null: there is one row. */
    const known = rows.length === 1 ? null : new Set<string>();
    for (const { row, hidden, inner } of rows) {
      const { masked, sources } = compiled[row.table] ?? NOTHING;
      const { values, given = NONE_GIVEN } = row;
      for (const source of masked) {
        const raw = values[source.index];
        const normalized = hidden[source.index];
        if (raw === undefined || raw === null || typeof normalized !== "string") continue;
        if (isNew(known, source, String(raw), normalized))
          chars += addSought(sought, source, String(raw), normalized, hasNumbers);
      }
      for (const { column, text } of given) {
        const source = sources[column];
        if (source?.isSought === true && isNew(known, source, text, text))
          chars += addSought(sought, source, text, text, hasNumbers);
      }
      if (inner !== undefined) {
        for (const { source, text, normalized } of inner) {
          if (source.isSought && isNew(known, source, text, normalized))
            chars += addSought(sought, source, text, normalized, hasNumbers);
        }
      }
    }
    if (sought.length === 0) return null;
    // Nearly always so few that maps would take longer.
    const whole = sought.length > FEW ? new WholeValues(sought) : null;
    if (hasNumbers) {
      for (const { row } of rows) {
        for (const place of compiled[row.table]?.open ?? NO_PLACES) {
          const value = row.values[place.index];
          if (typeof value !== "number") continue;
          const same =
            whole === null
              ? sought.find((each) => isOfNumber(each, place.type, value))
              : whole.ofNumber(place.type, value);
          if (same !== undefined) return echo(place, same);
        }
      }
    }
    if (chars * texts.length <= PRODUCT_MAX && !mayHold(texts, sought)) return null;
    const given = rows.flatMap(({ row }) =>
      (compiled[row.table]?.open ?? NO_PLACES).flatMap((place) => {
        const text = row.values[place.index];
        return typeof text === "string" ? [{ place, text }] : [];
      }),
    );
    return searchAll(given, sought, whole ?? new WholeValues(sought));
  };
}

/** What of one table's rows is looked for, and where. */
interface SoughtAndOpen {
  readonly masked: readonly (HiddenSource & { readonly index: number })[];
  readonly sources: readonly HiddenSource[];
  readonly hasInner: boolean;
  readonly open: readonly Place[];
}

const NO_PLACES: readonly Place[] = [];
const NOTHING: SoughtAndOpen = { masked: [], sources: [], hasInner: false, open: NO_PLACES };

function soughtAndOpen(columns: readonly Column[]): SoughtAndOpen {
  const places = columns.flatMap(({ type, from, echo: own = "refuse" }, index): Place[] =>
    own === "allow" ? [] : [{ index, type, from }],
  );
  return {
    masked: columns
      .flatMap((column, index) => (column.mask === null ? [] : [{ index, ...hiddenSourceOf(column) }]))
      .filter(({ isSought }) => isSought),
    sources: columns.map(hiddenSourceOf),
    hasInner: columns.some(({ masks = [] }) => masks.some((inner) => hiddenSourceOf(inner).isSought)),
    open: places.filter(({ index }) => {
      const column = columns[index];
      return column?.mask === null && !isOfQueue(column.origin) && column.type !== "boolean";
    }),
  };
}

const NONE_GIVEN: readonly GivenText[] = [];

/** Notes what is looked for, where there are several rows. */
function isNew(known: Set<string> | null, { name, type }: HiddenSource, raw: string, normalized: string): boolean {
  if (known === null) return true;
  const before = known.size;
  return known.add(JSON.stringify([name, type, raw, normalized])).size > before;
}

/** Gives the characters to be looked for. */
function addSought(
  sought: Sought[],
  { name, type, commonness }: HiddenSource,
  raw: string,
  normalized: string,
  hasNumbers: boolean,
): number {
  const spellings = spellingsOf(raw, normalized, type, hasNumbers, commonness);
  if (spellings === null) return 0;
  const { texts, plain, compact, mustBeWhole, numbers } = spellings;
  // Not spread, which takes a tenth of the guard's time.
  sought.push({ name, type, raw, normalized, texts, plain, compact, mustBeWhole, numbers });
  let chars = plain.length;
  for (const text of texts) chars += text.length;
  return chars;
}

const echo = ({ from }: Place, { name }: Sought): Rejection => ({
  code: "leak.echo",
  path: from,
  detail: `the value of ${name}`,
});

/** Whether a close look could find anything. */
function mayHold(texts: string, sought: readonly Sought[]): boolean {
  if (OTHER_SPELLINGS.test(texts)) return true;
  const searched = texts.toLowerCase();
  for (const { type, texts: spellings, plain, compact } of sought) {
    for (const spelling of spellings) if (searched.includes(spelling)) return true;
    if (plain !== "" && searched.includes(plain)) return true;
    if (type === "ip" && IPV6.test(searched)) return true;
    if (type === "timestamp" && TIME.test(searched)) return true;
    if (compact !== "" && holdsGrouped(searched, compact)) return true;
  }
  return false;
}

/** Whether the digits follow one another in a short text, whatever separates them. */
function holdsGrouped(text: string, digits: string): boolean {
  const first = digits.charCodeAt(0);
  for (let start = 0; start < text.length; start += 1) {
    if (text.charCodeAt(start) !== first) continue;
    let found = 1;
    for (let at = start + 1; at < text.length && found < digits.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === digits.charCodeAt(found)) found += 1;
      else if (!isSeparator(code)) break;
    }
    if (found === digits.length) return true;
  }
  return false;
}

function searchAll(
  given: readonly PlacedText[],
  sought: readonly Sought[],
  whole: WholeValues<Sought>,
): Rejection | null {
  for (const { place, text } of given) {
    const same = whole.ofText(place.type, text);
    if (same !== undefined) return echo(place, same);
  }
  // Where several are found at once, the first is told of: one for all texts goes before one for JSON alone.
  const needles = withoutRepeats([...sought.flatMap(needlesOf), ...sought.flatMap(plainNeedleOf)]);
  const search = new NeedleSearch(needles.map(({ text }) => text));
  const grouped = sought.filter(({ compact }) => compact !== "");
  const groupedSearch =
    grouped.length === 0
      ? null
      : new NeedleSearch(
          grouped.map(({ compact }) => compact),
          isSeparator,
        );
  let last: View | null = null;
  for (const view of viewsOf(given)) {
    const found = searchIn(view, search, needles);
    if (found !== null) return found;
    last = view;
  }
  return last === null || groupedSearch === null ? null : searchGrouped(last, groupedSearch, grouped);
}

function searchGrouped(view: View, search: NeedleSearch, grouped: readonly Sought[]): Rejection | null {
  let found: Rejection | null = null;
  search.search(view.codes, view.length, (index, end) => {
    const sought = grouped[index];
    if (sought === undefined) return true;
    found = echo(placeAt(view, end - 1), sought);
    return false;
  });
  return found;
}

function needlesOf(sought: Sought): readonly Needle[] {
  const isMappable = sought.type === "ip" && !sought.normalized.includes(":");
  const texts = isMappable ? [...sought.texts, ...mappedForms(sought.normalized)] : sought.texts;
  return texts.filter((text) => text !== "").map((text) => needleOf(text, sought, sought.mustBeWhole));
}

const plainNeedleOf = (sought: Sought): readonly Needle[] =>
  sought.plain === ""
    ? []
    : [{ ...needleOf(sought.plain, sought, sought.mustBeWhole || isShortText(sought.plain)), onlyInJson: true }];

const needleOf = (text: string, sought: Sought, mustBeWhole: boolean): Needle => ({
  text,
  sought,
  mustBeWhole,
  isWholeNumber: SHORT_NUMBER.test(text) || (TIMES.has(sought.type) && EPOCH.test(text)),
  onlyInJson: false,
});

/** Of needles that are found in the same places the first. */
function withoutRepeats(needles: readonly Needle[]): readonly Needle[] {
  /** By text: a bit for each way in which it is looked for. */
  const seen = new Map<string, number>();
  return needles.filter(({ text, sought, mustBeWhole, isWholeNumber, onlyInJson }) => {
    const isTime = sought.type === "timestamp";
    const way = 1 << ((mustBeWhole ? 1 : 0) + (isWholeNumber ? 2 : 0) + (onlyInJson ? 4 : 0) + (isTime ? 8 : 0));
    const ways = seen.get(text) ?? 0;
    seen.set(text, ways | way);
    return (ways & way) === 0;
  });
}

function searchIn(view: View, search: NeedleSearch, needles: readonly Needle[]): Rejection | null {
  const { codes, length } = view;
  let comparisonsLeft = COMPARISONS_MIN + COMPARISONS_PER_CHAR_MAX * length;
  let found: Rejection | null = null;
  const isComplete = search.search(codes, length, (index, foundEnd, searchedChars) => {
    comparisonsLeft -= 1;
    const needle = needles[index];
    if (needle === undefined || comparisonsLeft < 0) return comparisonsLeft >= 0;
    const { text, sought } = needle;
    let end = foundEnd;
    const start = foundEnd - searchedChars;
    while (end - start < text.length && codes[end] === text.charCodeAt(end - start) && comparisonsLeft > 0) {
      end += 1;
      comparisonsLeft -= 1;
    }
    if (end - start < text.length) return comparisonsLeft > 0;
    const at = placeAt(view, start);
    if (needle.onlyInJson && at.type !== "json") return true;
    // Times of one second are different values, though the text of one may hold the other's beginning.
    if (sought.type === "timestamp" && at.type === "timestamp") return true;
    if (needle.isWholeNumber && (isDigit(codes[start - 1]) || isDigit(codes[end]))) return true;
    if (needle.mustBeWhole && !isWhole(view, start, end)) return true;
    found = echo(at, sought);
    return false;
  });
  if (found !== null) return found;
  return isComplete ? null : { code: "body.too-costly", path: null };
}

const isDigit = (code: number | undefined): boolean => code !== undefined && code >= 48 && code <= 57;

const QUOTE = 0x22;
const TEXT_END = 0;

/** Whether what was found is a column's whole text, or in JSON a string, a key or a number. */
function isWhole({ codes }: View, start: number, end: number): boolean {
  const before = codes[start - 1] ?? TEXT_END;
  const after = codes[end] ?? TEXT_END;
  if (before === QUOTE && after === QUOTE) return true;
  return isStructure(before, START_OF_VALUE) && isStructure(after, END_OF_VALUE);
}

const START_OF_VALUE = "[{,:";
const END_OF_VALUE = "]},:";

const isStructure = (code: number, structure: string): boolean =>
  code === TEXT_END || structure.includes(String.fromCharCode(code));
