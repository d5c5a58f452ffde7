import { PiipeError } from "../../../errors.ts";
import type { AwsFailure } from "./aws-failure.ts";
import { IAM_ACTIONS, type SqsAction } from "./sqs-actions.ts";

/** What a failed request was about, in the configuration's own words. */
export interface RequestContext {
  readonly action: SqsAction;
  /** The queue's name. */
  readonly queue: string;
  readonly region: string;
  /** Scheme, host and port of where the request went. */
  readonly origin: string;
}

interface Description {
  readonly message: string;
  readonly hint: string;
}

function describeDenied(failure: AwsFailure, context: RequestContext): Description {
  if (failure.known?.startsWith("Kms") || failure.known?.startsWith("KMS.")) {
    return {
      message: `the AWS identity may not use the KMS key of the queue ${context.queue}`,
      hint: "Grant it kms:Decrypt on the key that encrypts the queue.",
    };
  }
  const iamAction = IAM_ACTIONS[context.action];
  return {
    message: `the AWS identity may not use the queue ${context.queue}: it lacks ${iamAction}`,
    hint: `Grant it ${iamAction} on the queue, in its IAM policy or in the queue's. Check the account and the region too: for a queue that is not there, AWS may say the same.`,
  };
}

function hasExpired(failure: AwsFailure): boolean {
  return failure.known === "ExpiredToken" || failure.known === "ExpiredTokenException";
}

/** New credentials, or the next look at the server's clock, may mend what these three attempts could not. */
function isWorthAnotherCall(failure: AwsFailure): boolean {
  const { retry } = failure.classification;
  return retry === "transient" || retry === "throttling" || retry === "clock-skew" || hasExpired(failure);
}

function describeCredentials(failure: AwsFailure, context: RequestContext): Description {
  if (failure.classification.retry === "clock-skew") {
    return {
      message: `${context.origin} refused the time in the request's signature`,
      hint: "Set this machine's clock, or the server's: they are minutes apart.",
    };
  }
  if (hasExpired(failure)) {
    return {
      message: `the AWS credentials have expired, and new ones could not be had`,
      hint: "Log in again (such as `aws sso login`), or renew the session token.",
    };
  }
  return {
    message: `AWS refused the credentials`,
    hint: "Check which credentials are used: environment variables, AWS_PROFILE, ~/.aws/credentials, or the role of the machine. `aws sts get-caller-identity` shows it.",
  };
}

function describeUnreachable(failure: AwsFailure, context: RequestContext): Description {
  const reason = failure.known === null ? "" : ` (${failure.known})`;
  if (failure.classification.retry === "none") {
    return {
      message: `no trusted TLS connection to ${context.origin} could be made${reason}`,
      hint: "Check that the endpoint's scheme and host are right. For a certificate of your own authority, name its file in NODE_EXTRA_CA_CERTS.",
    };
  }
  return {
    message: `cannot reach SQS at ${context.origin}${reason}`,
    hint: "Check the endpoint, the region and the network. A queue server of your own: is it running?",
  };
}

function describe(failure: AwsFailure, context: RequestContext): Description {
  const { queue, region, origin, action } = context;
  const status = failure.status === null ? "" : ` (HTTP status ${failure.status})`;
  switch (failure.classification.errorCode) {
    case "queue.denied":
      return describeDenied(failure, context);
    case "queue.credentials":
      return describeCredentials(failure, context);
    case "queue.unreachable":
      return describeUnreachable(failure, context);
    case "queue.not-found":
      return {
        message: `the queue ${queue} does not exist at ${origin} in region ${region}`,
        hint: "Check the queue's name, the region and the account. A queue of another account needs its ARN or URL.",
      };
    case "queue.throttled":
      return {
        message: `SQS asked to slow down at ${action}`,
        hint: "It passes by itself. If it stays: too many messages in flight, or too many requests by all consumers together.",
      };
    case "queue.unavailable":
      return failure.classification.retry === "none"
        ? {
            message: `${origin} answers, but not as SQS does${status}`,
            hint: "Check the endpoint: it should be that of SQS or of an SQS-compatible server.",
          }
        : {
            message: `SQS answered ${action} with an error of its own or an unreadable reply${status}`,
            hint: "It mostly passes by itself. If it stays, check the AWS health dashboard or the queue server's log.",
          };
    default:
      return {
        message: `SQS refused ${action} on the queue ${queue}${failure.known === null ? status : `: ${failure.known}`}`,
        hint: failure.known?.match(/^kms/i)
          ? "The queue's KMS key is disabled, deleted or of the wrong kind: mend the key or the queue's encryption setting."
          : "Check that the endpoint is an SQS-compatible server and the queue is of a kind that it supports.",
      };
  }
}

/** The error that users meet. Its text is ours alone: what the server wrote may quote the request. */
export function describeFailure(failure: AwsFailure, context: RequestContext): PiipeError {
  const { message, hint } = describe(failure, context);
  return new PiipeError(failure.classification.errorCode, message, {
    hint,
    retryable: isWorthAnotherCall(failure),
    cause: failure,
  });
}
