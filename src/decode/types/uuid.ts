import { REFUSED, type Reader } from "../refusal.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A UUID of any version in the text form of RFC 9562 section 4, in lower case. */
export const readUuid: Reader = (value) => {
  if (typeof value !== "string") return REFUSED.type;
  return UUID.test(value) ? value.toLowerCase() : REFUSED.format;
};
