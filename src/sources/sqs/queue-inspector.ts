import { PiipeError } from "../../errors.ts";
import { interruptible } from "../../interruptible.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import { type AwsIdentity, identityOf } from "./client/credential-origin.ts";
import { type OpenedSqsClient, type SqsPlace, openSqsClient } from "./client/open-sqs-client.ts";
import { type QueueAddress, parseQueue } from "./client/queue-address.ts";
import type { SqsCaller } from "./client/sqs-actions.ts";
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

/** No receipt handle that SQS ever gave: it can mean no message. */
const NO_HANDLE = "piipe-check";

/**
 * Tries what a run does to messages, without an effect on any: with a receipt handle that is none, which servers refuse in
 * several ways, or ignore. One that looks at the handle before the permission hides that the latter is missing; no more
 * can be had without touching a message. Receiving has no such way: it would count as a receipt, and of a poison message
 * perhaps as the last. So it is tried only with `mayReceive`, for a queue that is empty; what comes in just then is
 * visible again at once.
 * @returns the refusals, one for each permission that is missing
 * @throws PiipeError when SQS could not be asked
 */
async function probePermissions(
  client: SqsCaller,
  queueUrl: string,
  mayReceive: boolean,
  signal: AbortSignal,
): Promise<readonly PiipeError[]> {
  const entry = { Id: "0", ReceiptHandle: NO_HANDLE };
  const attempts: Promise<unknown>[] = [
    client.call("DeleteMessageBatch", { QueueUrl: queueUrl, Entries: [entry] }, signal),
    client.call(
      "ChangeMessageVisibilityBatch",
      { QueueUrl: queueUrl, Entries: [{ ...entry, VisibilityTimeout: 0 }] },
      signal,
    ),
  ];
  if (mayReceive) {
    const request = {
      QueueUrl: queueUrl,
      MaxNumberOfMessages: 1,
      WaitTimeSeconds: 0,
      VisibilityTimeout: 0,
      MessageSystemAttributeNames: [],
      AttributeNames: [],
    };
    attempts.push(client.call("ReceiveMessage", request, signal));
  }
  const denials: PiipeError[] = [];
  for (const attempt of await Promise.allSettled(attempts)) {
    if (attempt.status === "fulfilled") continue;
    const error: unknown = attempt.reason;
    if (!(error instanceof PiipeError)) throw error;
    if (error.code === "queue.denied") denials.push(error);
    else if (error.code !== "queue.refused") throw error;
  }
  return denials;
}
