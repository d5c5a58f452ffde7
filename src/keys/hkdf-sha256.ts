import { hkdfSync } from "node:crypto";

/** What OpenSSL takes as info. */
export const HKDF_INFO_BYTES_MAX = 1_024;

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
