import { interruptible } from "../../interruptible.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { Emit } from "../../telemetry/events.ts";
import { type SqsPlace, openSqsClient } from "./client/open-sqs-client.ts";
import { readQueue } from "./read-queue.ts";
import { SqsSource } from "./sqs-source.ts";

export type { StaticCredentials } from "./client/aws-environment.ts";

export interface OpenSqsSourceOptions extends SqsPlace {
  /** 1 to 43,200; null: the queue's own. */
  readonly visibilityTimeoutSeconds: number | null;
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
  const { client, address, close } = await openSqsClient(options);
  try {
    const doing = `looking for the queue ${address.name}`;
    const { url, arn, attributes } = await interruptible(readQueue(client, address, signal), signal, doing);
    const ownSeconds = Number(attributes["VisibilityTimeout"]) || VISIBILITY_SECONDS_FALLBACK;
    return new SqsSource({
      client,
      queue: { url, arn, isFifo: attributes["FifoQueue"] === "true" },
      visibilitySeconds: options.visibilityTimeoutSeconds ?? ownSeconds,
      waitSeconds: options.waitSeconds ?? WAIT_SECONDS,
      lingerMs: options.lingerMs ?? 0,
      attributeNames: options.attributeNames,
      giveUpAfterMs: options.giveUpAfterMs,
      clock,
      emit,
      closeClient: close,
    });
  } catch (error) {
    await close();
    throw error;
  }
}
