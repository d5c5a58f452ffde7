import { PiipeError } from "../../errors.ts";
import { type QueueAddress } from "./client/queue-address.ts";
import type { SqsCaller } from "./client/sqs-actions.ts";

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
  readonly redrive: RedrivePolicy | null;
  /** Messages in whatever state; approximate on SQS. */
  readonly depth: number;
}

export interface RedrivePolicy {
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
function redriveOf(policy: string | null): RedrivePolicy | null {
  try {
    const { deadLetterTargetArn: arn, maxReceiveCount } = JSON.parse(policy ?? "{}") as Record<string, unknown>;
    const receivesMax = Number(maxReceiveCount);
    return typeof arn === "string" && receivesMax >= 1 ? { deadLetterArn: arn, receivesMax } : null;
  } catch {
    return null;
  }
}

export interface FoundQueue {
  readonly url: string;
  readonly arn: string;
  /** By SQS's names. */
  readonly attributes: Readonly<Record<string, string | null>>;
}

/**
 * Finds the queue and reads its settings. The AWS identity needs sqs:GetQueueUrl (unless the queue is given as a URL) and
 * sqs:GetQueueAttributes.
 * @throws PiipeError any of `queue.…`
 */
export async function readQueue(client: SqsCaller, address: QueueAddress, signal: AbortSignal): Promise<FoundQueue> {
  const url = await queueUrlOf(client, address, signal);
  // By name, older servers refuse attributes that a standard queue does not have.
  const { Attributes } = await client.call("GetQueueAttributes", { QueueUrl: url, AttributeNames: ["All"] }, signal);
  const arn = Attributes["QueueArn"];
  if (!arn) {
    throw new PiipeError("queue.unavailable", `SQS does not tell the ARN of the queue ${address.name}`, {
      hint: "Check that the endpoint is an SQS-compatible server: the ARN is what the ledger knows the queue by.",
    });
  }
  return { url, arn, attributes: Attributes };
}

async function queueUrlOf(client: SqsCaller, address: QueueAddress, signal: AbortSignal): Promise<string> {
  if (address.url !== null) return address.url;
  const owner = address.accountId === null ? {} : { QueueOwnerAWSAccountId: address.accountId };
  return (await client.call("GetQueueUrl", { QueueName: address.name, ...owner }, signal)).QueueUrl;
}
