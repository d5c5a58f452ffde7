/** ISO/IEC 7812-1: in one piece, in groups of four, or as American Express and Diners Club group theirs. */
const CANDIDATE =
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
  CANDIDATE.lastIndex = 0;
  for (let match = CANDIDATE.exec(text); match !== null; match = CANDIDATE.exec(text)) {
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
