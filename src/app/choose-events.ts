import type { Config } from "../config/config.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { findEntries } from "../storage/quarantine/find-entries.ts";
import { type Choice, countPending, databaseTime } from "../storage/quarantine/pending-events.ts";
import type { QuarantinedQueue, QuarantineEntry } from "../storage/quarantine/quarantine.ts";

/** What everything that is done to the quarantine works with. */
export interface Quarantine {
  readonly config: Config;
  readonly pool: PostgresPool;
  /** The queues of the configuration. */
  readonly queues: readonly QuarantinedQueue[];
}

/** Which pending events are meant; all of them when there are neither ids nor a code. */
export interface EventChoice {
  readonly ids: readonly string[];
  /** null: any. */
  readonly code: string | null;
}

export interface Chosen {
  /** By queue; those without a pending event are left out. */
  readonly choices: readonly Choice[];
  /** Pending events. */
  readonly count: number;
  /** Of the given ids those that are not pending any more. */
  readonly settled: readonly QuarantineEntry[];
}

/** What waits now: events that are quarantined later are not meant. */
export async function chooseEvents({ pool, queues }: Quarantine, { ids, code }: EventChoice): Promise<Chosen> {
  const untilFirstSeen = await databaseTime(pool);
  const entries = ids.length > 0 ? await findEntries(pool, queues, ids) : null;
  const choices: Choice[] = [];
  let count = 0;
  for (const queue of queues) {
    const idsOfQueue = entries?.filter((entry) => entry.queue === queue.arn).map(({ id }) => id) ?? null;
    const choice = { queue, ids: idsOfQueue, code, untilFirstSeen };
    const pending = await countPending(pool, choice);
    count += pending;
    if (pending > 0) choices.push(choice);
  }
  return { choices, count, settled: entries?.filter(({ state }) => state !== "pending") ?? [] };
}
