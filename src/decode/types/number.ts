import { REFUSED, type Reader } from "../refusal.ts";

/** Whether a parsed number may differ from what was written: infinite, or an integer beyond ±(2^53 − 1). */
export const mayBeRounded = (value: number): boolean =>
  !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));

/** A finite JSON number that is known to be what was written, or the double nearest to it. Negative zero becomes zero. */
export const readNumber: Reader = (value) => {
  if (typeof value !== "number") return REFUSED.type;
  return mayBeRounded(value) ? REFUSED.range : value + 0;
};

/** Any finite JSON number: the caller looks at what was written. */
export const readAnyNumber: Reader = (value) => {
  if (typeof value !== "number") return REFUSED.type;
  return Number.isFinite(value) ? value : REFUSED.range;
};
