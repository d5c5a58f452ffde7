import type { Config } from "../config/config.ts";
import { nameOfArn } from "../sources/sqs/client/queue-address.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import { openQueueInspector, type QueueInspector } from "./open-queue-inspector.ts";
import type { DeadLetters } from "./snapshot.ts";

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
