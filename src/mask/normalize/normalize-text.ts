import { compose } from "./compose.ts";
import { normalizeEmail } from "./normalize-email.ts";

/** RFC 9562 section 4. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** EUI-48: six pairs with one kind of separator, or Cisco's three groups of four. */
const MAC = /^(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})$/;
/** Twelve digits or more (a MAC without separators, an Android id, a digest) in capitals throughout. */
const CAPITAL_HEX = /^[0-9A-F]{12,}$/;

/**
 * One form for the spellings of an identifier: without white space around it, in NFC (UAX #15), and in lower case when it
 * is recognisably a UUID, a MAC address, hex or an email address. Everything else keeps its case, because base64 and base62
 * identifiers that differ in case only are different.
 *
 * Hex without separators is recognisable when it has 12 digits or more, all letters being capitals: a shorter one may be
 * a word or a code, and one of mixed case is more likely base64 or base62.
 */
export function normalizeText(text: string): string {
  const composed = compose(text.trim());
  const email = composed.includes("@") ? normalizeEmail(composed) : null;
  if (email !== null) return email;
  const lower = composed.toLowerCase();
  if (lower === composed) return composed;
  return UUID.test(lower) || MAC.test(lower) || CAPITAL_HEX.test(composed) ? lower : composed;
}

/** Whether an identifier is of a kind whose spellings have one form: not a phone number, and not what has spaces inside. */
export function hasOneForm(text: string): boolean {
  const normalized = normalizeText(text);
  const isEmail = normalized.includes("@") && normalizeEmail(normalized) !== null;
  return isEmail || UUID.test(normalized) || MAC.test(normalized);
}
