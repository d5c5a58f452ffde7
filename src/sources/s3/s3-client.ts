import { isUtf8 } from "node:buffer";
import { interruptible } from "../../interruptible.ts";
import type { Clock, S3Object } from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import {
  type CredentialSource,
  StandardCredentials,
  type StaticCredentials,
  findEndpoint,
  parseEndpoint,
  staticCredentials,
} from "../sqs/client/aws-environment.ts";
import { AwsFailure, NETWORK_ERRORS } from "../sqs/client/aws-failure.ts";
import { regionOf } from "../sqs/client/open-sqs-client.ts";
import { regionalEndpoint } from "../sqs/client/queue-address.ts";
import { Retry } from "../sqs/client/retry.ts";
import { Signer, encoded } from "../sqs/client/signer.ts";
import { type ByteReply, type ByteRequest, ReplyTooLarge, Transport, single } from "../sqs/client/transport.ts";
import { describeS3Failure, isMissing, replyFailure, type S3Action, type S3RequestContext } from "./s3-errors.ts";

/** Where the objects are, and who asks. */
export interface S3Place {
  /** The queue's: its region is asked first. */
  readonly queue: string;
  /** null: the queue's own when its URL or ARN names one, else as AWS's tools find it. */
  readonly region: string | null;
  /** null: as AWS's tools find it, else AWS's own. */
  readonly endpoint: string | null;
  /** null: AWS's standard chain. */
  readonly credentials: StaticCredentials | null;
}

export interface S3ClientOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  /** Ends the look for region and endpoint early. Not listened to afterwards. */
  readonly signal: AbortSignal;
}

/** What an object is to whoever wants its text. */
export type Fetched =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "missing" }
  /** Has more bytes than asked for: the rest was not read. */
  | { readonly kind: "too-large" }
  | { readonly kind: "no-text" };

const METHODS = { GetObject: "GET", DeleteObject: "DELETE" } as const satisfies Record<S3Action, ByteRequest["method"]>;
const REPLY_TIMEOUT_MS = 10_000;
/** For a whole object: a server that sends a byte now and then must not hold a message for ever. */
const EXCHANGE_TIMEOUT_MS = 30_000;
/** Of a reply that holds an error. */
const ERROR_BYTES_MAX = 64 * 1024;
/** Of buckets in other regions than the queue's. */
const REGIONS_REMEMBERED_MAX = 100;
const REGION = /^[a-z]{2,}(?:-[a-z]+)+-\d+$/;
/** A certificate of AWS covers one name before the service's: buckets with dots are asked by path. */
const HOST_LABEL = /^[a-z0-9-]+$/;

/** @throws PiipeError `config.invalid`, `queue.region-missing`, or `interrupted` as soon as `signal` fires */
export async function openS3Client(place: S3Place, { clock, emit, signal }: S3ClientOptions): Promise<S3Client> {
  const region = await regionOf(place, signal);
  const found = place.endpoint ?? (await interruptible(findEndpoint("s3"), signal, "looking for the endpoint of S3"));
  const credentials =
    place.credentials === null ? new StandardCredentials(region) : staticCredentials(place.credentials);
  return new S3Client({
    region,
    endpoint: found === null ? null : parseEndpoint("s3", found),
    credentials,
    retry: new Retry(clock, credentials, emit, describeS3Failure),
    transport: new Transport(),
  });
}

interface Parts {
  readonly region: string;
  /** null: AWS's own of the bucket's region. */
  readonly endpoint: URL | null;
  readonly credentials: CredentialSource;
  readonly retry: Retry<S3RequestContext>;
  readonly transport: Pick<Transport, "request" | "close">;
  /** For a whole object. Default: 30 s. */
  readonly exchangeTimeoutMs?: number;
}

/** Where a request goes. */
interface Target {
  readonly origin: string;
  readonly host: string;
  readonly path: string;
}

/**
 * Reads and deletes objects. With an endpoint of its own, as servers other than AWS have, a bucket is named in the path; at
 * AWS by the host. A bucket in another region than the queue's is followed there, at AWS.
 */
export class S3Client {
  readonly #parts: Parts;
  readonly #signers = new Map<string, Signer>();
  /** By bucket, where that is not the queue's. */
  readonly #regions = new Map<string, string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Where S3 is asked first. */
  get endpoint(): URL {
    const { endpoint, region } = this.#parts;
    return endpoint ?? regionalEndpoint("s3", region);
  }

