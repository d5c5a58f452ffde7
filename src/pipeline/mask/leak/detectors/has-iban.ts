import { matches } from "./matches.ts";

/** Characters of each country's IBAN, by the registry that ISO 13616-1 refers to (SWIFT, release 98). */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 " +
    "FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
    "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 " +
    "RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))] as const),
);

/** The country, the check digits and the first of the groups of four in which people write it. */
const CANDIDATE = /(?<![a-z\d])([a-z]{2})\d\d ?[a-z\d]{4}/gi;
const ALPHANUMERIC = /[a-z\d]/i;

export function hasIban(text: string): boolean {
  for (const match of matches(CANDIDATE, text)) {
    const length = LENGTHS.get((match[1] ?? "").toUpperCase());
    if (length === undefined) continue;
    const iban = take(text, match.index, length);
    if (iban !== null && remainderOf(iban) === 1) return true;
  }
  return false;
}

/** The given number of characters, over single spaces; null when there are fewer, or the last is within a word. */
function take(text: string, start: number, length: number): string | null {
  let taken = "";
  let index = start;
  while (taken.length < length) {
    const char = text.charAt(index);
    if (ALPHANUMERIC.test(char)) taken += char;
    else if (char !== " " || text[index - 1] === " ") return null;
    index += 1;
  }
  return ALPHANUMERIC.test(text.charAt(index)) ? null : taken;
}

/** ISO/IEC 7064 MOD 97-10: the first four characters go to the end, letters count from 10 (A) to 35 (Z). */
function remainderOf(iban: string): number {
  let remainder = 0;
  for (const char of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(char, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder;
}
