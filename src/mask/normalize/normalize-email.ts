import { isIPv4 } from "node:net";
import { domainToASCII } from "node:url";

/** RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.2, in UTF-16 units. */
const LOCAL_CHARS_MAX = 64;
const DOMAIN_CHARS_MAX = 255;

/** One @, and before it neither white space nor what RFC 5322 section 3.2.3 allows in quotes or comments only. */
const ADDRESS = /^([^\s\p{Cc}@"(),:;<>[\\\]]+)@([^\s\p{Cc}@]+)$/u;
/** Letters, marks and digits of any script, and the four full stops of UTS #46: nothing that an URL's host gives a meaning. */
const DOMAIN = /^[\p{L}\p{M}\p{N}\-.\u3002\uff0e\uff61]+$/u;
/** Labels of RFC 5890: two or more, or one that was punycoded. */
const ASCII_DOMAIN = /^(?:xn--[a-z0-9-]+|[a-z0-9-]+(?:\.[a-z0-9-]+)+)$/;

/**
 * One form for the spellings of an email address: in lower case, the domain in ASCII (UTS #46, punycode). Plus-tags and dots
 * stay, as only the receiving server knows whether they mean something. Null for what is not recognisably an email address.
 *
 * @param text trimmed and in NFC
 */
export function normalizeEmail(text: string): string | null {
  if (text.length > LOCAL_CHARS_MAX + 1 + DOMAIN_CHARS_MAX) return null;
  const [, local, domain] = ADDRESS.exec(text) ?? [];
  if (local === undefined || domain === undefined) return null;
  if (local.length > LOCAL_CHARS_MAX || domain.length > DOMAIN_CHARS_MAX) return null;
  const ascii = asciiDomain(domain);
  // Lower case may come apart: that of U+0130 is i and a dot above, which an order of marks may have to follow.
  return ascii === null ? null : `${local.toLowerCase().normalize("NFC")}@${ascii}`;
}

function asciiDomain(domain: string): string | null {
  const lower = domain.toLowerCase();
  if (ASCII_DOMAIN.test(lower)) return lower;
  if (!DOMAIN.test(domain)) return null;
  const ascii = domainToASCII(domain);
  // It takes full-width digits for an address, and `\uff10\uff11\uff10.8.8.8` for 8.8.8.8.
  return ASCII_DOMAIN.test(ascii) && !isIPv4(ascii) ? ascii : null;
}
