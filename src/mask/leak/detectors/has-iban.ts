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
const CANDIDATE = /(?<![a-z\d])[a-z]{2}\d\d ?[a-z\d]{4}/gi;
const SPACE = 32;
/** No digit and no letter. */
const OTHER = -1;

export function hasIban(text: string): boolean {
  CANDIDATE.lastIndex = 0;
  while (CANDIDATE.test(text)) {
    // Of its length of eight or nine, a space may be one.
    const end = CANDIDATE.lastIndex;
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
      remainder = (remainder * factor + value) % 97;
    }
    taken += 1;
  }
  return valueOf(text.charCodeAt(at)) === OTHER && (remainder * headFactor + head) % 97 === 1;
}

function valueOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = (code | 32) - 97;
  return letter >= 0 && letter < 26 ? letter + 10 : OTHER;
}
