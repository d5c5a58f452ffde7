/**
 * One spelling of characters for comparing texts: without case, width, accents and order of marks. Each character is folded
 * for itself, whatever stands around it, so what a text holds is also held by its folded form.
 */

/** Code units of a text, or of several. Raw: lives as long as the look at one record. */
export interface Units {
  readonly codes: Uint16Array;
  readonly length: number;
}

interface FoldTable {
  /** Of each code unit beyond ASCII: its form, when that is one unit, or what to look for in `forms`. */
  readonly codes: Uint16Array;
  /** Of each code point: the number of its form in `forms`; 0: it has none there. A map takes several times as long. */
  readonly formAt: Uint16Array;
  /** Of each form: how many units it has, and as many as it may have. Texts take twice as long. */
  readonly forms: Uint16Array;
}

const ASCII_END = 0x80;
/** Its own table: most texts need no other. */
const ASCII_FORMS = Uint16Array.from({ length: ASCII_END }, (_, code) => (code >= 65 && code <= 90 ? code + 32 : code));
const CODES = 0x1_0000;
const POINTS = 0x3_0000;
const HIGH_SURROGATE = 0xd800;
const LOW_SURROGATE = 0xdc00;
const SURROGATES_END = 0xe000;
/** A mark that may change places with others (UAX #15): nothing is left of it. U+FFFF and U+FFFE are no characters. */
const DROPPED = 0xffff;
const SEVERAL = 0xfffe;
/** Longer ones are no spellings, but words in one character: a text must not grow. */
const FOLDED_UNITS_MAX = 3;
const FORM_ROOM = 1 + FOLDED_UNITS_MAX;

const HANGUL = 0xac00;
const HANGUL_END = 0xd7a4;
/**
 * First and last of the code points that have another form, in coarse blocks, but for ASCII's and Hangul's. What a version
 * of Unicode adds elsewhere is compared as it is.
 */
const RANGES = [
  [0x80, 0x33ff],
  [0xa640, 0xabff],
  [0xf900, 0xffff],
  [0x1_0400, 0x1_1fff],
  [0x1_6d00, 0x1_6fff],
  [0x1_d100, 0x1_d7ff],
  [0x1_e000, 0x1_eeff],
  [0x1_f100, 0x1_f2ff],
  [0x2_f800, 0x2_fa1f],
] as const;

const LINE_END = 0x0a;
const MARKS = /\p{M}/gu;
/** The last mark of all orders: what goes before it has an order. */
const LAST_MARK = "\u0345";

let table: FoldTable | null = null;

/** Made once, when the first text comes that is not all ASCII: in some 20 ms, which most starts need not spend. */
const foldTable = (): FoldTable => (table ??= newTable());

function newTable(): FoldTable {
  const codes = new Uint16Array(CODES);
  for (let code = 0; code < CODES; code += 1) codes[code] = code;
  for (let code = HIGH_SURROGATE; code < LOW_SURROGATE; code += 1) codes[code] = SEVERAL;
  const formAt = new Uint16Array(POINTS);
  const forms = [""];
  const set = (point: number, form: string): void => {
    if (point >= CODES || form.length > 1) formAt[point] = forms.push(form) - 1;
    if (point < CODES) codes[point] = form === "" ? DROPPED : form.length > 1 ? SEVERAL : form.charCodeAt(0);
  };

  // In one text for all: a string for each of them takes twenty times as long.
  const lines = linesOf(RANGES);
  const ordered = new Set(lines.match(MARKS)?.filter(hasOrder));
  const decomposed = lines.normalize("NFKD").toLowerCase();
  const { codes: units } = unitsOf(decomposed);
  let start = 0;
  for (const [first, last] of RANGES) {
    for (let point = first; point <= last; point += 1) {
      const length = point < CODES ? 1 : 2;
      if (units[start + length] === LINE_END && pointAt(units, start, length) === point) {
        start += length + 1;
        continue;
      }
      const lineEnd = decomposed.indexOf("\n", start);
      const form = Array.from(decomposed.slice(start, lineEnd), (part) => (ordered.has(part) ? "" : part)).join("");
      if (form.length <= FOLDED_UNITS_MAX) set(point, form);
      start = lineEnd + 1;
    }
  }
  for (const mark of ordered) set(mark.codePointAt(0) ?? 0, "");
  // Which of the two small letters a sigma has depends on what stands around it.
  set(0x3c2, "\u03c3");
  return { codes, formAt, forms: Uint16Array.from(forms.flatMap(roomFor)) };
}

const roomFor = (form: string): number[] => [
  form.length,
  ...Array.from({ length: FOLDED_UNITS_MAX }, (_, unit) => form.charCodeAt(unit) || 0),
];

