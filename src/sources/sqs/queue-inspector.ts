import type { PiipeError } from "../../errors.ts";
import { interruptible } from "../../interruptible.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import { type AwsIdentity, identityOf } from "./client/credential-origin.ts";
import { type OpenedSqsClient, type SqsPlace, openSqsClient } from "./client/open-sqs-client.ts";
import { type QueueAddress, parseQueue } from "./client/queue-address.ts";
import { probePermissions } from "./probe-permissions.ts";
import { type QueueAttributes, parseQueueAttributes, readQueue } from "./read-queue.ts";
import { ServerClock } from "./server-clock.ts";

/**
 * Looks at a queue and at who asks, and leaves both as they are. Each look ends at once with PiipeError `interrupted` when
 * its signal fires.
 */
export class QueueInspector {
  readonly #opened: OpenedSqsClient;
  readonly #clock: ServerClock;
  #url: string | null = null;

  private constructor(opened: OpenedSqsClient, clock: ServerClock) {
    this.#opened = opened;
    this.#clock = clock;
  }

  /** @throws PiipeError `config.invalid`, `queue.region-missing`, or `interrupted` */
  static async open(place: SqsPlace, clock: Clock, signal: AbortSignal): Promise<QueueInspector> {
    const serverClock = new ServerClock(clock);
    const through = serverClock.watch.bind(serverClock);
    return new QueueInspector(await openSqsClient({ ...place, clock, signal, emit: () => {}, through }), serverClock);
  }

  get endpoint(): URL {
    return this.#opened.endpoint;
  }

  /** SQS's clock less this machine's, at least; null: no reply has told. */
  get clockOffsetMs(): number | null {
    return this.#clock.offsetMs;
  }

  /** @throws PiipeError `queue.credentials` */
  async identity(signal: AbortSignal): Promise<AwsIdentity> {
    return identityOf(await interruptible(this.#opened.credentials.current(), signal, "looking for AWS credentials"));
  }

  /** @throws PiipeError any of `queue.…` */
  attributes(signal: AbortSignal): Promise<QueueAttributes> {
    return this.#inTime(signal, () => this.#read(this.#opened.address, signal));
  }

  /**
   * Of another queue, at the same endpoint.
   * @throws PiipeError any of `queue.…`; `config.invalid` when the ARN is not of the form that AWS's have
   */
  attributesOf(arn: string, signal: AbortSignal): Promise<QueueAttributes> {
    return this.#inTime(signal, () => this.#read(parseQueue(arn), signal));
  }

  /** As `probePermissions`; `attributes` must have succeeded before. */
  denials(mayReceive: boolean, signal: AbortSignal): Promise<readonly PiipeError[]> {
    const url = this.#url;
    if (url === null) throw new Error("the queue was not found yet");
    return this.#inTime(signal, () => probePermissions(this.#opened.client, url, mayReceive, signal));
  }

  /** Safe twice. */
  close(): Promise<void> {
    return this.#opened.close();
  }

  async #read(address: QueueAddress, signal: AbortSignal): Promise<QueueAttributes> {
    const { url, attributes } = await readQueue(this.#opened.client, address, signal);
    if (address === this.#opened.address) this.#url = url;
    return parseQueueAttributes(attributes);
  }

  async #inTime<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return interruptible(work(), signal, `looking at the queue ${this.#opened.address.name}`);
  }
}
