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
const CERTIFICATES: ReadonlySet<string> = new Set(CERTIFICATE_CODES);

/** Why there is no TLS with a server, by the `code` of the error. It holds nothing that a server wrote. */
export type TlsCode =
  | (typeof CERTIFICATE_CODES)[number]
  | "EPROTO"
  | `ERR_SSL_${string}`
  | `ERR_TLS_${string}`
  | `ERR_OSSL_${string}`;

/**
 * What is at fault. But for what passes, no retry mends it.
 * - `certificate`: the server's is not trusted, or is for another name
 * - `agreement`: the two ends have no version or cipher in common, or what answers speaks no TLS
 * - `own`: this end's certificate or key cannot be read or used, or the server does not take it
 * - `passing`: bytes were damaged or cut off on their way, or the other end has an error of its own (RFC 8446 section 6.2)
 */
export type TlsFault = "certificate" | "agreement" | "own" | "passing";

export const isTlsCode = (code: string): code is TlsCode =>
  code === "EPROTO" || CERTIFICATES.has(code) || /^ERR_(?:SSL|TLS|OSSL)_/.test(code);

const PASSING = /BAD_RECORD_MAC$|_ALERT_(?:INTERNAL_ERROR|USER_CANCELLED)$|_UNEXPECTED_EOF_WHILE_READING$/;
/** Files are read by OpenSSL's library before there is a connection; the alerts are what a server says of a client's certificate. */
const OWN =
  /^ERR_OSSL_|^ERR_SSL_(?:EE|CA)_|_ALERT_(?:(?:NO|BAD|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)$/;

/** null: the code is none of TLS. */
export function tlsFaultOf(code: string): TlsFault | null {
  if (!isTlsCode(code)) return null;
  if (PASSING.test(code)) return "passing";
  if (OWN.test(code)) return "own";
  return CERTIFICATES.has(code) || code.startsWith("ERR_TLS_CERT_") ? "certificate" : "agreement";
}
