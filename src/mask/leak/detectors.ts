import { isIPv6 } from "node:net";

const AT = 64;
const DOT = 46;
const DASH = 45;
const LABEL_CHARS_MAX = 63;
const LOCAL_CHARS_MAX = 64;
const DOMAIN_CHARS_MAX = 253;

/** RFC 5322 section 3.2.3, and letters beyond ASCII (RFC 6532). A table: an expression for each character takes ten times as long. */
const LOCAL_CHARS = Uint8Array.from({ length: 0x80 }, (_, code) =>
  /[\w.!#$%&'*+/=?^`{|}~-]/.test(String.fromCharCode(code)) ? 1 : 0,
);
const isLocalChar = (code: number): boolean => code >= 0x80 || LOCAL_CHARS[code] === 1;
/** `logo@2x.png`: an image for screens of twice the density. */
const DENSITY_CHARS_MAX = 16;
const DENSITY = /^[1-9]x\.(?:png|jpe?g|gif|webp|avif|svg|heic)/i;

/**
 * Whether the text holds an email address. It goes from each `@` to both sides, and never over another: the work is bounded
 * by the length of the text.
 */
export function hasEmail(text: string): boolean {
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", at + 1)) {
    if (hasLocalPart(text, at) && hasDomain(text, at + 1)) return true;
  }
  return false;
}

function hasLocalPart(text: string, at: number): boolean {
  let start = at;
  while (start > 0 && at - start <= LOCAL_CHARS_MAX && isLocalChar(text.charCodeAt(start - 1))) start -= 1;
  return start < at && at - start <= LOCAL_CHARS_MAX && text[at - 1] !== ".";
}

/**
 * A domain with a dot, whose last label has no digit: `react@18.2.0` names a version. By hand: most of what follows an `@` is
 * none, and an expression takes ten times as long to say so.
 */
function hasDomain(text: string, start: number): boolean {
  const end = Math.min(text.length, start + DOMAIN_CHARS_MAX + 1);
  let label = start;
  for (let at = start; at <= end; at += 1) {
    const code = at === end ? AT : text.charCodeAt(at);
    if (isLabelChar(code)) continue;
    if (label > start && isTopLevel(text, label, at))
      return !DENSITY.test(text.slice(start, start + DENSITY_CHARS_MAX));
    if (code !== DOT || !isLabel(text, label, at)) return false;
    label = at + 1;
  }
  return false;
}

function isLabel(text: string, start: number, end: number): boolean {
  const isOfLength = end > start && end - start <= LABEL_CHARS_MAX;
  return isOfLength && text.charCodeAt(start) !== DASH && text.charCodeAt(end - 1) !== DASH;
}

/** Letters, or letters of another script in ASCII (RFC 3492). */
function isTopLevel(text: string, start: number, end: number): boolean {
  if (end - start < 2 || end - start > LABEL_CHARS_MAX) return false;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x41) return PUNYCODE.test(text.slice(start, end));
  }
  return true;
}

const PUNYCODE = /^xn--[a-z\d-]{2,59}$/i;

const isLabelChar = (code: number): boolean =>
  code >= 0x80 || (code >= 48 && code <= 57) || ((code | 32) >= 97 && (code | 32) <= 122) || code === DASH;

/**
 * Four parts of a host's address: not of 0.0.0.0/8, of the machine itself (127.0.0.0/8), nor of multicast and above, as the
 * first part of many versions is 0. Neither within a longer row of numbers (an object identifier has more parts), nor of a
 * product token such as `Chrome/120.0.0.0` (RFC 9110 section 10.1.5).
 */
const IPV4 =
  /(?<![\w.]|\d-|[\w)]\/)(?:[1-9]\d?|1[013-9]\d|12[0-689]|2[01]\d|22[0-3])(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}(?!\w|\.\d|-[a-z])/i;

/**
 * What may be an address of a host: global (2000::/3), unique local, link-local, mapped (`::ffff:192.0.2.1`) or NAT64.
 * Whether it is one, `isIPv6` says; the beginning sets times, MAC addresses and `std::array` aside.
 */
const IPV6_CANDIDATE =
  /(?<![\w:.])(?:[23][\da-f]{3}:|f[cd][\da-f]{2}:|fe[89ab][\da-f]:|::ffff:|64:ff9b:)[\da-f:.]{1,40}(?![\w:])/gi;

/** Seven colons, or six before an IPv4 address. */
const ALL_GROUPS = /^(?:[^:]*:){6,7}[^:]*$/;

export const hasIpv4 = (text: string): boolean => IPV4.test(text);

