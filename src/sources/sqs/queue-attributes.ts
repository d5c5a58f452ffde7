/** A queue's settings and depth as GetQueueAttributes tells them. null: the server does not tell. */
export interface QueueAttributes {
  readonly arn: string;
  readonly isFifo: boolean;
  readonly visibilityTimeoutSeconds: number | null;
  readonly retentionSeconds: number | null;
  readonly delaySeconds: number | null;
  readonly messageBytesMax: number | null;
  readonly encryption: "sqs-managed" | "kms" | "none" | null;
  readonly hasContentBasedDeduplication: boolean;
  /** null: there is no dead-letter queue. */
  readonly redrive: Redrive | null;
  /** Messages in whatever state; approximate on SQS. */
  readonly depth: number;
}

export interface Redrive {
  readonly deadLetterArn: string;
  /** Receipts after which a message moves there. */
  readonly receivesMax: number;
}

const DEPTH_NAMES = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
] as const;

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html */
export function parseQueueAttributes(attributes: Readonly<Record<string, string | null>>): QueueAttributes {
  const number = (name: string): number | null => {
    const text = attributes[name];
    return text && /^\d+$/.test(text) ? Number(text) : null;
  };
  return {
    arn: attributes["QueueArn"] ?? "",
    isFifo: attributes["FifoQueue"] === "true",
    visibilityTimeoutSeconds: number("VisibilityTimeout"),
    retentionSeconds: number("MessageRetentionPeriod"),
    delaySeconds: number("DelaySeconds"),
    messageBytesMax: number("MaximumMessageSize"),
    encryption: encryptionOf(attributes),
    hasContentBasedDeduplication: attributes["ContentBasedDeduplication"] === "true",
    redrive: redriveOf(attributes["RedrivePolicy"] ?? null),
    depth: DEPTH_NAMES.reduce((sum, name) => sum + (number(name) ?? 0), 0),
  };
}

function encryptionOf(attributes: Readonly<Record<string, string | null>>): QueueAttributes["encryption"] {
  if (attributes["KmsMasterKeyId"]) return "kms";
  switch (attributes["SqsManagedSseEnabled"]) {
    case "true":
      return "sqs-managed";
    case "false":
      return "none";
    default:
      return null;
  }
}

/** `maxReceiveCount` is a number, or text that holds one: SQS takes both. */
function redriveOf(policy: string | null): Redrive | null {
  try {
    const { deadLetterTargetArn: arn, maxReceiveCount } = JSON.parse(policy ?? "{}") as Record<string, unknown>;
    const receivesMax = Number(maxReceiveCount);
    return typeof arn === "string" && receivesMax >= 1 ? { deadLetterArn: arn, receivesMax } : null;
  } catch {
    return null;
  }
}
