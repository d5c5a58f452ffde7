import * as officialErrors from "@aws-sdk/client-sqs";
import { describe, expect, it } from "vitest";
import { ERROR_CODES, type ErrorCode } from "../../../errors.ts";
import { type AwsFailure, NETWORK_ERRORS, thrownFailure } from "./aws-failure.ts";
import { describeFailure, type RequestContext } from "./describe-failure.ts";
import { MalformedReply } from "./reply-shape.ts";
import { IAM_ACTIONS, type SqsAction } from "./sqs-actions.ts";
import { classifyReply, isEntryRetryable, notSqsFailure, replyFailure, SQS_ERRORS } from "./sqs-errors.ts";

const CONTEXT: RequestContext = {
  action: "ReceiveMessage",
  queue: "login-queue",
  region: "eu-west-1",
  origin: "https://sqs.eu-west-1.amazonaws.com",
};

function thrown(error: unknown): AwsFailure {
  const failure = thrownFailure(error);
  if (failure === null) throw new Error("not classified");
  return failure;
}

describe("the table of SQS errors", () => {
  it("has every error that the official client knows of SQS", () => {
    const names = Object.entries(officialErrors)
      .filter(
        ([, value]) => typeof value === "function" && value.prototype instanceof officialErrors.SQSServiceException,
      )
      .map(([name]) => name);
    expect(names.length).toBeGreaterThan(20);
    // Of actions that piipe does not use.
    const unused = new Set(["InvalidMessageContents", "PurgeQueueInProgress", "QueueNameExists"]);
    expect(names.filter((name) => !Object.hasOwn(SQS_ERRORS, name) && !unused.has(name))).toEqual([]);
  });

  it.each([
    ["QueueDoesNotExist", 400, "queue.not-found", "none"],
    ["NonExistentQueue", 400, "queue.not-found", "none"],
    ["AccessDenied", 403, "queue.denied", "none"],
    ["KMS.AccessDeniedException", 400, "queue.denied", "none"],
    ["OverLimit", 403, "queue.throttled", "throttling"],
    ["RequestThrottled", 403, "queue.throttled", "throttling"],
    ["ExpiredToken", 403, "queue.credentials", "credentials"],
    ["InvalidClientTokenId", 403, "queue.credentials", "credentials"],
    ["RequestTimeTooSkewed", 403, "queue.credentials", "clock-skew"],
    ["SignatureDoesNotMatch", 403, "queue.credentials", "none"],
    ["MissingParameter", 400, "queue.refused", "none"],
    // A known name counts more than the status.
    ["ThrottlingException", 400, "queue.throttled", "throttling"],
    ["NeverHeardOf", 400, "queue.refused", "none"],
    ["NeverHeardOf", 403, "queue.denied", "none"],
    ["NeverHeardOf", 429, "queue.throttled", "throttling"],
    ["NeverHeardOf", 500, "queue.unavailable", "transient"],
    ["constructor", 500, "queue.unavailable", "transient"],
    [null, 301, "queue.unavailable", "transient"],
    [null, 503, "queue.unavailable", "transient"],
  ])("takes %s with status %s as %s, retry %s", (code, status, errorCode, retry) => {
    expect(classifyReply(code, status)).toEqual({ errorCode, retry });
  });
});

