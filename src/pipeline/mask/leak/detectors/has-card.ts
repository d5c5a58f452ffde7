import { matches } from "./matches.ts";

/** ISO/IEC 7812-1: in one piece, in groups of four, or as American Express and Diners Club group theirs. */
const CANDIDATE =
  /(?<![\w.]|\d[ -])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})(?!\w|[.-]\d)/g;

/** What the number of an issuer's network begins with, and the digits that it has. */
const NETWORKS: ReadonlyArray<readonly [prefix: RegExp, ...lengths: number[]]> = [
  // Visa
  [/^4/, 13, 16, 19],
  // Mastercard
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, 16],
  // American Express
  [/^3[47]/, 15],
  // Discover
  [/^(?:6011|64[4-9]|65)/, 16, 17, 18, 19],
  // Diners Club
  [/^3(?:0[0-5]|095|[689])/, 14, 16, 17, 18, 19],
  // JCB
  [/^35(?:2[89]|[3-8])/, 16, 17, 18, 19],
  // UnionPay
  [/^62/, 16, 17, 18, 19],
  // Mir
  [/^220[0-4]/, 16, 17, 18, 19],
  // Maestro
  [/^(?:5018|5020|5038|5893|6304|6759|676[1-3])/, 13, 14, 15, 16, 17, 18, 19],
];

export function hasCard(text: string): boolean {
  for (const [candidate] of matches(CANDIDATE, text)) {
    const digits = candidate.replace(/\D/g, "");
    if (passesLuhn(digits) && isOfNetwork(digits)) return true;
  }
  return false;
}

function isOfNetwork(digits: string): boolean {
  return NETWORKS.some(([prefix, ...lengths]) => lengths.includes(digits.length) && prefix.test(digits));
}

/** ISO/IEC 7812-1 annex B: from the right, every second digit counts double, and a double of two digits their sum. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  let isDoubled = false;
  for (let index = digits.length - 1; index >= 0; index -= 1) {
    const digit = Number(digits[index]);
    sum += isDoubled ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
    isDoubled = !isDoubled;
  }
  return sum % 10 === 0;
}
