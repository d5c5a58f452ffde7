import { PiipeError } from "../errors.ts";
import { HKDF_INFO_BYTES_MAX, hkdfSha256 } from "./hkdf-sha256.ts";

const NO_SALT = new Uint8Array(0);

/** What a derived key is for. Two purposes that differ anywhere have unrelated keys. */
export interface KeyPurpose {
  readonly mask: string;
  /** Keeps the same value unlinkable between data sets. */
  readonly domain: string;
  readonly column: string;
}

/**
 * The key of one column: `bytes` bytes by HKDF-SHA-256 (RFC 5869) from a 32-byte root. No salt, which section 3.1 allows as
 * the root is uniformly random; the info is `keyInfo`.
 */
export function deriveKey(root: Uint8Array, purpose: KeyPurpose, bytes: number): Buffer {
  const info = Buffer.from(keyInfo(purpose), "utf8");
  if (info.length > HKDF_INFO_BYTES_MAX) {
    throw new PiipeError("config.invalid", `the domain or the name of column ${purpose.column} is too long for a key`, {
      hint: "Use a domain of at most 256 bytes.",
    });
  }
  return hkdfSha256({ ikm: root, salt: NO_SALT, info, bytes });
}

/**
 * `piipe/v1/<mask>/<domain>/<column>`. A `/` inside a part is written `%2F` and a `%` as `%25`: otherwise domain `a/b`
 * with column `c` would share its key with domain `a` and column `b/c`.
 */
export const keyInfo = ({ mask, domain, column }: KeyPurpose): string =>
  ["piipe", "v1", mask, domain, column].map(escapePart).join("/");

const escapePart = (part: string): string => part.replaceAll("%", "%25").replaceAll("/", "%2F");
