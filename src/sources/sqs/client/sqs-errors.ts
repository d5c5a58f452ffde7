import type { ErrorCode } from "../../../errors.ts";
import { isTlsCode, type TlsCode, tlsFaultOf } from "../../../tls-codes.ts";
import { MalformedReply } from "./reply-shape.ts";
import { ReplyTooLarge } from "./transport.ts";

/** What to do about a failed request before giving up. */
export type RetryKind = "none" | "transient" | "throttling" | "clock-skew" | "credentials";

export interface Classification {
  readonly errorCode: ErrorCode;
  readonly retry: RetryKind;
}

const REFUSED: Classification = { errorCode: "queue.refused", retry: "none" };
const DENIED: Classification = { errorCode: "queue.denied", retry: "none" };
const NOT_FOUND: Classification = { errorCode: "queue.not-found", retry: "none" };
const THROTTLED: Classification = { errorCode: "queue.throttled", retry: "throttling" };
const UNAVAILABLE: Classification = { errorCode: "queue.unavailable", retry: "transient" };
const UNREACHABLE: Classification = { errorCode: "queue.unreachable", retry: "transient" };
const UNTRUSTED: Classification = { errorCode: "queue.unreachable", retry: "none" };
const CLOSED: Classification = { errorCode: "queue.unreachable", retry: "none" };
const CREDENTIALS: Classification = { errorCode: "queue.credentials", retry: "credentials" };
const SIGNATURE: Classification = { errorCode: "queue.credentials", retry: "none" };
const SKEWED: Classification = { errorCode: "queue.credentials", retry: "clock-skew" };

/**
 * Every error code that SQS documents for the actions in use, the common errors of AWS, and the names that the Query
 * protocol has for them, without `AWS.SimpleQueueService.` and namespaces. Sources: the SQS API reference ("Errors" of
 * each action, "Common errors"), and the lists of the official client's standard retry mode.
 */
export const SQS_ERRORS = {
  AccessDenied: DENIED,
  AccessDeniedException: DENIED,
  NotAuthorized: DENIED,
  UnauthorizedOperation: DENIED,
  OptInRequired: DENIED,
  KmsAccessDenied: DENIED,
  "KMS.AccessDeniedException": DENIED,
  KmsOptInRequired: DENIED,
  "KMS.OptInRequired": DENIED,

  QueueDoesNotExist: NOT_FOUND,
  NonExistentQueue: NOT_FOUND,
  ResourceNotFoundException: NOT_FOUND,
  QueueDeletedRecently: NOT_FOUND,

  ExpiredToken: CREDENTIALS,
  ExpiredTokenException: CREDENTIALS,
  InvalidClientTokenId: CREDENTIALS,
  InvalidAccessKeyId: CREDENTIALS,
  UnrecognizedClientException: CREDENTIALS,
  MissingAuthenticationToken: CREDENTIALS,
  MissingAuthenticationTokenException: CREDENTIALS,
  IncompleteSignature: SIGNATURE,
  IncompleteSignatureException: SIGNATURE,
  SignatureDoesNotMatch: SIGNATURE,
  InvalidSignatureException: SIGNATURE,
  AuthFailure: SIGNATURE,
  RequestTimeTooSkewed: SKEWED,
  RequestExpired: SKEWED,
  RequestInTheFuture: SKEWED,

  OverLimit: THROTTLED,
  RequestThrottled: THROTTLED,
  RequestThrottledException: THROTTLED,
  Throttling: THROTTLED,
  ThrottlingException: THROTTLED,
  ThrottledException: THROTTLED,
  TooManyRequestsException: THROTTLED,
  RequestLimitExceeded: THROTTLED,
  BandwidthLimitExceeded: THROTTLED,
  LimitExceededException: THROTTLED,
  PriorRequestNotComplete: THROTTLED,
  SlowDown: THROTTLED,
  KmsThrottled: THROTTLED,
  "KMS.ThrottlingException": THROTTLED,

  InternalError: UNAVAILABLE,
  InternalFailure: UNAVAILABLE,
  InternalServerError: UNAVAILABLE,
  ServiceUnavailable: UNAVAILABLE,
  ServiceUnavailableException: UNAVAILABLE,
  RequestTimeout: UNAVAILABLE,
  RequestTimeoutException: UNAVAILABLE,

  KmsDisabled: REFUSED,
  "KMS.DisabledException": REFUSED,
  KmsInvalidState: REFUSED,
  "KMS.InvalidStateException": REFUSED,
  KmsInvalidKeyUsage: REFUSED,
  "KMS.InvalidKeyUsageException": REFUSED,
  KmsNotFound: REFUSED,
  "KMS.NotFoundException": REFUSED,
  InvalidAddress: REFUSED,
  InvalidSecurity: REFUSED,
  InvalidAction: REFUSED,
  MissingAction: REFUSED,
  UnknownOperationException: REFUSED,
  UnsupportedOperation: REFUSED,
  InvalidParameterCombination: REFUSED,
  InvalidParameterValue: REFUSED,
  InvalidQueryParameter: REFUSED,
  MalformedQueryString: REFUSED,
  MissingParameter: REFUSED,
  ValidationError: REFUSED,
  ValidationException: REFUSED,
  SerializationException: REFUSED,
  InvalidAttributeName: REFUSED,
  InvalidAttributeValue: REFUSED,
  InvalidIdFormat: REFUSED,
  ReceiptHandleIsInvalid: REFUSED,
  MessageNotInflight: REFUSED,
  BatchEntryIdsNotDistinct: REFUSED,
  BatchRequestTooLong: REFUSED,
  EmptyBatchRequest: REFUSED,
  InvalidBatchEntryId: REFUSED,
  TooManyEntriesInBatchRequest: REFUSED,
} as const satisfies Readonly<Record<string, Classification>>;

