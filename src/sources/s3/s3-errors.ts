import { type ErrorCode, PiipeError } from "../../errors.ts";
import {
  AwsFailure,
  type Classification,
  CREDENTIALS,
  SIGNATURE,
  SKEWED,
  UNAVAILABLE,
} from "../sqs/client/aws-failure.ts";

/** The actions of S3 that are used, and the IAM permission that each needs. */
export const S3_PERMISSIONS = { GetObject: "s3:GetObject", DeleteObject: "s3:DeleteObject" } as const;
export type S3Action = keyof typeof S3_PERMISSIONS;

/** What a failed request was about. Neither bucket nor key: a message names them, and what a message holds is not shown. */
export interface S3RequestContext {
  readonly action: S3Action;
  /** Scheme, host and port of S3, without the bucket. */
  readonly origin: string;
}

const DENIED: Classification = { errorCode: "s3.denied", retry: "none" };
const REFUSED: Classification = { errorCode: "s3.refused", retry: "none" };
const THROTTLED: Classification = { errorCode: "s3.throttled", retry: "throttling" };

/** Codes of an object, or of a whole bucket, that is not there. */
const MISSING_CODES: ReadonlySet<string> = new Set(["NoSuchKey", "NoSuchBucket"]);

/**
 * The error codes of S3 that say more than their status
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
 */
const S3_ERRORS: Readonly<Record<string, Classification>> = {
  AccessDenied: DENIED,
  AllAccessDisabled: DENIED,
  AccountProblem: DENIED,
  NotSignedUp: DENIED,
  "KMS.AccessDeniedException": DENIED,

  // Of an archive: it has to be restored first.
  InvalidObjectState: REFUSED,
  "KMS.DisabledException": REFUSED,
  "KMS.KMSInvalidStateException": REFUSED,
  "KMS.NotFoundException": REFUSED,

  ExpiredToken: CREDENTIALS,
  InvalidAccessKeyId: CREDENTIALS,
  InvalidToken: CREDENTIALS,
  TokenRefreshRequired: CREDENTIALS,
  SignatureDoesNotMatch: SIGNATURE,
  AuthorizationHeaderMalformed: SIGNATURE,
  RequestTimeTooSkewed: SKEWED,
  RequestExpired: SKEWED,

  SlowDown: THROTTLED,
  Throttling: THROTTLED,
  ThrottlingException: THROTTLED,
  RequestThrottled: THROTTLED,
  RequestLimitExceeded: THROTTLED,
  BandwidthLimitExceeded: THROTTLED,

  InternalError: UNAVAILABLE,
  OperationAborted: UNAVAILABLE,
  RequestTimeout: UNAVAILABLE,
  ServiceUnavailable: UNAVAILABLE,
  TemporaryRedirect: UNAVAILABLE,
};

/** Only the code: the rest of the reply names bucket and key. */
const CODE = /<Code>([A-Za-z.]{1,64})<\/Code>/;
/** Of an error's reply, to look for the code in: S3's have less. */
const ERROR_BYTES_MAX = 4_096;

function codeOf(reply: Uint8Array): string | null {
  const text = Buffer.from(reply.buffer, reply.byteOffset, Math.min(reply.length, ERROR_BYTES_MAX)).toString("latin1");
  return CODE.exec(text)?.[1] ?? null;
}

/** Whether S3 says, and nobody before it, that the object or its bucket is not there. */
export const isMissing = (status: number, reply: Uint8Array): boolean =>
  status === 404 && MISSING_CODES.has(codeOf(reply) ?? "");

function classifyStatus(status: number): Classification {
  if (status === 429) return THROTTLED;
  if (status === 401 || status === 403) return DENIED;
  // Neither an object nor an error of S3: something between answered.
  if (status === 404 || status === 408 || status >= 500) return UNAVAILABLE;
  return REFUSED;
}

export function replyFailure(status: number, reply: Uint8Array, serverDateMs: number | null): AwsFailure {
  const code = codeOf(reply);
  const known = code !== null && Object.hasOwn(S3_ERRORS, code) ? code : null;
  const classification = (known === null ? undefined : S3_ERRORS[known]) ?? classifyStatus(status);
  return new AwsFailure(classification, known, status, serverDateMs);
}

/** As the tables that S3 shares with SQS have it, and what it is called here. */
const OWN_CODES: Partial<Record<ErrorCode, ErrorCode>> = {
  "queue.unreachable": "s3.unreachable",
  "queue.unavailable": "s3.unavailable",
};

/** The error that users meet. Its text is ours alone. */
export function describeS3Failure(failure: AwsFailure, context: S3RequestContext): PiipeError {
  const { errorCode, retry } = failure.classification;
  const code = OWN_CODES[errorCode] ?? errorCode;
  const { message, hint } = describe(code, failure, context);
  const mayPass = retry === "transient" || retry === "throttling" || retry === "clock-skew";
  return new PiipeError(code, message, {
    hint,
    retryable: mayPass || failure.known === "ExpiredToken",
    cause: failure,
  });
}

function describe(
  code: ErrorCode,
  { known, status, classification }: AwsFailure,
  { action, origin }: S3RequestContext,
): { readonly message: string; readonly hint: string } {
  const reason = known ?? (status === null ? null : `HTTP status ${status}`);
  const because = reason === null ? "" : ` (${reason})`;
  switch (code) {
    case "s3.denied":
      return {
        message: `S3 denies an object that a message points to${because}`,
        hint: `Grant the AWS identity ${S3_PERMISSIONS[action]} on the objects of the producers' bucket, s3:ListBucket on the bucket (else S3 says the same of an object that is gone), and kms:Decrypt where a key of yours encrypts it. Check that AWS_ENDPOINT_URL_S3, or source.s3.endpoint, is where the bucket is.`,
      };
    case "queue.credentials":
      return classification.retry === "clock-skew"
        ? {
            message: `${origin} refused the time in the request's signature`,
            hint: "Set this machine's clock, or the server's: they are minutes apart.",
          }
        : {
            message: `S3 refused the AWS credentials${because}`,
            hint: "Renew them, such as by `aws sso login`, or check which are used: S3 is asked with those of the queue.",
          };
    case "s3.unreachable":
      return {
        message: `cannot reach S3 at ${origin}${because}`,
        hint: "Check the region, the network, and AWS_ENDPOINT_URL_S3 or source.s3.endpoint where one is set. For a certificate of your own authority, name its file in NODE_EXTRA_CA_CERTS.",
      };
    case "s3.throttled":
      return {
        message: `S3 asked to slow down at ${action}${because}`,
        hint: "It passes by itself. If it stays, see who else reads from the bucket.",
      };
    case "s3.unavailable":
      return {
        message: `S3 answered ${action} with an error of its own, or not as S3 does${because}`,
        hint: "It mostly passes by itself. If it stays, check the AWS health dashboard, and the endpoint: it should be that of S3 or of an S3-compatible server.",
      };
    default:
      return {
        message: `S3 refused ${action}${because}`,
        hint: "Look at the object in S3: it may be archived, encrypted with a key that is disabled, or in a region that cannot be told.",
      };
  }
}