describe("thrownFailure", () => {
  it.each([
    ["ECONNREFUSED", "queue.unreachable", "transient"],
    ["ENOTFOUND", "queue.unreachable", "transient"],
    ["UND_ERR_HEADERS_TIMEOUT", "queue.unreachable", "transient"],
    ["UND_ERR_SOCKET", "queue.unreachable", "transient"],
    ["CERT_HAS_EXPIRED", "queue.unreachable", "none"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "queue.unreachable", "none"],
    // A revoked certificate, refused handshakes and other verdicts of the TLS layer: they come without a `syscall`.
    ["CERT_REVOKED", "queue.unreachable", "none"],
    ["HOSTNAME_MISMATCH", "queue.unreachable", "none"],
    ["UNSPECIFIED", "queue.unreachable", "none"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "queue.unreachable", "none"],
    ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "queue.unreachable", "none"],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "queue.unreachable", "none"],
    // As OpenSSL 3.5 names it, since Node 24.
    ["ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE", "queue.unreachable", "none"],
    ["ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC", "queue.unreachable", "transient"],
    ["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "queue.unreachable", "transient"],
    ["ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", "queue.unreachable", "transient"],
    ["ERR_OSSL_PEM_NO_START_LINE", "queue.unreachable", "none"],
    ["UND_ERR_INFO", "queue.unreachable", "transient"],
    ["UND_ERR_PRX_TLS", "queue.unreachable", "transient"],
    ["HPE_INVALID_CONSTANT", "queue.unavailable", "transient"],
  ])("takes %s as %s, retry %s", (code, errorCode, retry) => {
    expect(thrown(Object.assign(new Error("canary"), { code })).classification).toEqual({ errorCode, retry });
  });

  it("takes a malformed reply as passing", () => {
    expect(thrown(new MalformedReply("x")).classification.retry).toBe("transient");
  });

  it.each([
    new TypeError("a bug"),
    "text",
    null,
    Object.assign(new Error("x"), { code: "ERR_INVALID_ARG_TYPE" }),
    Object.assign(new Error("x"), { code: "UND_ERR_INVALID_ARG" }),
  ])("leaves a bug alone: %s", (error) => {
    expect(thrownFailure(error)).toBeNull();
  });
});

describe("describeFailure", () => {
  const failures: readonly AwsFailure[] = [
    ...Object.keys(SQS_ERRORS).map((code) => replyFailure(code, 400, null)),
    ...Object.keys(NETWORK_ERRORS).map((code) => thrown(Object.assign(new Error("canary"), { code }))),
    thrown(Object.assign(new Error("canary"), { code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE" })),
    thrown(Object.assign(new Error("canary"), { code: "UND_ERR_INFO" })),
    ...[200, 302, 400, 401, 404, 429, 500, 503].map((status) => replyFailure("canary", status, null)),
    notSqsFailure(200, null),
    notSqsFailure(503, null),
  ];

  it.each(failures.map((failure) => [failure.known ?? failure.status, failure] as const))(
    "says of %s what happened and what to do, in our own words",
    (_name, failure) => {
      const error = describeFailure(failure, CONTEXT);
      expect(Object.keys(ERROR_CODES)).toContain(error.code satisfies ErrorCode);
      expect(error.message).not.toMatch(/canary|undefined|null/);
      expect(error.hint).toMatch(/^[A-Z].*[.?]$/s);
      expect(error.hint).not.toMatch(/canary|undefined|null/);
      const isExpired = ["ExpiredToken", "ExpiredTokenException"].includes(failure.known ?? "");
      const isPassing = ["transient", "throttling", "clock-skew"].includes(failure.classification.retry);
      expect(error.retryable).toBe(isPassing || isExpired);
    },
  );

  it.each(Object.entries(IAM_ACTIONS) as [SqsAction, string][])("names the permission for %s", (action, permission) => {
    const error = describeFailure(replyFailure("AccessDenied", 403, null), { ...CONTEXT, action });
    expect(error.message).toContain(permission);
    expect(error.hint).toContain(permission);
  });

  it("names the queue, the region and the endpoint of a queue that does not exist", () => {
    const { message } = describeFailure(replyFailure("QueueDoesNotExist", 400, null), CONTEXT);
    for (const part of [CONTEXT.queue, CONTEXT.region, CONTEXT.origin]) expect(message).toContain(part);
  });
});

describe("isEntryRetryable", () => {
  it.each([
    ["ReceiptHandleIsInvalid", true, false],
    ["ReceiptHandleIsInvalid", false, false],
    ["InternalError", false, true],
    ["RequestThrottled", true, true],
    ["NeverHeardOf", true, false],
    ["NeverHeardOf", false, true],
  ])("%s, fault of the sender: %s → %s", (code, senderFault, expected) => {
    expect(isEntryRetryable(code, senderFault)).toBe(expected);
  });
});