const pointAt = (units: Uint16Array, at: number, length: number): number =>
  length === 1 ? (units[at] ?? 0) : pairOf(units[at] ?? 0, units[at + 1] ?? 0);

const pairOf = (high: number, low: number): number => (high - HIGH_SURROGATE) * 1_024 + (low - LOW_SURROGATE) + CODES;

/** Every code point, each followed by a line's end. */
function linesOf(ranges: ReadonlyArray<readonly [first: number, last: number]>): string {
  const units = new Uint16Array(ranges.reduce((sum, [first, last]) => sum + 3 * (last - first + 1), 0));
  let length = 0;
  for (const [first, last] of ranges) {
    for (let point = first; point <= last; point += 1) {
      if (point < CODES) {
        units[length++] = point;
      } else {
        units[length++] = HIGH_SURROGATE + ((point - CODES) >> 10);
        units[length++] = LOW_SURROGATE + ((point - CODES) & 0x3ff);
      }
      units[length++] = LINE_END;
    }
  }
  return textOf({ codes: units, length });
}

const hasOrder = (mark: string): boolean =>
  mark === LAST_MARK || (LAST_MARK + mark).normalize("NFD") !== LAST_MARK + mark.normalize("NFD");

export function unitsOf(text: string): Units {
  const codes = new Uint16Array(text.length);
  writeUnits(text, codes, 0);
  return { codes, length: text.length };
}

/** Writes the text from there on. @returns where it ends */
export function writeUnits(text: string, codes: Uint16Array, start: number): number {
  if (text.length > LOOPED_UNITS_MAX) {
    Buffer.from(codes.buffer, codes.byteOffset).write(text, start * codes.BYTES_PER_ELEMENT, "utf16le");
  } else {
    for (let at = 0; at < text.length; at += 1) codes[start + at] = text.charCodeAt(at);
  }
  return start + text.length;
}

/** A longer text is copied faster by Node. */
const LOOPED_UNITS_MAX = 64;

export const textOf = ({ codes, length }: Units): string =>
  Buffer.from(codes.buffer, codes.byteOffset, length * codes.BYTES_PER_ELEMENT).toString("utf16le");

/** The folded form of a text. */
export const fold = (text: string): string => textOf(foldUnits(unitsOf(text)));

/** A zero, which may part texts, stays one. */
export function foldUnits({ codes, length }: Units): Units {
  const out = new Uint16Array(length + ROOM_MIN);
  for (let at = 0; at < length; at += 1) {
    const code = codes[at] ?? 0;
    if (code >= ASCII_END) return foldAny(codes, length);
    out[at] = ASCII_FORMS[code] ?? code;
  }
  return { codes: out, length };
}

/** The same, from the beginning, of a text with more than ASCII. */
function foldAny(codes: Uint16Array, length: number): Units {
  const { codes: folds, formAt, forms } = foldTable();
  let out = new Uint16Array(length + ROOM_MIN);
  let end = 0;
  for (let at = 0; at < length; at += 1) {
    const code = codes[at] ?? 0;
    if (code < ASCII_END) {
      out[end++] = ASCII_FORMS[code] ?? code;
      continue;
    }
    // There is always room for what is left as it is, and for one form.
    if (end + FOLDED_UNITS_MAX + length - at > out.length) out = enlarged(out);
    if (code >= HANGUL && code < HANGUL_END) {
      // The Unicode Standard, section 3.12: the letters of a syllable, two or three.
      const index = code - HANGUL;
      out[end++] = 0x1100 + Math.floor(index / 588);
      out[end++] = 0x1161 + Math.floor((index % 588) / 28);
      if (index % 28 > 0) out[end++] = 0x11a7 + (index % 28);
      continue;
    }
    const form = folds[code] ?? code;
    if (form < SEVERAL) {
      out[end++] = form;
    } else if (form === SEVERAL) {
      const low = code >= HIGH_SURROGATE && code < LOW_SURROGATE ? (codes[at + 1] ?? 0) : 0;
      const isPair = low >= LOW_SURROGATE && low < SURROGATES_END;
      const index = formAt[isPair ? pairOf(code, low) : code] ?? 0;
      if (index === 0) {
        out[end++] = code;
        continue;
      }
      const first = index * FORM_ROOM;
      const last = first + (forms[first] ?? 0);
      for (let unit = first; unit < last;) out[end++] = forms[++unit] ?? 0;
      if (isPair) at += 1;
    }
  }
  return { codes: out, length: end };
}

const ROOM_MIN = 16;

function enlarged(codes: Uint16Array): Uint16Array<ArrayBuffer> {
  const larger = new Uint16Array(codes.length * 2);
  larger.set(codes);
  return larger;
}