/** A code of the table: ours to print. Any other code is a server's free text. */
export type SqsErrorName = keyof typeof SQS_ERRORS;

/** Errors below HTTP, by their `code`: Node's and undici's. Those of TLS are in tls-codes.ts. */
export const NETWORK_ERRORS = {
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  ECONNABORTED: UNREACHABLE,
  EPIPE: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENETDOWN: UNREACHABLE,
  EADDRNOTAVAIL: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  UND_ERR_CONNECT_TIMEOUT: UNREACHABLE,
  UND_ERR_HEADERS_TIMEOUT: UNREACHABLE,
  UND_ERR_BODY_TIMEOUT: UNREACHABLE,
  UND_ERR_SOCKET: UNREACHABLE,
  UND_ERR_HEADERS_OVERFLOW: UNAVAILABLE,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: UNAVAILABLE,
  UND_ERR_CLOSED: CLOSED,
  UND_ERR_DESTROYED: CLOSED,
} as const satisfies Readonly<Record<string, Classification>>;

/** A code of the table, or of OpenSSL's and undici's open lists: none holds anything that a server wrote. */
export type NetworkErrorName = keyof typeof NETWORK_ERRORS | TlsCode | `UND_ERR_${string}`;

/** A request that did not succeed, classified. Internal: what leaves this folder is a PiipeError. */
export class SqsFailure extends Error {
  override readonly name = "SqsFailure";
  readonly classification: Classification;
  /** The error's name when the tables have it, else null. */
  readonly known: SqsErrorName | NetworkErrorName | null;
  /** HTTP status, or null when no reply came. */
  readonly status: number | null;
  /** The server's clock, or null when unknown. */
  readonly serverDateMs: number | null;

  constructor(
    classification: Classification,
    known: SqsErrorName | NetworkErrorName | null,
    status: number | null,
    serverDateMs: number | null,
    cause?: unknown,
  ) {
    super("an SQS request failed", { cause });
    this.classification = classification;
    this.known = known;
    this.status = status;
    this.serverDateMs = serverDateMs;
  }

  /** The same, once it is known that the time of the request was what the server refused. */
  asSkewed(): SqsFailure {
    return new SqsFailure(SKEWED, this.known, this.status, this.serverDateMs, this.cause);
  }
}

function isSqsErrorName(code: string): code is SqsErrorName {
  return Object.hasOwn(SQS_ERRORS, code);
}

function isListed(code: string): code is keyof typeof NETWORK_ERRORS {
  return Object.hasOwn(NETWORK_ERRORS, code);
}

function isUndiciCode(code: string): code is `UND_ERR_${string}` {
  // An invalid argument is ours: a bug, which no retry mends.
  return code.startsWith("UND_ERR_") && code !== "UND_ERR_INVALID_ARG";
}

function classifyStatus(status: number): Classification {
  if (status === 429) return THROTTLED;
  if (status === 408 || status >= 500) return UNAVAILABLE;
  if (status === 401 || status === 403) return DENIED;
  // A success that nobody can read, or a redirect: something between us and SQS answered.
  if (status < 400) return UNAVAILABLE;
  return REFUSED;
}

/** @param code the bare code that the reply names, or null */
export function classifyReply(code: string | null, status: number): Classification {
  return code !== null && isSqsErrorName(code) ? SQS_ERRORS[code] : classifyStatus(status);
}

export function replyFailure(code: string | null, status: number, serverDateMs: number | null): SqsFailure {
  const known = code !== null && isSqsErrorName(code) ? code : null;
  return new SqsFailure(classifyReply(code, status), known, status, serverDateMs);
}

/** The endpoint answers, but in neither protocol. */
export function notSqsFailure(status: number, serverDateMs: number | null): SqsFailure {
  const classification = classifyStatus(status);
  const isPassing = classification.retry !== "none" && status >= 400;
  return new SqsFailure(
    isPassing ? classification : { errorCode: "queue.unavailable", retry: "none" },
    null,
    status,
    serverDateMs,
  );
}

/** Classifies what `Transport.post` or `Protocol.decode` threw; null when it is none of theirs: a bug. */
export function thrownFailure(error: unknown): SqsFailure | null {
  if (error instanceof SqsFailure) return error;
  if (error instanceof MalformedReply || error instanceof ReplyTooLarge) {
    return new SqsFailure(UNAVAILABLE, null, null, null, error);
  }
  if (!(error instanceof Error)) return null;
  const code: unknown = "code" in error ? error.code : undefined;
  if (typeof code !== "string") return null;
  if (isListed(code)) return new SqsFailure(NETWORK_ERRORS[code], code, null, null, error);
  if (isTlsCode(code))
    return new SqsFailure(tlsFaultOf(code) === "passing" ? UNREACHABLE : UNTRUSTED, code, null, null, error);
  if (isUndiciCode(code)) return new SqsFailure(UNREACHABLE, code, null, null, error);
  // llhttp's errors: the reply is not HTTP.
  if (code.startsWith("HPE_")) return new SqsFailure(UNAVAILABLE, null, null, null, error);
  return "syscall" in error ? new SqsFailure(UNREACHABLE, null, null, null, error) : null;
}

/** True when a failed entry of a batch may succeed if sent again. */
export function isEntryRetryable(code: string, senderFault: boolean): boolean {
  return isSqsErrorName(code) ? SQS_ERRORS[code].retry !== "none" : !senderFault;
}
