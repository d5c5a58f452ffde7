import { checkText } from "../check-text.ts";
import { REFUSED, type Reader } from "../refusal.ts";

/** A JSON string, as it is. Numbers and booleans are not taken for text: that would hide a producer's mistake. */
export const textReader =
  (charsMax: number): Reader =>
  (value) => {
    if (typeof value !== "string") return REFUSED.type;
    return checkText(value, charsMax) ?? value;
  };
