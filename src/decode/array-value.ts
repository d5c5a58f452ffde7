import { quoteElement } from "../array-element.ts";
import type { RawValue } from "../pipeline/contracts.ts";
import { ARRAY_ELEMENTS_MAX, STRING_CHARS_MAX } from "./limits.ts";
import { rawElementsOf } from "./raw-value-at.ts";
import { REFUSED, type Refusal, type ValueReader, isRefusal } from "./refusal.ts";

/** Shorter values are not looked at: a whole array of them is no more than ten times what is written. */
const LONG_CHARS_MIN = 65;

/** How a column of arrays reads one. */
export interface ArrayReading {
  readonly element: ValueReader;
  /** Otherwise a null inside refuses the whole. */
  readonly takesNull: boolean;
}

/**
 * A JSON array of single values, as PostgreSQL writes one (`{"a","b"}`). An array inside of it is none. Numbers with exponents
 * are written out, within a bound for all of them: a few bytes would be megabytes otherwise.
 * @param written the array as the event has it; null: no number in it can differ from what was written
 */
export function readArray(
  value: unknown,
  { element, takesNull }: ArrayReading,
  written: (() => string) | null,
): RawValue | Refusal {
  if (!Array.isArray(value)) return REFUSED.type;
  const items = value as readonly unknown[];
  if (items.length > ARRAY_ELEMENTS_MAX) return REFUSED.tooLong;
  const asWritten = needsWritten(items, element, written) ? rawElementsOf(written?.() ?? "") : null;
  const elements: string[] = [];
  /** Characters that no element is written with: 1e999 is a thousand. */
  let zeros = 0;
  for (const [index, item] of items.entries()) {
    if (item === null) {
      if (!takesNull) return REFUSED.null;
      elements.push("NULL");
      continue;
    }
    const read =
      typeof item === "number" && asWritten !== null
        ? element.readNumber(item, asWritten[index] ?? "")
        : element.read(item);
    if (isRefusal(read)) return read;
    const text = String(read);
    if (text.length >= LONG_CHARS_MIN) {
      zeros += text.length - (asWritten?.[index] ?? (typeof item === "string" ? item : "")).length;
      if (zeros > STRING_CHARS_MAX) return REFUSED.tooLong;
    }
    elements.push(quoteElement(text));
  }
  return `{${elements.join(",")}}`;
}

function needsWritten(items: readonly unknown[], element: ValueReader, written: (() => string) | null): boolean {
  const seesAll = element.readsNumbersAsWritten === true || written !== null;
  return seesAll && items.some((item) => typeof item === "number");
}
