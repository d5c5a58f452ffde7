import { REFUSED, type Reader } from "../refusal.ts";

/**
 * A JSON number without a fraction (`5`, `5.0`, `5e3`), between `min` and `max`. Beyond ±(2^53 − 1) `JSON.parse` may
 * already have changed it: refused, whatever the column could hold. Negative zero becomes zero.
 */
export function integerReader(min: number | null, max: number | null): Reader {
  const lowest = Math.max(min ?? Number.MIN_SAFE_INTEGER, Number.MIN_SAFE_INTEGER);
  const highest = Math.min(max ?? Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  return (value) => {
    if (typeof value !== "number") return REFUSED.type;
    if (value < lowest || value > highest) return REFUSED.range;
    if (!Number.isInteger(value)) return REFUSED.type;
    return value + 0;
  };
}
