/** Node's "X509 certificate error codes" but OUT_OF_MEM, and what Node calls the others of OpenSSL. */
const CERTIFICATE_CODES = [
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "CRL_HAS_EXPIRED",
  "CRL_NOT_YET_VALID",
  "CRL_SIGNATURE_FAILURE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERROR_IN_CERT_NOT_AFTER_FIELD",
  "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  "ERROR_IN_CRL_LAST_UPDATE_FIELD",
  "ERROR_IN_CRL_NEXT_UPDATE_FIELD",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
  "UNABLE_TO_GET_CRL",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNSPECIFIED",
] as const;
const LISTED: ReadonlySet<string> = new Set(["EPROTO", ...CERTIFICATE_CODES]);

/** Why there is no TLS with a server, by the `code` of the error. It holds nothing that a server wrote. */
export type TlsCode = (typeof CERTIFICATE_CODES)[number] | "EPROTO" | `ERR_SSL_${string}` | `ERR_TLS_${string}`;

/** Whether the two ends disagree, or one does not trust the other: but for damage, no retry mends it. */
export const isTlsCode = (code: string): code is TlsCode =>
  LISTED.has(code) || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_");

/** Bytes damaged on their way, not a disagreement. */
export const isDamage = (code: TlsCode): boolean => code.endsWith("BAD_RECORD_MAC");
