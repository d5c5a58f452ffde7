import { resolve } from "node:path";
import { openDatabase, ownQueues } from "../app.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { checkMigrated } from "../store/check-migrated.ts";
import { findEntries } from "../store/find-entries.ts";
import { type Choice, countPending, databaseTime } from "../store/pending-events.ts";
import type { QuarantinedQueue, QuarantineEntry } from "../store/quarantine.ts";
import type { Terminal } from "./terminal.ts";

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
  const pool = openDatabase(config);
  try {
    await checkMigrated(pool);
    return await work({ config, pool, queues: await ownQueues(config, pool) });
  } finally {
    await pool.close();
  }
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

/** `12 events`, `1 event`. */
export const eventCount = (count: number): string => `${count} event${count === 1 ? "" : "s"}`;

export function reportSettled({ settled }: Chosen, { writeError }: Terminal): void {
  for (const { id, state } of settled) writeError(`${id} is ${state} already\n`);
}
