import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { QueueInspector } from "../pipeline/consume/queue-inspector.ts";

export type { AwsIdentity } from "../pipeline/consume/credential-origin.ts";
export type { QueueAttributes } from "../pipeline/consume/queue-attributes.ts";
export type { QueueInspector } from "../pipeline/consume/queue-inspector.ts";

/** As AWS's own chain finds the credentials. Fails as `QueueInspector.open` does. */
export function openQueueInspector(config: Config, signal: AbortSignal): Promise<QueueInspector> {
  const { queue, region, endpoint } = config.source.sqs;
  return QueueInspector.open({ queue, region, endpoint, credentials: null }, systemClock, signal);
}
