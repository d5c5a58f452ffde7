import { interruptible } from "../../../interruptible.ts";
import type { Clock } from "../../../pipeline/contracts.ts";
import type { Emit } from "../../../telemetry/events.ts";
import {
  type CredentialSource,
  StandardCredentials,
  type StaticCredentials,
  findEndpoint,
  findRegion,
  parseEndpoint,
  staticCredentials,
} from "./aws-environment.ts";
import { describeFailure } from "./describe-failure.ts";
import { type QueueAddress, originOf, parseQueue, regionalEndpoint } from "./queue-address.ts";
import { Retry } from "./retry.ts";
import { Signer } from "./signer.ts";
import type { SqsCaller } from "./sqs-actions.ts";
import { SqsClient } from "./sqs-client.ts";
import { type HttpPost, Transport } from "./transport.ts";

/** Where a queue is, and who asks. */
export interface SqsPlace {
  /** A name, a URL or an ARN. */
  readonly queue: string;
  /** null: the queue's own when its URL or ARN names one, else as AWS's tools find it. */
  readonly region: string | null;
  /** null: as AWS's tools find it, else AWS's own. */
  readonly endpoint: string | null;
  /** null: AWS's standard chain. */
  readonly credentials: StaticCredentials | null;
}

export interface OpenSqsClientOptions extends SqsPlace {
  /** Ends the look for region and endpoint early. Not listened to afterwards. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly emit: Emit;
  /** Comes between the client and the network. Default: nothing does. */
  readonly through?: (post: HttpPost) => HttpPost;
}

export interface OpenedSqsClient {
  readonly client: SqsCaller;
  readonly address: QueueAddress;
  readonly credentials: CredentialSource;
  /** Where requests go. */
  readonly endpoint: URL;
  /** Safe twice. Requests under way fail. */
  readonly close: () => Promise<void>;
}

/**
 * The region of the queue, and of what belongs to it.
 * @throws PiipeError `config.invalid`, `queue.region-missing`, or `interrupted` as soon as `signal` fires
 */
export async function regionOf(
  { queue, region }: Pick<SqsPlace, "queue" | "region">,
  signal: AbortSignal,
): Promise<string> {
  const address = parseQueue(queue);
  return region ?? address.region ?? (await interruptible(findRegion(), signal, "looking for the AWS region"));
}

/**
 * Sends nothing yet but what finding a region may need.
 * @throws PiipeError `config.invalid`, `queue.region-missing`, or `interrupted` as soon as `signal` fires
 */
export async function openSqsClient(options: OpenSqsClientOptions): Promise<OpenedSqsClient> {
  const { clock, emit, signal } = options;
  const address = parseQueue(options.queue);
  const doing = `looking for the queue ${address.name}`;
  const region = await regionOf(options, signal);
  const endpointText = options.endpoint ?? (await interruptible(findEndpoint("sqs"), signal, doing));
  const endpoint = endpointText === null ? null : parseEndpoint("sqs", endpointText);
  const requestsGoTo = endpoint ?? (address.url === null ? regionalEndpoint("sqs", region) : originOf(address.url));
  const transport = new Transport();
  const credentials =
    options.credentials === null ? new StandardCredentials(region) : staticCredentials(options.credentials);
  const client = new SqsClient({
    transport: options.through?.(transport) ?? transport,
    signer: new Signer("sqs", region),
    credentials,
    retry: new Retry(clock, credentials, emit, describeFailure),
    region,
    queue: address.name,
    endpoint,
    regionalEndpoint: regionalEndpoint("sqs", region),
  });
  return {
    client,
    address,
    credentials,
    endpoint: requestsGoTo,
    close: () => transport.close(),
  };
}
