import { describe, expect, it } from "vitest";
import { connectFailure } from "./connect-failure.ts";

const PLACE = { address: "db.example:5432", database: "events", user: "piipe" };

const failureOf = (code: string) =>
  connectFailure(Object.assign(new Error("what the server wrote"), { code }), PLACE, 4);

describe("without TLS", () => {
  it.each([
    ["CERT_HAS_EXPIRED", "the server's TLS certificate was not accepted", "sslrootcert"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "no TLS could be agreed on with the server", "port"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "no TLS could be agreed on with the server", "versions"],
    ["ERR_OSSL_X509_KEY_VALUES_MISMATCH", "the certificate or key of this end cannot be used", "sslkey"],
    ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "the certificate or key of this end cannot be used", "sslcert"],
  ])("%s is not tried again, and told as what it is", (code, sentence, hint) => {
    const failure = failureOf(code);
    expect(failure).toMatchObject({
      code: "database.unreachable",
      retryable: false,
      message: `${sentence} (db.example:5432, database events; ${code})`,
    });
    expect(failure.hint).toContain(hint);
  });

  it.each(["ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", "ERR_SSL_TLSV1_ALERT_USER_CANCELLED", "ECONNRESET"])(
    "%s passes",
    (code) => {
      expect(failureOf(code)).toMatchObject({
        retryable: true,
        message: `PostgreSQL cannot be reached at db.example:5432, database events (${code})`,
      });
    },
  );
});
