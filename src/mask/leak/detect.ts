import type { DetectorName } from "../../pipeline/contracts.ts";
import {
  hasCard,
  hasEmail,
  hasFormattedPhone,
  hasIban,
  hasInternationalPhone,
  hasIpv4,
  hasIpv6,
  hasJwt,
  hasMac,
  hasUsSsn,
} from "./detectors.ts";

/** The shortest is `a@b.cd`. */
const CHARS_MIN = 6;
const IBAN_CHARS_MIN = 15;
const JWT_CHARS_MIN = 13;

const SPACE = 32;
const BRACKET = 40;
const CLOSING_BRACKET = 41;
const PLUS = 43;
const DASH = 45;
const DOT = 46;
const SLASH = 47;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const AT = 64;

/**
 * What kind of personal data the text holds, by its form alone; null: none that is known. One pass counts the characters
 * that the forms are made of, and only those that the text has enough of are looked for. Linear in the length of the text.
 */
export function detect(text: string): DetectorName | null {
  const { length } = text;
  if (length < CHARS_MIN) return null;
  let digits = 0;
  /** Digits with nothing between them but what groups the digits of a number. */
  let grouped = 0;
  let groupedMax = 0;
  let dots = 0;
  let colons = 0;
  let dashes = 0;
  let pluses = 0;
  let ats = 0;
  let brackets = 0;
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > AT) {
      grouped = 0;
    } else if (code >= ZERO && code <= NINE) {
      digits += 1;
      grouped += 1;
      if (grouped > groupedMax) groupedMax = grouped;
    } else if (code === DOT) dots += 1;
    else if (code === DASH) dashes += 1;
    else if (code === BRACKET) brackets += 1;
    else if (code === PLUS) pluses += 1;
    else if (code !== SPACE && code !== SLASH && code !== CLOSING_BRACKET) {
      grouped = 0;
      if (code === COLON) colons += 1;
      else if (code === AT) ats += 1;
    }
  }
  if (ats > 0 && dots > 0 && hasEmail(text)) return "email";
  if (dots > 2 && groupedMax > 3 && hasIpv4(text)) return "ipv4";
  if (colons > 1 && hasIpv6(text)) return "ipv6";
  if (pluses > 0 && groupedMax > 7 && hasInternationalPhone(text)) return "phone";
  if (groupedMax > 9 && (brackets > 0 || dashes > 1 || dots > 1) && hasFormattedPhone(text)) return "phone";
  if (groupedMax > 12 && hasCard(text)) return "card";
  if (digits > 1 && length >= IBAN_CHARS_MIN && hasIban(text)) return "iban";
  if (groupedMax > 8 && dashes > 1 && hasUsSsn(text)) return "us-ssn";
  if (dots > 1 && length >= JWT_CHARS_MIN && hasJwt(text)) return "jwt";
  if ((colons > 4 || dashes > 4 || dots > 1) && hasMac(text)) return "mac";
  return null;
}
