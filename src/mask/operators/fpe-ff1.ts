import { FF1 } from "@noble/ciphers/ff1.js";
import { PiipeError } from "../../errors.ts";
import type { KeyedOperator, KeyUse } from "./operator.ts";

const RADIX = 10;
/** NIST SP 800-38G Rev. 1 section 5.1: a domain of 1,000,000 values or more. */
const DIGITS_MIN = 6;
const DIGITS_AND_SEPARATORS = /^[0-9 \-.()/+:]*$/;

/** FF1 of texts of decimal digits. */
export interface DigitCipher {
  readonly encrypt: (digits: string) => string;
  readonly decrypt: (digits: string) => string;
}

/** FF1 (NIST SP 800-38G) with radix 10. Borrows the key. */
export function digitCipher(key: Uint8Array, tweak: Uint8Array): DigitCipher {
  const ff1 = FF1(RADIX, key, tweak);
  return {
    encrypt: (digits) => ff1.encrypt(Array.from(digits, Number)).join(""),
    decrypt: (digits) => ff1.decrypt(Array.from(digits, Number)).join(""),
  };
}

/**
 * FF1 (NIST SP 800-38G) with AES-256 and an empty tweak, over the digits of a text: each becomes another digit, what stands
 * between them stays. Reversible with the key. Refuses texts with another number of digits than the column says, or with
 * anything else than digits, spaces and `-.()/+:`. Any text of that form is a token, as there is no room in it to prove that
 * it was made with the key.
 */
export const fpeFf1Operator: KeyedOperator = {
  name: "fpe-ff1",
  needsKey: true,
  usesNormalization: true,
  keyBytes: 32,
  tokenLetter: null,
  tokenChars: () => null,
  create(use) {
    const isOfColumn = formOf(use);
    const { encrypt } = digitCipher(use.key, NO_TWEAK);
    return (text) => (isOfColumn(text) ? withDigits(text, encrypt(digitsOf(text))) : undefined);
  },
  chain: null,
  reveal(use) {
    const isOfColumn = formOf(use);
    const { decrypt } = digitCipher(use.key, NO_TWEAK);
    return (token) => (isOfColumn(token) ? withDigits(token, decrypt(digitsOf(token))) : null);
  },
};

const NO_TWEAK = new Uint8Array(0);

function formOf({ column }: KeyUse): (text: string) => boolean {
  const digits = column.digits ?? 0;
  if (digits < DIGITS_MIN) {
    throw new PiipeError(
      "config.invalid",
      `column ${column.name} has the mask fpe-ff1 for values of ${digits} digits, a domain below the 1,000,000 values that NIST SP 800-38G asks for`,
      { hint: `Use fpe-ff1 for values of ${DIGITS_MIN} digits or more, and hmac-sha256 for shorter ones.` },
    );
  }
  return (text) => DIGITS_AND_SEPARATORS.test(text) && digitsOf(text).length === digits;
}

const digitsOf = (text: string): string => text.replaceAll(/[^0-9]/g, "");

function withDigits(text: string, digits: string): string {
  let next = 0;
  return text.replaceAll(/[0-9]/g, () => digits.charAt(next++));
}
