import { PiipeError } from "../../errors.ts";
import type { Emit } from "../../telemetry/events.ts";
import type { Clock } from "../contracts.ts";
import {
  findEndpoint,
  findRegion,
  parseEndpoint,
  StandardCredentials,
  type StaticCredentials,
  staticCredentials,
} from "./aws-environment.ts";
import { interruptible } from "./interruptible.ts";
import { parseQueue, type QueueAddress, regionalEndpoint } from "./queue-address.ts";
import { Retry } from "./retry.ts";
import { Signer } from "./signer.ts";
import { SqsClient } from "./sqs-client.ts";
import { type OpenQueue, SqsSource } from "./sqs-source.ts";
import { Transport } from "./transport.ts";

export type { StaticCredentials } from "./aws-environment.ts";

export interface OpenSqsSourceOptions {
  /** A name, a URL or an ARN. */
  readonly queue: string;
  /** null: the queue's own when its URL or ARN names one, else as AWS's tools find it. */
  readonly region: string | null;
  /** null: as AWS's tools find it, else AWS's own. */
  readonly endpoint: string | null;
  /** 1 to 43,200; null: the queue's own. */
  readonly visibilityTimeoutSeconds: number | null;
  /** null: AWS's standard chain. */
  readonly credentials: StaticCredentials | null;
  /** Message attributes to ask for; a name may occur twice. */
  readonly attributeNames: readonly string[];
  /** How long a receive waits for messages, up to 20. Default: 20, which makes an idle queue cost three requests a minute. */
  readonly waitSeconds?: number;
  /** How far apart receives begin at a low rate, so that messages come together. Default: they do not wait. */
  readonly lingerMs?: number;
  /** When receiving has failed for so long without a success between, `receive` throws; null: it tries for ever. */
  readonly giveUpAfterMs: number | null;
  /** Ends the opening early. Not listened to afterwards. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly emit: Emit;
}

const WAIT_SECONDS = 20;
/** For a queue whose own timeout is 0: with that, every message would be given to all consumers at once. */
const VISIBILITY_SECONDS_FALLBACK = 30;

/**
 * Finds the queue and reads its settings. The AWS identity needs sqs:GetQueueUrl (unless the queue is given as a
 * URL) and sqs:GetQueueAttributes, and later sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility.
 * @throws PiipeError `config.invalid`, any of `queue.…`, or `interrupted` as soon as `signal` fires
 */
export async function openSqsSource(options: OpenSqsSourceOptions): Promise<SqsSource> {
  const { clock, emit, signal } = options;
  const address = parseQueue(options.queue);
  const doing = `looking for the queue ${address.name}`;
  const region = options.region ?? address.region ?? (await interruptible(findRegion(), signal, doing));
  const endpointText = options.endpoint ?? (await interruptible(findEndpoint(), signal, doing));
  const transport = new Transport();
  const credentials =
    options.credentials === null ? new StandardCredentials(region) : staticCredentials(options.credentials);
  const client = new SqsClient({
    transport,
    signer: new Signer(region),
    credentials,
    retry: new Retry(clock, credentials, emit),
    region,
    queue: address.name,
    endpoint: endpointText === null ? null : parseEndpoint(endpointText),
    regionalEndpoint: regionalEndpoint(region),
  });
  try {
    const found = await interruptible(findQueue(client, address, signal), signal, doing);
    return new SqsSource({
      client,
      queue: found.queue,
      visibilitySeconds: options.visibilityTimeoutSeconds ?? found.visibilitySeconds,
      waitSeconds: options.waitSeconds ?? WAIT_SECONDS,
      lingerMs: options.lingerMs ?? 0,
      attributeNames: options.attributeNames,
      giveUpAfterMs: options.giveUpAfterMs,
      clock,
      emit,
      closeClient: () => transport.close(),
    });
  } catch (error) {
    await transport.close();
    throw error;
  }
}

async function queueUrlOf(client: SqsClient, address: QueueAddress, signal: AbortSignal): Promise<string> {
  if (address.url !== null) return address.url;
  const owner = address.accountId === null ? {} : { QueueOwnerAWSAccountId: address.accountId };
  return (await client.call("GetQueueUrl", { QueueName: address.name, ...owner }, signal)).QueueUrl;
}

interface FoundQueue {
  readonly queue: OpenQueue;
  /** Its own visibility timeout. */
  readonly visibilitySeconds: number;
}

async function findQueue(client: SqsClient, address: QueueAddress, signal: AbortSignal): Promise<FoundQueue> {
  const url = await queueUrlOf(client, address, signal);
  // By name, older servers refuse attributes that a standard queue does not have.
  const { Attributes } = await client.call("GetQueueAttributes", { QueueUrl: url, AttributeNames: ["All"] }, signal);
  const arn = Attributes["QueueArn"];
  if (!arn) {
    throw new PiipeError("queue.unavailable", `SQS does not tell the ARN of the queue ${address.name}`, {
      hint: "Check that the endpoint is an SQS-compatible server: the ARN is what the ledger knows the queue by.",
    });
  }
  return {
    queue: { url, arn, isFifo: Attributes["FifoQueue"] === "true" },
    visibilitySeconds: Number(Attributes["VisibilityTimeout"]) || VISIBILITY_SECONDS_FALLBACK,
  };
}