export function hasIpv6(text: string): boolean {
  IPV6_CANDIDATE.lastIndex = 0;
  for (let match = IPV6_CANDIDATE.exec(text); match !== null; match = IPV6_CANDIDATE.exec(text)) {
    const [candidate] = match;
    // Cheaper than the question, which is asked of what has all groups, or may leave some out.
    if (!candidate.includes("::") && !ALL_GROUPS.test(candidate)) continue;
    // The end of a sentence is none of the address.
    if (isIPv6(candidate.endsWith(".") ? candidate.slice(0, -1) : candidate)) return true;
  }
  return false;
}

/** ITU-T E.164: a plus sign, a country code and up to 15 digits altogether, grouped as people do. */
const INTERNATIONAL = /(?<![\w+/=.])\+(?:[ .()/-]{0,2}[1-9])(?:[ .()/-]{0,2}\d){7,14}(?!\w|\.\d)/;
/**
 * The North American plan, where area and exchange begin with 2 to 9: only with brackets or with one kind of separator, as
 * ten digits alone are any number.
 */
const NORTH_AMERICAN =
  /(?<![\w.+-])(?:1[-. ])?(?:\([2-9]\d\d\) ?[2-9]\d\d[-. ]|[2-9]\d\d([-.])[2-9]\d\d\1)\d{4}(?!\w|[.-]\d)/;

export const hasInternationalPhone = (text: string): boolean => INTERNATIONAL.test(text);

export const hasFormattedPhone = (text: string): boolean => NORTH_AMERICAN.test(text);

/** ISO/IEC 7812-1: in one piece, in groups of four, or as American Express and Diners Club group theirs. */
const CARD_CANDIDATE =
  /(?<![\w.]|\d[ -])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})(?!\w|[.-]\d)/g;

/** What the number of an issuer's network begins with, from and to, and the digits that it may have. */
const NETWORKS: ReadonlyArray<readonly [first: number, last: number, ...lengths: number[]]> = [
  // Visa
  [4, 4, 13, 16, 19],
  // Mastercard
  [51, 55, 16],
  [2221, 2720, 16],
  // American Express
  [34, 34, 15],
  [37, 37, 15],
  // Discover
  [6011, 6011, 16, 17, 18, 19],
  [644, 649, 16, 17, 18, 19],
  [65, 65, 16, 17, 18, 19],
  // Diners Club
  [300, 305, 14, 16, 17, 18, 19],
  [3095, 3095, 14, 16, 17, 18, 19],
  [36, 36, 14, 16, 17, 18, 19],
  [38, 39, 14, 16, 17, 18, 19],
  // JCB
  [3528, 3589, 16, 17, 18, 19],
  // UnionPay
  [62, 62, 16, 17, 18, 19],
  // Mir
  [2200, 2204, 16, 17, 18, 19],
  // Maestro
  ...([5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763] as const).map(
    (prefix) => [prefix, prefix, 13, 14, 15, 16, 17, 18, 19] as const,
  ),
];

const PREFIX_DIGITS = 4;

/** Whether a number of so many digits that begins with these four may be a card: looked up, as a search takes longer. */
const IS_OF_NETWORK = networkTable();

function networkTable(): Uint8Array {
  const table = new Uint8Array(10 ** PREFIX_DIGITS * 20);
  for (const [first, last, ...lengths] of NETWORKS) {
    const span = 10 ** (PREFIX_DIGITS - String(first).length);
    for (let prefix = first * span; prefix < (last + 1) * span; prefix += 1) {
      for (const length of lengths) table[prefix * 20 + length] = 1;
    }
  }
  return table;
}

export function hasCard(text: string): boolean {
  CARD_CANDIDATE.lastIndex = 0;
  for (let match = CARD_CANDIDATE.exec(text); match !== null; match = CARD_CANDIDATE.exec(text)) {
    if (isCard(match[0])) return true;
  }
  return false;
}

/** ISO/IEC 7812-1 annex B: from the right, every second digit counts double, and a double of two digits their sum. */
function isCard(candidate: string): boolean {
  let sum = 0;
  let digits = 0;
  let prefix = 0;
  for (let index = candidate.length - 1; index >= 0; index -= 1) {
    const digit = candidate.charCodeAt(index) - 48;
    if (digit < 0 || digit > 9) continue;
    sum += digits % 2 === 1 ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
    digits += 1;
  }
  if (sum % 10 !== 0) return false;
  for (let index = 0; index < PREFIX_DIGITS; index += 1) prefix = prefix * 10 + candidate.charCodeAt(index) - 48;
  return IS_OF_NETWORK[prefix * 20 + digits] === 1;
}

