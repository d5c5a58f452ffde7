import { REFUSED, type Reader } from "../refusal.ts";
import { toUtcText } from "./zoned-time.ts";

/** A date-time with a zone offset, normalised to UTC. A number is refused: seconds and milliseconds look alike. */
export const readTimestamp: Reader = (value) => (typeof value === "string" ? toUtcText(value) : REFUSED.type);
