import { resolve } from "node:path";
import { ownQueues } from "../app/open-replay.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { findEntries } from "../store/find-entries.ts";
import { type Choice, countPending, databaseTime } from "../store/pending-events.ts";
import type { QuarantinedQueue, QuarantineEntry } from "../store/quarantine.ts";
import { counted } from "./counted.ts";
import type { Terminal } from "./terminal.ts";
import { withDatabase } from "./with-database.ts";

/** What every command of the quarantine works with. */
export interface Quarantine {
  readonly config: Config;
  readonly pool: PostgresPool;
  /** The queues of the configuration. */
  readonly queues: readonly QuarantinedQueue[];
}

/** Exactly one of the three says which pending events are meant. */
export interface ChoiceOptions {
  readonly ids: readonly string[];
  readonly code: string | null;
  readonly all: boolean;
}

export interface Chosen {
  /** By queue; those without a pending event are left out. */
  readonly choices: readonly Choice[];
  /** Pending events. */
  readonly count: number;
  /** Of the given ids those that are not pending any more. */
  readonly settled: readonly QuarantineEntry[];
}

/** @throws {PiipeError} `database.not-migrated` and whatever else keeps the quarantine from being read */
export async function withQuarantine<T>(
  configFile: string,
  { folder, environment }: Terminal,
  work: (quarantine: Quarantine) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(resolve(folder, configFile), environment);
  return withDatabase(config, async (pool) => work({ config, pool, queues: await ownQueues(config, pool) }));
}

/** @throws {PiipeError} `usage.invalid` */
export function checkChoice({ ids, code, all }: ChoiceOptions): void {
  const ways = [ids.length > 0, code !== null, all].filter((isGiven) => isGiven).length;
  if (ways === 1) return;
  throw new PiipeError(
    "usage.invalid",
    ways === 0 ? "nothing says which events are meant" : "ids, --code and --all exclude each other",
    { hint: "Give ids, or --code with a reason's code, or --all. `piipe quarantine list` shows ids and codes." },
  );
}

/** What waits now: events that are quarantined later are not meant. */
export async function chooseEvents({ pool, queues }: Quarantine, options: ChoiceOptions): Promise<Chosen> {
  const untilFirstSeen = await databaseTime(pool);
  const entries = options.ids.length > 0 ? await findEntries(pool, queues, options.ids) : null;
  const choices: Choice[] = [];
  let count = 0;
  for (const queue of queues) {
    const ids = entries?.filter((entry) => entry.queue === queue.arn).map(({ id }) => id) ?? null;
    const choice = { queue, ids, code: options.code, untilFirstSeen };
    const pending = await countPending(pool, choice);
    count += pending;
    if (pending > 0) choices.push(choice);
  }
  return { choices, count, settled: entries?.filter(({ state }) => state !== "pending") ?? [] };
}

export const eventCount = (count: number): string => counted(count, "event");

export function reportSettled({ settled }: Chosen, { writeError }: Terminal): void {
  for (const { id, state } of settled) writeError(`${id} is ${state} already\n`);
}
