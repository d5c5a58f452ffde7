import { queueUrlParts } from "../../../config/service-url.ts";
import { interruptible } from "../../../interruptible.ts";
import type { CredentialSource } from "./aws-environment.ts";
import type { RequestContext } from "./describe-failure.ts";
import { jsonProtocol } from "./json-protocol.ts";
import type { EncodedRequest, Protocol } from "./protocol.ts";
import { originOf } from "./queue-address.ts";
import type { Retry } from "./retry.ts";
import type { Signer } from "./signer.ts";
import type { ActionInputs, ActionOutputs, SqsAction, SqsCaller } from "./sqs-actions.ts";
import { notSqsFailure, replyFailure } from "./sqs-errors.ts";
import type { HttpPost, HttpReply } from "./transport.ts";

export interface SqsClientOptions {
  readonly transport: HttpPost;
  readonly signer: Signer;
  readonly credentials: CredentialSource;
  readonly retry: Retry<RequestContext>;
  readonly region: string;
  /** The queue's name, for messages. */
  readonly queue: string;
  /** Where everything goes, or null: AWS, where each queue URL names its own host. */
  readonly endpoint: URL | null;
  /** AWS's endpoint of the region, for requests that name no queue URL. */
  readonly regionalEndpoint: URL;
}

/** Where the requests about a queue go. */
interface QueuePlace {
  readonly origin: string;
  readonly host: string;
  readonly path: string;
  /** For a protocol that has the queue in the path. */
  readonly queuePath: string;
}

/** Longest wait for a reply to begin, beyond a long poll's own wait. */
const REPLY_TIMEOUT_MS = 10_000;
/** A gateway says these of a server behind it: they tell nothing of the protocol. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** SQS's actions, typed, signed and retried, over whichever protocol the server speaks. */
export class SqsClient implements SqsCaller {
  readonly #options: SqsClientOptions;
  /** null until the first reply has shown it. */
  #protocol: Protocol | null = null;
  /** By queue URL; null before it is known. A client has one queue. */
  readonly #places = new Map<string | null, QueuePlace>();

  constructor(options: SqsClientOptions) {
    this.#options = options;
  }

  call<A extends SqsAction>(action: A, input: ActionInputs[A], signal: AbortSignal): Promise<ActionOutputs[A]> {
    const { retry, queue, region } = this.#options;
    const queueUrl = "QueueUrl" in input ? input.QueueUrl : null;
    const context = { action, queue, region, origin: this.#placeOf(queueUrl).origin };
    return retry.run(context, signal, (signingDate) => this.#attempt(action, input, queueUrl, signingDate, signal));
  }

  async #attempt<A extends SqsAction>(
    action: A,
    input: ActionInputs[A],
    queueUrl: string | null,
    signingDate: () => Date,
    signal: AbortSignal,
  ): Promise<ActionOutputs[A]> {
    const waitSeconds = "WaitTimeSeconds" in input ? input.WaitTimeSeconds : 0;
    const headersTimeoutMs = waitSeconds * 1_000 + REPLY_TIMEOUT_MS;
    let reply: HttpReply | null = null;
    for (const candidate of this.#protocol === null ? [jsonProtocol, null] : [this.#protocol]) {
      // The Query protocol's parser is loaded only where a server speaks nothing else.
      const protocol = candidate ?? (await import("./query-protocol.ts")).queryProtocol;
      reply = await this.#send(protocol.encode(action, input), queueUrl, headersTimeoutMs, signingDate, signal);
      if (protocol.speaks(reply)) {
        if (reply.status !== 200) throw replyFailure(protocol.errorCode(reply), reply.status, reply.dateMs);
        const output = protocol.decode(action, reply.body);
        this.#protocol = protocol;
        return output;
      }
      if (GATEWAY_STATUSES.has(reply.status)) break;
    }
    const { status, dateMs } = reply as HttpReply;
    throw this.#protocol === null
      ? notSqsFailure(status, dateMs)
      : replyFailure(this.#protocol.errorCode(reply as HttpReply), status, dateMs);
  }

  async #send(
    encoded: EncodedRequest,
    queueUrl: string | null,
    headersTimeoutMs: number,
    signingDate: () => Date,
    signal: AbortSignal,
  ): Promise<HttpReply> {
    const { transport, signer, credentials } = this.#options;
    const { origin, host, ...place } = this.#placeOf(queueUrl);
    const path = encoded.queueUrl === null ? place.path : place.queuePath;
    const identity =
      credentials.known() ?? (await interruptible(credentials.current(), signal, "looking for AWS credentials"));
    const { body } = encoded;
    const headers = signer.sign(
      { method: "POST", host, path, headers: encoded.headers, body },
      identity,
      signingDate(),
    );
    return transport.post({ origin, path, headers, body, headersTimeoutMs }, signal);
  }

  #placeOf(queueUrl: string | null): QueuePlace {
    let place = this.#places.get(queueUrl);
    if (place === undefined) {
      const { origin, host, pathname } = this.#base(queueUrl);
      const queuePath = queueUrl === null ? pathname : `${pathname.replace(/\/+$/, "")}${pathOf(queueUrl)}`;
      place = { origin, host, path: pathname, queuePath };
      this.#places.set(queueUrl, place);
    }
    return place;
  }

  /** With an endpoint set everything goes there: local servers put host names of their own into their queue URLs. */
  #base(queueUrl: string | null): URL {
    const { endpoint, regionalEndpoint } = this.#options;
    if (endpoint !== null) return new URL(`${endpoint.origin}${endpoint.pathname}`);
    return queueUrl === null ? regionalEndpoint : originOf(queueUrl);
  }
}

/** Of a queue URL as the server gave it, which need not be one to anybody else. */
const pathOf = (queueUrl: string): string => queueUrlParts(queueUrl)?.path ?? "/";
