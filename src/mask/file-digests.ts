import { hmacSha256 } from "../hmac-sha256.ts";
import type { Keyring } from "../keys/keyring.ts";

const PURPOSE = { mask: "load", column: "file" } as const;
const KEY_BYTES = 32;

export interface FileDigests {
  /** Under each key that may make some. */
  readonly noted: readonly string[];
  /** Under which the file may have been noted before, those included. */
  readonly known: readonly string[];
}

/**
 * By what the database knows a file: the digest of its content under a key for each version, as business ids are known.
 * Whoever reads the database could otherwise test guesses at the one person in a file of one line. Without a keyring, where
 * tokens are plain digests as well: the digest itself.
 *
 * @param digest SHA-256 of the content, in hex
 */
export function fileDigests(digest: string, keyring: Keyring | null, domain: string): FileDigests {
  if (keyring === null) return { noted: [digest], known: [digest] };
  const versions = keyring.versions.filter(({ state }) => state !== "destroyed");
  const under = (leaked: boolean): string[] =>
    versions
      .filter(({ version }) => keyring.rewrapsOf(version).length > 0 === leaked)
      .map((version) => hmacSha256(version.deriveKey({ ...PURPOSE, domain }, KEY_BYTES), "hex")(digest));
  const noted = under(false);
  // The plain one: from before there was a keyring.
  return { noted, known: [...noted, ...under(true), digest] };
}
