import { resolve } from "node:path";
import type { Chosen, EventChoice, Quarantine } from "../app/choose-events.ts";
import { withDatabase } from "../app/open-database.ts";
import { ownQueues } from "../app/own-queues.ts";
import { loadConfig } from "../config/load-config.ts";
import { PiipeError } from "../errors.ts";
import { counted } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** Exactly one of the three says which pending events are meant. */
export interface ChoiceOptions extends EventChoice {
  readonly all: boolean;
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

export const eventCount = (count: number): string => counted(count, "event");

export function reportSettled({ settled }: Chosen, { writeError }: Terminal): void {
  for (const { id, state } of settled) writeError(`${id} is ${state} already\n`);
}
