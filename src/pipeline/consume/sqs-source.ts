import { PiipeError } from "../../errors.ts";
import type { Emit } from "../../telemetry/events.ts";
import type { Clock, Delivery, Settlement, SettleReport, Source } from "../contracts.ts";
import {
  findEndpoint,
  findRegion,
  parseEndpoint,
  StandardCredentials,
  type StaticCredentials,
  staticCredentials,
} from "./aws-environment.ts";
import { Intake } from "./intake.ts";
import { interruptible } from "./interruptible.ts";
import { Poller } from "./poller.ts";
import { parseQueue, type QueueAddress, regionalEndpoint } from "./queue-address.ts";
import { Retry } from "./retry.ts";
import { type Release, Settler } from "./settler.ts";
import { Signer } from "./signer.ts";
import type { SqsMessage } from "./sqs-actions.ts";
import { SqsClient } from "./sqs-client.ts";
import { type TrackedMessage, Tracker } from "./tracker.ts";
import { Transport } from "./transport.ts";
import { Visibility } from "./visibility.ts";

export type { StaticCredentials } from "./aws-environment.ts";

export interface SqsSourceOptions {
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
/** Long enough for a passing fault of the network, short against a redelivery. */
const CORRUPT_DELAY_SECONDS = 5;
const CLOSE_TIMEOUT_MS = 5_000;

interface OpenQueue {
  readonly url: string;
  readonly arn: string;
  readonly isFifo: boolean;
  readonly visibilitySeconds: number;
}

async function queueUrlOf(client: SqsClient, address: QueueAddress, signal: AbortSignal): Promise<string> {
  if (address.url !== null) return address.url;
  const owner = address.accountId === null ? {} : { QueueOwnerAWSAccountId: address.accountId };
  return (await client.call("GetQueueUrl", { QueueName: address.name, ...owner }, signal)).QueueUrl;
}

async function openQueue(client: SqsClient, address: QueueAddress, signal: AbortSignal): Promise<OpenQueue> {
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
    url,
    arn,
    isFifo: Attributes["FifoQueue"] === "true",
    visibilitySeconds: Number(Attributes["VisibilityTimeout"]) || VISIBILITY_SECONDS_FALLBACK,
  };
}

/** Amazon SQS, or a server compatible with it, as the pipeline's source. */
export class SqsSource implements Source {
  readonly name: string;
  readonly ordered: boolean;
  readonly #url: string;
  readonly #client: SqsClient;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #tracker = new Tracker();
  readonly #settler: Settler;
  readonly #poller: Poller;
  readonly #heartbeat: Promise<void>;
  readonly #closed = new AbortController();
  #closing: Promise<void> | null = null;

