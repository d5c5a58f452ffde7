import { checkText } from "../check-text.ts";
import { STRING_CHARS_MAX } from "../limits.ts";
import { REFUSED, type Reader, type Refusal } from "../refusal.ts";
import { mayBeRounded } from "./number.ts";

/**
 * Any JSON value, written anew by `JSON.stringify`. Refused is what would not come out as it went in: U+0000, which
 * `jsonb` cannot hold, lone surrogates, infinities and integers beyond ±(2^53 − 1), in keys as in values.
 */
export const readJson: Reader = (value) => checkJson(value, mayBeRounded) ?? JSON.stringify(value);

/** The same of what is stored as it was written: only what no double comes near is refused of the numbers. */
export const checkWrittenJson = (value: unknown): Refusal | null => checkJson(value, isInfinite);

const isInfinite = (value: number): boolean => !Number.isFinite(value);

/** Recursion is safe: the depth was bounded before parsing. */
function checkJson(value: unknown, isRefused: (value: number) => boolean): Refusal | null {
  if (typeof value === "string") return checkText(value, STRING_CHARS_MAX);
  if (typeof value === "number") return isRefused(value) ? REFUSED.range : null;
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) {
    for (const item of value as readonly unknown[]) {
      const refusal = checkJson(item, isRefused);
      if (refusal !== null) return refusal;
    }
    return null;
  }
  for (const key of Object.keys(value)) {
    const item = (value as Readonly<Record<string, unknown>>)[key];
    const refusal = checkText(key, STRING_CHARS_MAX) ?? checkJson(item, isRefused);
    if (refusal !== null) return refusal;
  }
  return null;
}
