import type { Config } from "../config/config.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { discardEvents } from "../storage/quarantine/discard-events.ts";
import { findEntries } from "../storage/quarantine/find-entries.ts";
import { type Choice, countPending, databaseTime } from "../storage/quarantine/pending-events.ts";
import type { QuarantineEntry, QuarantinedQueue } from "../storage/quarantine/quarantine.ts";

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

export interface DiscardChosenOptions {
  /** For the audit. */
  readonly operator: string;
  readonly reason: string | null;
  /** Each transaction stands by itself: what was discarded until then stays so. */
  readonly abort: AbortSignal;
  readonly onPage: (discarded: number) => void;
}

/** In one transaction. */
const EVENTS_MAX = 1_000;

/** Discards the chosen events for good, queue by queue. Returns how many; less when a replay was faster. */
export async function discardChosen(
  pool: PostgresPool,
  choices: readonly Choice[],
  { onPage, ...options }: DiscardChosenOptions,
): Promise<number> {
  let discarded = 0;
  for (const choice of choices) {
    while ((await countPending(pool, choice)) > 0) {
      discarded += await discardEvents(pool, choice, { ...options, eventsMax: EVENTS_MAX });
      onPage(discarded);
    }
  }
  return discarded;
}
