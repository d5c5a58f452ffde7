import { createAesSiv, type AesSiv } from "./create-aes-siv.ts";
import type { KeyedOperator, KeyUse } from "./operator.ts";

/**
 * AES-256-SIV (RFC 5297), reversible with the key. The associated strings are the column's name and the key version in
 * decimal digits, each in UTF-8: a token that was moved to another column does not open. The token is `s<version>_`, then
 * the synthetic IV and the ciphertext in base64url (RFC 4648 section 5): its length tells the text's.
 */
export const aesSivOperator: KeyedOperator = {
  name: "aes-siv",
  needsKey: true,
  usesNormalization: true,
  keyBytes: 64,
  tokenLetter: "s",
  tokenChars: () => null,
  create(use) {
    const siv = sivOf(use);
    const prefix = prefixOf(use);
    return (text) => prefix + siv.encrypt(Buffer.from(text, "utf8")).toString("base64url");
  },
  // Whoever holds the old key could open the inner token: a stored token is opened and made anew instead.
  chain: null,
  reveal(use) {
    const siv = sivOf(use);
    const prefix = prefixOf(use);
    return (token) => {
      if (!token.startsWith(prefix)) return null;
      const encoded = token.slice(prefix.length);
      const sealed = Buffer.from(encoded, "base64url");
      // Node skips what is not base64url, and the unused bits of its last character.
      if (sealed.toString("base64url") !== encoded) return null;
      return siv.decrypt(sealed)?.toString("utf8") ?? null;
    };
  },
};

const prefixOf = ({ version }: KeyUse): string => `s${version}_`;

const sivOf = ({ key, version, column }: KeyUse): AesSiv =>
  createAesSiv(key, [Buffer.from(column.name, "utf8"), Buffer.from(String(version), "utf8")]);
