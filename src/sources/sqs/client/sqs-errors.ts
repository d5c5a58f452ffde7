import { AwsFailure, type Classification, CREDENTIALS, SIGNATURE, SKEWED, UNAVAILABLE } from "./aws-failure.ts";

const REFUSED: Classification = { errorCode: "queue.refused", retry: "none" };
const DENIED: Classification = { errorCode: "queue.denied", retry: "none" };
const NOT_FOUND: Classification = { errorCode: "queue.not-found", retry: "none" };
const THROTTLED: Classification = { errorCode: "queue.throttled", retry: "throttling" };

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

function isSqsErrorName(code: string): code is SqsErrorName {
  return Object.hasOwn(SQS_ERRORS, code);
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

export function replyFailure(code: string | null, status: number, serverDateMs: number | null): AwsFailure {
  const known = code !== null && isSqsErrorName(code) ? code : null;
  return new AwsFailure(classifyReply(code, status), known, status, serverDateMs);
}

/** The endpoint answers, but in neither protocol. */
export function notSqsFailure(status: number, serverDateMs: number | null): AwsFailure {
  const classification = classifyStatus(status);
  const isPassing = classification.retry !== "none" && status >= 400;
  return new AwsFailure(
    isPassing ? classification : { errorCode: "queue.unavailable", retry: "none" },
    null,
    status,
    serverDateMs,
  );
}

/** True when a failed entry of a batch may succeed if sent again. */
export function isEntryRetryable(code: string, senderFault: boolean): boolean {
  return isSqsErrorName(code) ? SQS_ERRORS[code].retry !== "none" : !senderFault;
}
