import { randomUUID } from "node:crypto";
import { PiipeError } from "../errors.ts";
import { missingPackage } from "./missing-package.ts";

export interface EmbeddedSqsOptions {
  /** Default: a free one. */
  readonly port?: number;
}

/** What can be done with the queues of a local server. */
export interface LocalQueues {
  /** `http://127.0.0.1:…` */
  readonly endpoint: string;
  readonly region: string;
  /** Resolves to the queue's URL. Attributes as in SQS's CreateQueue. */
  createQueue(name: string, attributes?: Readonly<Record<string, string>>): Promise<string>;
  /** Sends in batches of ten, in order. A FIFO queue gets one message group and a deduplication id per message. */
  send(queueUrl: string, bodies: readonly string[]): Promise<void>;
}

/** An SQS-compatible server inside this process; its queues are gone when it stops. */
export interface EmbeddedSqs extends LocalQueues {
  /** Safe twice. */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
const REGION = "us-west-1";
/** A limit of SendMessageBatch. */
const BATCH_MESSAGES_MAX = 10;
/** A limit of SendMessageBatch on the bodies together: 1 MiB. */
const BATCH_BYTES_MAX = 1_048_576;

/**
 * Starts the server on 127.0.0.1. It accepts any credentials and unsigned requests.
 * Fails with `embedded.missing` when the optional package is not installed, else with `embedded.failed`.
 */
export async function startSqs(options: EmbeddedSqsOptions = {}): Promise<EmbeddedSqs> {
  const { buildApp } = await importFauxqs();
  // Not fauxqs's own start function, which listens on every interface of the machine.
  const app = buildApp({ logger: false, defaultRegion: REGION });
  const endpoint = await app.listen({ host: HOST, port: options.port ?? 0 }).catch(async (error: unknown) => {
    await app.close();
    throw new PiipeError("embedded.failed", `the local queue server could not listen on ${HOST}:${options.port ?? 0}`, {
      hint: "Choose another port.",
      cause: error,
    });
  });
  let stopping: Promise<void> | null = null;
  return {
    ...localQueues(endpoint),
    stop() {
      stopping ??= app.close();
      return stopping;
    },
  };
}

/** The queues of a server that was started here or by another process. */
export function localQueues(endpoint: string): LocalQueues {
  return {
    endpoint,
    region: REGION,
    async createQueue(name, attributes = {}) {
      const reply = await call(endpoint, "CreateQueue", { QueueName: name, Attributes: attributes });
      return String(reply["QueueUrl"]);
    },
    async send(queueUrl, bodies) {
      const isFifo = queueUrl.endsWith(".fifo");
      for (const batch of batches(bodies)) {
        const reply = await call(endpoint, "SendMessageBatch", {
          QueueUrl: queueUrl,
          Entries: batch.map((body, index) => ({
            Id: String(index),
            MessageBody: body,
            ...(isFifo && { MessageGroupId: "piipe", MessageDeduplicationId: randomUUID() }),
          })),
        });
        const failed: unknown = reply["Failed"];
        if (Array.isArray(failed) && failed.length > 0) {
          throw new PiipeError("embedded.failed", `the local queue server refused ${failed.length} messages`);
        }
      }
    },
  };
}

async function importFauxqs(): Promise<typeof import("fauxqs")> {
  try {
    return await import("fauxqs");
  } catch (error) {
    throw missingPackage("the package fauxqs, the local queue server,", error);
  }
}

async function call(endpoint: string, action: string, input: object): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify(input),
  });
  const reply = (await response.json()) as Readonly<Record<string, unknown>>;
  if (response.ok) return reply;
  throw new PiipeError("embedded.failed", `the local queue server answered ${action} with status ${response.status}`);
}

function* batches(bodies: readonly string[]): Generator<readonly string[]> {
  let start = 0;
  while (start < bodies.length) {
    let end = start;
    let bytes = 0;
    while (end < bodies.length && end - start < BATCH_MESSAGES_MAX) {
      bytes += Buffer.byteLength(bodies[end] ?? "");
      if (end > start && bytes > BATCH_BYTES_MAX) break;
      end += 1;
    }
    yield bodies.slice(start, end);
    start = end;
  }
}
