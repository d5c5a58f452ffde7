import { REFUSED, type Reader } from "../refusal.ts";

/** Whether a parsed number may differ from what was written: infinite, or an integer beyond ±(2^53 − 1). */
export const mayBeRounded = (value: number): boolean =>
  !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));

/** A finite JSON number, as the nearest IEEE 754 double. Negative zero becomes zero. */
export const readNumber: Reader = (value) => {
  if (typeof value !== "number") return REFUSED.type;
  return mayBeRounded(value) ? REFUSED.range : value + 0;
};
