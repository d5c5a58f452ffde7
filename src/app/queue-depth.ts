import type { Config } from "../config/config.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import type { QueueCounts, SqsSource } from "../sources/sqs/sqs-source.ts";
import { openSource } from "./open-source.ts";

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
