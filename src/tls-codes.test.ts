import { describe, expect, it } from "vitest";
import { connectFailure } from "./postgres/connect-failure.ts";
import { thrownFailure } from "./sources/sqs/client/sqs-errors.ts";

const PLACE = { address: "db.example:5432", database: "db", user: "u" };
const failed = (code: string) => Object.assign(new Error("canary"), { code });
const several = (code: string) => new AggregateError([failed(code), failed(code)]);

describe("what TLS refuses is not retried, whoever the server is", () => {
  it.each([
    "CERT_CHAIN_TOO_LONG",
    "CERT_HAS_EXPIRED",
    "CERT_REJECTED",
    "CRL_HAS_EXPIRED",
    "EPROTO",
    "ERROR_IN_CERT_NOT_AFTER_FIELD",
    "INVALID_PURPOSE",
    "PATH_LENGTH_EXCEEDED",
    "UNABLE_TO_GET_CRL",
    "UNSPECIFIED",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "ERR_TLS_CERT_ALTNAME_INVALID",
  ])("%s", (code) => {
    for (const error of [failed(code), several(code)]) {
      const failure = connectFailure(error, PLACE, 1);
      expect(failure).toMatchObject({ code: "database.unreachable", retryable: false });
      expect(failure.message).toContain(`was not accepted (db.example:5432, database db; ${code})`);
    }
    expect(thrownFailure(failed(code))?.classification).toEqual({ errorCode: "queue.unreachable", retry: "none" });
  });

  it.each(["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "ECONNRESET", "ENOTFOUND"])("but %s is", (code) => {
    expect(connectFailure(failed(code), PLACE, 1)).toMatchObject({ code: "database.unreachable", retryable: true });
    expect(thrownFailure(failed(code))?.classification.retry).toBe("transient");
  });
});
