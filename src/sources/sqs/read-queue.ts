import { PiipeError } from "../../errors.ts";
import type { QueueAddress } from "./client/queue-address.ts";
import type { SqsCaller } from "./client/sqs-actions.ts";

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
