import { systemClock } from "../clock.ts";
import type { SqsConfig } from "../config/config.ts";
import type { Delivery } from "../pipeline/contracts.ts";
import { openSqsSource } from "../sources/sqs/open-sqs-source.ts";
import type { SqsSource } from "../sources/sqs/sqs-source.ts";

export interface PeekOptions {
  readonly messagesMax: number;
  /** Ends the looking; what was received is given back. */
  readonly stop: AbortSignal;
  /** Also ends the giving back: what is left shows up again when its visibility timeout ends. */
  readonly abort: AbortSignal;
}

export interface Peeked {
  /** Raw: never shown. */
  readonly bodies: readonly string[];
  /** Messages that could not be given back, and stay hidden until their visibility timeout ends. */
  readonly hidden: number;
}

/** Short: a process that is killed while it looks hides what it received no longer than this. */
export const PEEK_VISIBILITY_SECONDS = 30;
const WAIT_SECONDS = 1;
const GIVE_UP_AFTER_MS = 15_000;
/** A sample needs no more, and bodies may have 1 MiB each. */
const BYTES_MAX = 32 * 1024 * 1024;

/**
 * Receives messages and makes every one of them visible again, whatever happens. SQS counts each as received once more.
 * @throws {PiipeError} `queue.…`; `interrupted` when `stop` fires before the queue was found
 */
export async function peekQueue(
  { queue, region, endpoint }: SqsConfig,
  { messagesMax, stop, abort }: PeekOptions,
): Promise<Peeked> {
  const source = await openSqsSource({
    queue,
    region,
    endpoint,
    credentials: null,
    visibilityTimeoutSeconds: PEEK_VISIBILITY_SECONDS,
    attributeNames: [],
    waitSeconds: WAIT_SECONDS,
    giveUpAfterMs: GIVE_UP_AFTER_MS,
    signal: stop,
    clock: systemClock,
    emit: () => {},
  });
  try {
    const deliveries: Delivery[] = [];
    let hidden = 0;
    try {
      await receiveSome(source, deliveries, messagesMax, stop);
    } finally {
      hidden = await giveBack(source, deliveries, abort);
    }
    return { bodies: deliveries.map(({ body }) => body), hidden };
  } finally {
    // Gives back what was received and not handed out.
    await source.close();
  }
}

/** Ends with the first empty reply: the rest, if any, is hidden by other consumers or by the order of its group. */
async function receiveSome(
  source: SqsSource,
  deliveries: Delivery[],
  messagesMax: number,
  stop: AbortSignal,
): Promise<void> {
  let bytes = 0;
  while (deliveries.length < messagesMax && bytes < BYTES_MAX) {
    const received = await source.receive(messagesMax - deliveries.length, stop);
    if (received.length === 0) return;
    for (const delivery of received) {
      deliveries.push(delivery);
      bytes += delivery.bytes;
    }
  }
}

/** Returns how many could not be given back. */
async function giveBack(source: SqsSource, deliveries: readonly Delivery[], abort: AbortSignal): Promise<number> {
  if (deliveries.length === 0) return 0;
  const release = { kind: "release", delaySeconds: 0 } as const;
  const { released } = await source.settle(new Map(deliveries.map((delivery) => [delivery, release])), abort);
  return deliveries.length - released;
}
