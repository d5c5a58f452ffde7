import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import { QueueInspector } from "../sources/sqs/queue-inspector.ts";

export type { AwsIdentity } from "../sources/sqs/client/credential-origin.ts";
export type { QueueAttributes } from "../sources/sqs/read-queue.ts";
export type { QueueInspector } from "../sources/sqs/queue-inspector.ts";

export interface QueueInspectorOptions {
  /** Only for the demo's local queue; null: the standard AWS chain. */
  readonly credentials: StaticCredentials | null;
  /** Ends the start early. */
  readonly signal: AbortSignal;
}

/** Fails as `QueueInspector.open` does. */
export function openQueueInspector(
  config: Config,
  { credentials, signal }: QueueInspectorOptions,
): Promise<QueueInspector> {
  const { queue, region, endpoint } = config.source.sqs;
  return QueueInspector.open({ queue, region, endpoint, credentials }, systemClock, signal);
}
