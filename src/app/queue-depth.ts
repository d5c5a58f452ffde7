import type { Config } from "../config/config.ts";
import { nameOfArn } from "../sources/sqs/client/queue-address.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import type { QueueCounts, SqsSource } from "../sources/sqs/sqs-source.ts";
import { type QueueInspector, openQueueInspector } from "./open-queue-inspector.ts";
import { openSource } from "./open-source.ts";
import type { DeadLetters } from "./snapshot.ts";

/** Asks how many messages a queue holds, and receives none. */
export interface QueueDepth {
  /** @throws {PiipeError} any of `queue.…`, `config.invalid`, or `interrupted`; may be called again */
  read(signal: AbortSignal): Promise<QueueCounts>;
  /** As `read`, in whatever state. */
  total(signal: AbortSignal): Promise<number>;
  /** Safe twice. */
  close(): Promise<void>;
}

/**
 * Opens nothing yet: that is for the first `read`.
 * @param credentials only for the demo's local queue; null: the standard AWS chain
 */
export function queueDepth(config: Config, credentials: StaticCredentials | null): QueueDepth {
  let source: SqsSource | null = null;
  const open = async (signal: AbortSignal): Promise<SqsSource> =>
    (source ??= await openSource(config, { emit: () => {}, untilEmpty: false, credentials, stop: signal }));
  return {
    read: async (signal) => (await open(signal)).counts(signal),
    total: async (signal) => (await open(signal)).depth(signal),
    async close() {
      await source?.close();
    },
  };
}

/** Asks what a queue's dead-letter queue holds, and receives none of it. */
export interface DeadLetterDepth {
  /**
   * null: the queue has none. A run needs no right to it: that asking fails says nothing of the pipeline.
   * @throws {PiipeError} any of `queue.…`, `config.invalid`, or `interrupted`; may be called again
   */
  read(signal: AbortSignal): Promise<DeadLetters | null>;
  /** Safe twice. */
  close(): Promise<void>;
}

/**
 * Opens nothing yet: that is for the first `read`.
 * @param credentials only for the demo's local queue; null: the standard AWS chain
 */
export function deadLetterDepth(config: Config, credentials: StaticCredentials | null): DeadLetterDepth {
  let inspector: QueueInspector | null = null;
  return {
    async read(signal) {
      inspector ??= await openQueueInspector(config, { credentials, signal });
      // Asked anew: a redrive policy changes while somebody watches.
      const { redrive } = await inspector.attributes(signal);
      if (redrive === null) return null;
      const { depth } = await inspector.attributesOf(redrive.deadLetterArn, signal);
      return { queue: nameOfArn(redrive.deadLetterArn), waiting: depth };
    },
    async close() {
      await inspector?.close();
    },
  };
}