/** Characters of each country's IBAN, by the registry that ISO 13616-1 refers to (SWIFT, release 98). */
const LENGTHS = lengthsOf(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 " +
    "FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
    "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 " +
    "RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  ).split(" "),
);

/** By the two letters as one number: 0 where there is no such country. */
function lengthsOf(entries: readonly string[]): Uint8Array {
  const lengths = new Uint8Array(36 * 36);
  for (const entry of entries) lengths[Number.parseInt(entry.slice(0, 2), 36)] = Number(entry.slice(2));
  return lengths;
}

/** The country, the check digits and the first of the groups of four in which people write it. */
const IBAN_CANDIDATE = /(?<![a-z\d])[a-z]{2}\d\d ?[a-z\d]{4}/gi;
const SPACE = 32;
/** No digit and no letter. */
const OTHER = -1;
/** A hundred times as much is a small integer to the engine. */
const SMALL = 10_000_000;

export function hasIban(text: string): boolean {
  IBAN_CANDIDATE.lastIndex = 0;
  while (IBAN_CANDIDATE.test(text)) {
    // Of its length of eight or nine, a space may be one.
    const end = IBAN_CANDIDATE.lastIndex;
    const start = text.charCodeAt(end - 5) === SPACE ? end - 9 : end - 8;
    const length = LENGTHS[valueOf(text.charCodeAt(start)) * 36 + valueOf(text.charCodeAt(start + 1))] ?? 0;
    if (length > 0 && isValidAt(text, start, length)) return true;
  }
  return false;
}

/**
 * ISO/IEC 7064 MOD 97-10 over so many characters and single spaces between them, which must not end within a word: the first
 * four go to the end, letters count from 10 (A) to 35 (Z). In one pass, without a text for each candidate.
 */
function isValidAt(text: string, start: number, length: number): boolean {
  let remainder = 0;
  /** Of the first four, and what they are multiplied with when they stand at the end. */
  let head = 0;
  let headFactor = 1;
  let at = start;
  for (let taken = 0; taken < length; at += 1) {
    const code = text.charCodeAt(at);
    const value = valueOf(code);
    if (value === OTHER) {
      if (code !== SPACE || text.charCodeAt(at - 1) === SPACE) return false;
      continue;
    }
    const factor = value > 9 ? 100 : 10;
    if (taken < 4) {
      head = head * factor + value;
      headFactor *= factor;
    } else {
      remainder = remainder * factor + value;
      // A division takes longer than all else.
      if (remainder > SMALL) remainder %= 97;
    }
    taken += 1;
  }
  return valueOf(text.charCodeAt(at)) === OTHER && ((remainder % 97) * headFactor + head) % 97 === 1;
}

function valueOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = (code | 32) - 97;
  return letter >= 0 && letter < 26 ? letter + 10 : OTHER;
}

/** ddd-dd-dddd. The Social Security Administration gives no area 000, 666 or 9xx, no group 00 and no serial 0000. */
const US_SSN = /(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?!\w|[.-]\d|-\w)/;

export const hasUsSsn = (text: string): boolean => US_SSN.test(text);

/** RFC 7519 in the compact form of RFC 7515 section 7.1. The first character of the header is a brace, with or without space after it. */
const JWT_CANDIDATE = /(?<![\w-])(e[wy][\w-]{8,})\.[\w-]+\.[\w-]*/g;

/** `"alg"` in base64, wherever it begins within three bytes: decoding each of many candidates would be dear. */
const ALG = /ImFsZy[I-L]|[CSiy]JhbGci|iYWxnI[g-v]/;

export function hasJwt(text: string): boolean {
  JWT_CANDIDATE.lastIndex = 0;
  for (let match = JWT_CANDIDATE.exec(text); match !== null; match = JWT_CANDIDATE.exec(text)) {
    if (ALG.test(match[1] ?? "")) return true;
  }
  return false;
}

/**
 * EUI-48 (IEEE 802): six pairs with one kind of separator, or three groups of four with dots. One letter at least, as six
 * pairs of digits are also a date and a time: that misses one address in 280. Not the broadcast address.
 */
const MAC =
  /[\da-f]{2}(?<![\w:.-]..)(?:([:-])[\da-f]{2}(?:\1[\da-f]{2}){4}|[\da-f]{2}\.[\da-f]{4}\.[\da-f]{4})(?![\w:-]|\.\w)(?<=[a-f][\d:.-]{0,16})(?<!(?:ff[:-]){5}ff)/i;

export const hasMac = (text: string): boolean => MAC.test(text);
