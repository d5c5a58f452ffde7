import { STRING_CHARS_MAX } from "./limits.ts";
import { REFUSED, type Refusal } from "./refusal.ts";

/**
 * Whether PostgreSQL can hold the text: no U+0000, no lone surrogate (neither has a place in its UTF-8), and not more
 * than `charsMax` code points, as `varchar(n)` counts. Null when it can.
 */
export function checkText(text: string, charsMax: number): Refusal | null {
  if (text.includes("\0")) return REFUSED.nulCharacter;
  if (!text.isWellFormed()) return REFUSED.loneSurrogate;
  return isLongerThan(text, charsMax) ? REFUSED.tooLong : null;
}

/** `charsMax` of a column, never above the bound on any text. */
export const textCharsMax = (columnCharsMax: number | null): number =>
  columnCharsMax === null ? STRING_CHARS_MAX : Math.min(columnCharsMax, STRING_CHARS_MAX);

/** Whether a well-formed text has more code points than `charsMax`. */
export function isLongerThan(text: string, charsMax: number): boolean {
  if (text.length <= charsMax) return false;
  if (text.length > charsMax * 2) return true;
  let chars = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const isLowSurrogate = code >= 0xdc00 && code <= 0xdfff;
    if (!isLowSurrogate) chars += 1;
  }
  return chars > charsMax;
}
