import { hkdfSync } from "node:crypto";
import { PiipeError } from "../errors.ts";

/** What OpenSSL takes as info. */
const HKDF_INFO_BYTES_MAX = 1_024;

export interface HkdfInput {
  /** The keying material: secret. */
  readonly ikm: Uint8Array;
  /** Empty: as many zero bytes as a digest has (RFC 5869 section 2.2). */
  readonly salt: Uint8Array;
  /** What the key is for: at most `HKDF_INFO_BYTES_MAX` bytes. */
  readonly info: Uint8Array;
  /** Length of the output: 1 to 8,160 bytes. */
  readonly bytes: number;
}

/** HKDF-SHA-256, extract and expand (RFC 5869). */
export const hkdfSha256 = ({ ikm, salt, info, bytes }: HkdfInput): Buffer =>
  Buffer.from(hkdfSync("sha256", ikm, salt, info, bytes));

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
