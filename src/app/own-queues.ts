import type { Config } from "../config/config.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { queuesNamed } from "../sources/sqs/client/queue-address.ts";
import { type QuarantinedQueue, quarantinedQueues } from "../storage/quarantine/quarantine.ts";
import { isLoadOf } from "./load-name.ts";

/** The queues and loads in the quarantine that the configuration means: events of other pipelines do not fit its columns. */
export async function ownQueues(config: Config, pool: PostgresPool): Promise<readonly QuarantinedQueue[]> {
  const queues = await quarantinedQueues(pool);
  const arns = queuesNamed(
    config.source.sqs,
    queues.map(({ arn }) => arn),
  );
  return queues.filter(({ arn }) => arns.includes(arn) || isLoadOf(config, arn));
}
