import type { KeyVersion } from "../keys/key-version.ts";
import { type MaskOptions, type MaskedColumn, activeVersion, keyUse } from "./column-tokens.ts";
import type { KeyedOperator } from "./operators/operator.ts";
import { OPERATORS } from "./operators/operators.ts";
import { showsVersion, versionOfToken } from "./value-tokens.ts";

/**
 * What a sealed original of a column's key is bound to. Not to its token, which a rewrap changes without opening anything: whoever opens one
 * makes the token anew and compares.
 */
export const vaultContext = (key: string): string => `vault/${key}`;

/** Whether a mask's tokens can be turned back into their originals with the keyring alone. */
export const isReversible = ({ mask }: MaskedColumn): boolean => reversible(mask) !== null;

/**
 * The text that a token of a reversible mask was made from, in its normalised form; null when the keyring has no key for
 * it (its version is destroyed, say) or it is no token of that key. Masks whose tokens do not show their version have one
 * only: any other would give the text of another value.
 *
 * @throws PiipeError `keys.missing`
 */
export function revealToken(column: MaskedColumn, token: string, options: MaskOptions): string | null {
  const operator = reversible(column.mask);
  if (operator === null) throw new TypeError(`the tokens of ${column.name} cannot be turned back`);
  const version = versionFor(column, token, options);
  return version === null ? null : operator.reveal(keyUse(operator, column, version, options.domain))(token);
}

type ReversibleOperator = KeyedOperator & { readonly reveal: NonNullable<KeyedOperator["reveal"]> };

function reversible(mask: MaskedColumn["mask"]): ReversibleOperator | null {
  const operator = OPERATORS[mask];
  return operator.needsKey && isReversibleOperator(operator) ? operator : null;
}

const isReversibleOperator = (operator: KeyedOperator): operator is ReversibleOperator => operator.reveal !== null;

function versionFor(column: MaskedColumn, token: string, options: MaskOptions): KeyVersion | null {
  if (options.keyring === null || !showsVersion(column)) return activeVersion(column, options);
  const shown = versionOfToken(column, token);
  const version = shown === null ? null : options.keyring.find(shown);
  return version === null || version.state === "destroyed" ? null : version;
}
