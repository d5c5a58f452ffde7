import { hmacSha256 } from "../../hmac-sha256.ts";
import type { KeyedOperator, KeyUse } from "./operator.ts";

/**
 * The default mask: one-way, and joinable within a column. The token is `h<version>_` and the HMAC in 43 characters of
 * base64url (RFC 4648 section 5).
 */
export const hmacSha256Operator: KeyedOperator = {
  name: "hmac-sha256",
  needsKey: true,
  usesNormalization: true,
  keyBytes: 32,
  tokenLetter: "h",
  tokenChars: (version) => `h${version}_`.length + 43,
  create: tokenOf,
  chain: tokenOf,
  reveal: null,
};

function tokenOf({ key, version }: KeyUse): (text: string) => string {
  const mac = hmacSha256(key);
  const prefix = `h${version}_`;
  return (text) => prefix + mac(text);
}
