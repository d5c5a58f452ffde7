import { hash } from "node:crypto";
import { hmacSha256 } from "../../hmac-sha256.ts";
import type { KeyedOperator, KeyUse } from "./operator.ts";

/**
 * HMAC-SHA-256 (RFC 2104) of the lower-case hex SHA-256 (FIPS 180-4) of the text as the event had it: takes over a column
 * that was written with bare SHA-256, without its raw values. No normalisation, as there was none then. The token is
 * `w<version>_` and the HMAC in 43 characters of base64url (RFC 4648 section 5).
 */
export const hmacOverSha256Operator: KeyedOperator = {
  name: "hmac-over-sha256",
  needsKey: true,
  usesNormalization: false,
  keyBytes: 32,
  tokenLetter: "w",
  tokenChars: (version) => `w${version}_`.length + 43,
  create(use) {
    const wrap = wrapperOf(use);
    return (text) => wrap(hash("sha256", text, "hex"));
  },
  chain: wrapperOf,
  reveal: null,
};

/** Takes a bare digest, or a token of an older version. */
function wrapperOf({ key, version }: KeyUse): (token: string) => string {
  const mac = hmacSha256(key);
  const prefix = `w${version}_`;
  return (token) => prefix + mac(token);
}
