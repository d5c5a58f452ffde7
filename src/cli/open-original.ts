import { PiipeError } from "../errors.ts";
import type { Keyring } from "../keys/keyring.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import { openSealed } from "../keys/seal.ts";
import type { MaskOptions, MaskedColumn } from "../mask/column-tokens.ts";
import { vaultContext } from "../mask/reveal-token.ts";
import { valueTokensOf, versionOfToken } from "../mask/value-tokens.ts";
import type { VaultEntry } from "../storage/vault/find-originals.ts";

export interface Original {
  readonly text: string;
  /** False when the token cannot be made of it anew, as its key version is destroyed, or opens with any key. */
  readonly isVerified: boolean;
}

/**
 * Opens the first entry that holds the original of a token. Whoever can write to the vault can put another column's or
 * another value's sealed bytes there: the token is made of the original anew and compared.
 *
 * @param entries of the token itself and of tokens linked with it
 * @throws {PiipeError} `keys.invalid` when none can be opened, or what is in them does not give the token
 */
export function openOriginal(
  column: MaskedColumn,
  token: string,
  entries: readonly VaultEntry[],
  { privateKey, masking }: { readonly privateKey: PrivateKey; readonly masking: MaskOptions },
): Original {
  const tokensOf = canMakeTokens(masking) ? valueTokensOf(column, masking) : () => null;
  const isDestroyed = (of: string): boolean => mayBeDestroyed(versionOfToken(column, of), masking.keyring);
  let failure: unknown = null;
  for (const entry of entries) {
    try {
      const text = openSealed(privateKey, entry.sealed, vaultContext(column.name), null);
      const made = tokensOf(text) ?? [];
      if (made.includes(token)) return { text, isVerified: true };
      // Then the link is all that speaks for it, and the entry must at least be what it says.
      if (isDestroyed(token) && (isDestroyed(entry.token) || made.includes(entry.token))) {
        return { text, isVerified: false };
      }
      throw exchanged(column);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** Whether a token that shows a version may be of a destroyed one: a rewrap makes it show its own. */
function mayBeDestroyed(shown: number | null, keyring: Keyring | null): boolean {
  const version = shown === null ? null : keyring?.find(shown);
  if (!version) return false;
  if (version.over === null) return version.state === "destroyed";
  return keyring?.versions.some((known) => known.version <= version.version && known.state === "destroyed") === true;
}

const canMakeTokens = ({ keyring }: MaskOptions): boolean =>
  keyring === null || keyring.versions.some(({ state }) => state !== "destroyed");

const exchanged = ({ name }: MaskedColumn): PiipeError =>
  new PiipeError(
    "keys.invalid",
    `the original in the vault of column ${name} does not give the token it is stored for`,
    {
      hint: "Somebody exchanged the entry, or the keyring or keys.domain is another one than at the time. Nothing was revealed.",
    },
  );
