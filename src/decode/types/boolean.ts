import { REFUSED, type Reader } from "../refusal.ts";

/** `true` or `false`; neither 0 and 1 nor their texts. */
export const readBoolean: Reader = (value) => (typeof value === "boolean" ? value : REFUSED.type);
