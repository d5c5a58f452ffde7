import type { KeyVersion } from "../keys/key-version.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { Column, MaskName, TokenForm } from "../pipeline/contracts.ts";
import { type MaskedColumn, activeVersion, isMasked } from "./column-tokens.ts";
import type { KeyedOperator } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";
import { REDACTED } from "./operators/redact.ts";

/**
 * Characters of the longest token that a mask makes with a key version: what the table's column must hold. null: it
 * depends on the value.
 */
export const tokenCharsOf = (mask: MaskName, version: number): number | null => OPERATORS[mask].tokenChars(version);

/** A SHA-256 in hex. */
export const DIGEST_FORM: TokenForm = { prefix: "", charsMin: 64, charsMax: 64 };
const REDACTED_FORM: TokenForm = { prefix: REDACTED, charsMin: REDACTED.length, charsMax: REDACTED.length };

/** The 16 bytes of an AES-SIV tag (RFC 5297) in base64url: a token has that and its ciphertext. */
const TAG_CHARS = 22;

/** null: the mask's tokens do not show their version, and have no form of their own. */
export function tokenFormOf(operator: KeyedOperator, version: number): TokenForm | null {
  if (operator.tokenLetter === null) return null;
  const prefix = `${operator.tokenLetter}${version}_`;
  const charsMax = operator.tokenChars(version);
  return { prefix, charsMin: charsMax ?? prefix.length + TAG_CHARS, charsMax };
}

/**
 * Every form that a column's stored values may have: one for each key version. Pending ones are to be promoted, and the
 * tokens of destroyed ones stay in their rows. None: only NULL. null: the values are no tokens, or have no form of their own.
 */
export function allowedForms(column: Column, keyring: Keyring | null): readonly TokenForm[] | null {
  return formsOf(column, () => keyring?.versions ?? []);
}

/**
 * The forms of what new events get, of the same shape as `allowedForms`. Without a keyring, a mask that needs one gives
 * nothing.
 * @throws PiipeError `keys.missing` when the keyring has no version that may make tokens
 */
export function writtenForms(column: Column, keyring: Keyring | null): readonly TokenForm[] | null {
  return formsOf(column, (masked) => (keyring === null ? [] : [activeVersion(masked, { keyring, domain: "" })]));
}

/**
 * Tells what the column's mask gives, under whatever key version, from other values, such as those stored before the mask
 * was configured. A bare SHA-256 that `keys takeover` has not reached is no token. null: what the mask gives has no form of
 * its own. A value whose end is cut off is judged by what is there.
 */
export function tokenTestOf({ mask }: MaskedColumn): ((stored: string) => boolean) | null {
  switch (mask) {
    case "sha256":
      return isDigest;
    case "redact":
      return (stored) => stored === REDACTED;
    case "drop":
      return () => false;
    default:
  }
  const operator = OPERATORS[mask];
  if (!operator.needsKey || operator.tokenLetter === null) return null;
  const version = new RegExp(`^${operator.tokenLetter}([1-9]\\d{0,3})_[\\w-]+$`);
  return (stored) => {
    const match = version.exec(stored);
    const form = match === null ? null : tokenFormOf(operator, Number(match[1]));
    return (
      form !== null && stored.length >= form.charsMin && (form.charsMax === null || stored.length <= form.charsMax)
    );
  };
}

/** A SHA-256 as hex, in the spelling that `sha256` gives and `keys takeover` takes. */
export const isDigest = (stored: string): boolean => /^[0-9a-f]{64}$/.test(stored);

function formsOf(
  column: Column,
  versionsOf: (column: MaskedColumn) => readonly KeyVersion[],
): readonly TokenForm[] | null {
  if (!isMasked(column)) return null;
  switch (column.mask) {
    case "sha256":
      return [DIGEST_FORM];
    case "redact":
      return [REDACTED_FORM];
    case "drop":
      return [];
    default:
  }
  const operator = OPERATORS[column.mask];
  if (!operator.needsKey || operator.tokenLetter === null) return null;
  return versionsOf(column).flatMap(({ version }) => tokenFormOf(operator, version) ?? []);
}
