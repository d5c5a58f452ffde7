import { describe, expect, it } from "vitest";
import { tlsFaultOf, type TlsFault } from "./tls-codes.ts";

describe("tlsFaultOf", () => {
  it.each<[string, TlsFault | null]>([
    ["CERT_HAS_EXPIRED", "certificate"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "agreement"],
    ["ERR_SSL_UNSUPPORTED_PROTOCOL", "agreement"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "agreement"],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "agreement"],
    ["EPROTO", "agreement"],
    ["ERR_OSSL_X509_KEY_VALUES_MISMATCH", "own"],
    ["ERR_OSSL_PEM_NO_START_LINE", "own"],
    ["ERR_OSSL_UNSUPPORTED", "own"],
    ["ERR_SSL_CA_MD_TOO_WEAK", "own"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "own"],
    ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "own"],
    ["ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", "own"],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "own"],
    ["ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", "passing"],
    ["ERR_SSL_TLSV1_ALERT_USER_CANCELLED", "passing"],
    ["ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC", "passing"],
    ["ERR_SSL_UNEXPECTED_EOF_WHILE_READING", "passing"],
    ["ECONNRESET", null],
    ["ERR_INVALID_ARG_TYPE", null],
    ["", null],
  ])("takes %s as %s", (code, fault) => {
    expect(tlsFaultOf(code)).toBe(fault);
  });
});