  /**
   * Finds the queue and reads its settings. The AWS identity needs sqs:GetQueueUrl (unless the queue is given as a
   * URL) and sqs:GetQueueAttributes, and later sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility.
   * @throws PiipeError `config.invalid`, any of `queue.…`, or `interrupted` as soon as `signal` fires
   */
  static async open(options: SqsSourceOptions): Promise<SqsSource> {
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
      const queue = await interruptible(openQueue(client, address, signal), signal, doing);
      return new SqsSource(options, transport, client, queue);
    } catch (error) {
      await transport.close();
      throw error;
    }
  }

  private constructor(options: SqsSourceOptions, transport: Transport, client: SqsClient, queue: OpenQueue) {
    const { clock, emit } = options;
    const attributeNames = [...new Set(options.attributeNames)];
    const visibilitySeconds = options.visibilityTimeoutSeconds ?? queue.visibilitySeconds;
    const tracker = this.#tracker;
    this.name = queue.arn;
    this.ordered = queue.isFifo;
    this.#url = queue.url;
    this.#client = client;
    this.#transport = transport;
    this.#clock = clock;
    this.#emit = emit;
    this.#settler = new Settler({ client, queueUrl: queue.url, clock });
    this.#poller = new Poller({
      client,
      intake: new Intake(tracker, clock, visibilitySeconds, attributeNames),
      queueUrl: queue.url,
      waitSeconds: options.waitSeconds ?? WAIT_SECONDS,
      visibilitySeconds,
      attributeNames,
      giveUpAfterMs: options.giveUpAfterMs,
      clock,
      emit,
      onCorrupt: (corrupt, withheld) => this.#refuseCorrupt(corrupt, withheld),
    });
    this.#heartbeat = new Visibility({ client, tracker, queueUrl: queue.url, visibilitySeconds, clock, emit })
      .run(this.#closed.signal)
      .catch((error: unknown) => this.#poller.fail(error));
  }

  receive(room: number, stop: AbortSignal): Promise<readonly Delivery[]> {
    return this.#poller.receive(room, stop);
  }

  async settle(settled: ReadonlyMap<Delivery, Settlement>, abort: AbortSignal): Promise<SettleReport> {
    const deletes: TrackedMessage[] = [];
    const releases: Release[] = [];
    for (const [delivery, settlement] of settled) {
      const message = this.#tracker.get(delivery.id);
      if (message === undefined) continue;
      message.isSettling = true;
      if (settlement.kind === "delete") deletes.push(message);
      else releases.push({ message, delaySeconds: settlement.delaySeconds });
    }
    try {
      const deleting = this.#settler.delete(deletes, abort);
      const releasing = this.#settler.release(releases, abort);
      // What is under way must end before its entries are forgotten.
      await Promise.allSettled([deleting, releasing]);
      const [deleted, released] = await Promise.all([deleting, releasing]);
      return { deleted, released, failed: settled.size - deleted - released };
    } finally {
      // Also what failed: its next receipt is a delivery of its own.
      for (const delivery of settled.keys()) this.#tracker.forget(delivery.id);
    }
  }

  async depth(signal: AbortSignal): Promise<number> {
    const names = [
      "ApproximateNumberOfMessages",
      "ApproximateNumberOfMessagesNotVisible",
      "ApproximateNumberOfMessagesDelayed",
    ];
    const request = { QueueUrl: this.#url, AttributeNames: names };
    const asking = this.#client.call("GetQueueAttributes", request, signal);
    const { Attributes } = await interruptible(asking, signal, "asking for the queue's depth");
    return names.reduce((sum, name) => sum + (Number(Attributes[name]) || 0), 0);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    const [unused] = await Promise.all([this.#poller.close(), this.#heartbeat]);
    try {
      // Best effort: what cannot be released comes back when its visibility timeout ends.
      await this.#releaseNow(unused, AbortSignal.timeout(CLOSE_TIMEOUT_MS));
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
    } finally {
      await this.#transport.close();
    }
  }

  async #releaseNow(deliveries: readonly Delivery[], signal: AbortSignal): Promise<void> {
    if (deliveries.length === 0) return;
    await this.settle(new Map(deliveries.map((delivery) => [delivery, { kind: "release", delaySeconds: 0 }])), signal);
  }

  /** The queue's copy is the one to trust: it is received again, and only this receipt is refused. */
  async #refuseCorrupt(corrupt: readonly SqsMessage[], withheld: readonly SqsMessage[]): Promise<void> {
    this.#emit({ type: "delivery.corrupt", count: corrupt.length });
    const requestedAtMs = this.#clock.nowMs();
    // All with the same delay, in one request: as long as the first of a group is hidden, SQS gives none behind it.
    const releases = [...corrupt, ...withheld].map((message) => ({
      message: {
        id: message.MessageId,
        receiptHandle: message.ReceiptHandle,
        requestedAtMs,
        visibleAtMs: requestedAtMs,
        isSettling: true,
        isLost: false,
      },
      delaySeconds: CORRUPT_DELAY_SECONDS,
    }));
    await this.#settler.release(releases, this.#closed.signal);
  }
}