  /**
   * @throws PiipeError as `SqsCaller`: `retryable` when a later call may succeed; `s3.denied` and `s3.refused` may be of this
   * object alone. When `signal` fired, at once, and anything
   */
  fetch(object: S3Object, bytesMax: number, signal: AbortSignal): Promise<Fetched> {
    return this.#call("GetObject", signal, async (signingDate) => {
      const reply = await this.#exchange("GetObject", object, bytesMax, signingDate, signal).catch((error: unknown) => {
        if (error instanceof ReplyTooLarge && error.status === 200) return null;
        throw error;
      });
      if (reply === null || (reply.status === 200 && reply.bytes.length > bytesMax)) return { kind: "too-large" };
      if (isMissing(reply.status, reply.bytes)) return { kind: "missing" };
      if (reply.status !== 200) throw replyFailure(reply.status, reply.bytes, reply.dateMs);
      return isUtf8(reply.bytes) ? { kind: "text", text: reply.bytes.toString() } : { kind: "no-text" };
    });
  }

  /** One that is not there is deleted. @throws as `fetch` */
  delete(object: S3Object, signal: AbortSignal): Promise<void> {
    return this.#call("DeleteObject", signal, async (signingDate) => {
      const reply = await this.#exchange("DeleteObject", object, 0, signingDate, signal);
      const isGone = reply.status === 200 || reply.status === 204 || isMissing(reply.status, reply.bytes);
      if (!isGone) throw replyFailure(reply.status, reply.bytes, reply.dateMs);
    });
  }

  /**
   * Asks for nothing, as nobody, and takes any answer.
   * @throws PiipeError `s3.unreachable` or `s3.unavailable`
   */
  async reach(signal: AbortSignal): Promise<void> {
    const { origin, host, pathname: path } = this.endpoint;
    const request = { method: "GET", origin, path, headers: { host }, headersTimeoutMs: REPLY_TIMEOUT_MS } as const;
    await this.#call("GetObject", signal, () =>
      this.#inTime(signal, (limit) =>
        this.#parts.transport.request({ ...request, replyBytesMax: ERROR_BYTES_MAX }, limit),
      ),
    );
  }

  /** Safe twice. Requests under way fail. */
  close(): Promise<void> {
    return this.#parts.transport.close();
  }

  #call<T>(action: S3Action, signal: AbortSignal, attempt: (signingDate: () => Date) => Promise<T>): Promise<T> {
    return this.#parts.retry.run({ action, origin: this.endpoint.origin }, signal, attempt);
  }

  /** In the bucket's region, which AWS tells where it is another. */
  async #exchange(
    action: S3Action,
    object: S3Object,
    bytesMax: number,
    signingDate: () => Date,
    signal: AbortSignal,
  ): Promise<ByteReply> {
    const { endpoint, region: ofQueue } = this.#parts;
    const region = this.#regions.get(object.bucket) ?? ofQueue;
    const reply = await this.#send(action, object, region, bytesMax, signingDate, signal);
    const told = single(reply.headers["x-amz-bucket-region"]);
    const isElsewhere = endpoint === null && reply.status >= 300 && told !== null && told !== region;
    if (!isElsewhere || !REGION.test(told)) return reply;
    if (this.#regions.size >= REGIONS_REMEMBERED_MAX) this.#regions.clear();
    this.#regions.set(object.bucket, told);
    return this.#send(action, object, told, bytesMax, signingDate, signal);
  }

  async #send(
    action: S3Action,
    object: S3Object,
    region: string,
    bytesMax: number,
    signingDate: () => Date,
    signal: AbortSignal,
  ): Promise<ByteReply> {
    const { credentials } = this.#parts;
    const identity =
      credentials.known() ?? (await interruptible(credentials.current(), signal, "looking for AWS credentials"));
    const { origin, host, path } = this.#targetOf(object, region);
    const method = METHODS[action];
    const headers = this.#signerOf(region).sign({ method, host, path, headers: {}, body: "" }, identity, signingDate());
    const replyBytesMax = Math.max(bytesMax, ERROR_BYTES_MAX);
    const request = { method, origin, path, headers, headersTimeoutMs: REPLY_TIMEOUT_MS, replyBytesMax };
    return this.#inTime(signal, (limit) => this.#parts.transport.request(request, limit));
  }

  /** Gives the work a signal that also fires when it takes too long; that is a passing failure of the network. */
  async #inTime<T>(signal: AbortSignal, work: (limit: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const onAbort = (): void => limit.abort(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
    const timer = setTimeout(() => limit.abort(), this.#parts.exchangeTimeoutMs ?? EXCHANGE_TIMEOUT_MS);
    try {
      return await work(limit.signal);
    } catch (error) {
      if (!limit.signal.aborted || signal.aborted) throw error;
      const name = "UND_ERR_BODY_TIMEOUT";
      throw new AwsFailure(NETWORK_ERRORS[name], name, null, null, error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #targetOf({ bucket, key }: S3Object, region: string): Target {
    const { endpoint } = this.#parts;
    const base = endpoint ?? regionalEndpoint("s3", region);
    const path = `/${key.split("/").map(encoded).join("/")}`;
    if (endpoint === null && HOST_LABEL.test(bucket)) {
      const host = `${bucket}.${base.host}`;
      return { origin: `${base.protocol}//${host}`, host, path };
    }
    return { origin: base.origin, host: base.host, path: `${base.pathname.replace(/\/+$/, "")}/${bucket}${path}` };
  }

  #signerOf(region: string): Signer {
    let signer = this.#signers.get(region);
    if (signer === undefined) {
      signer = new Signer("s3", region);
      this.#signers.set(region, signer);
    }
    return signer;
  }
}
