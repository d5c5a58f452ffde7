import type { PostgresPool } from "../postgres/connection.ts";
import { discardEvents } from "../storage/quarantine/discard-events.ts";
import { type Choice, countPending } from "../storage/quarantine/pending-events.ts";

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
