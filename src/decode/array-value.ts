import type { RawValue } from "../pipeline/contracts.ts";
import { ARRAY_ELEMENTS_MAX } from "./limits.ts";
import { rawElementsOf } from "./raw-value-at.ts";
import { REFUSED, type Refusal, type ValueReader, isRefusal } from "./refusal.ts";

/** How a column of arrays reads one. */
export interface ArrayReading {
  readonly element: ValueReader;
  /** Otherwise a null inside refuses the whole. */
  readonly takesNull: boolean;
}

/**
 * A JSON array of single values, as PostgreSQL writes one (`{"a","b"}`). An array inside of it is none.
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
    elements.push(quoted(String(read)));
  }
  return `{${elements.join(",")}}`;
}

function needsWritten(items: readonly unknown[], element: ValueReader, written: (() => string) | null): boolean {
  const seesAll = element.readsNumbersAsWritten === true || written !== null;
  return seesAll && items.some((item) => typeof item === "number");
}

/** PostgreSQL, "Arrays", section "Array Input and Output Syntax". */
const quoted = (text: string): string => `"${SPECIAL.test(text) ? text.replaceAll(EVERY_SPECIAL, "\\$&") : text}"`;

const SPECIAL = /["\\]/;
const EVERY_SPECIAL = /["\\]/g;
