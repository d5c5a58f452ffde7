import { hostname } from "node:os";
import { type EventChoice, type Quarantine, chooseEvents, discardChosen } from "../app/choose-events.ts";
import { withDatabase } from "../app/open-database.ts";
import { openReplay } from "../app/open-replay.ts";
import { ownQueues } from "../app/own-queues.ts";
import { replayChosen } from "../app/replay-chosen.ts";
import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import { newReplayTotals } from "../pipeline/replay.ts";
import type { Emit } from "../telemetry/events.ts";
import type { ActionRequest } from "./api.ts";
import type { RunAction } from "./dashboard-data.ts";

export interface ActionOptions {
  /** With as many connections as an action may take. */
  readonly config: Config;
  readonly keysJson: string | undefined;
  /** null: nothing can be replayed. */
  readonly privateKey: PrivateKey | null;
  readonly emit: Emit;
  /** Cuts an action that is at work. */
  readonly abort: AbortSignal;
}

export interface DashboardActions {
  readonly replay: RunAction | null;
  readonly discard: RunAction;
}

/** Of one action: more are for the command line, which shows how far it is and can be stopped. */
const EVENTS_MAX = 10_000;

/** What `piipe quarantine replay` and `discard` do, on behalf of whoever holds the dashboard's token. */
export function dashboardActions({ config, keysJson, privateKey, emit, abort }: ActionOptions): DashboardActions {
  const audit = { operator: `dashboard@${hostname()}`, reason: null };

  async function withChosen<T>(
    request: ActionRequest,
    command: string,
    work: (quarantine: Quarantine, chosen: Awaited<ReturnType<typeof chooseEvents>>) => Promise<T>,
  ): Promise<T> {
    return withDatabase(config, async (pool) => {
      const quarantine = { config, pool, queues: await ownQueues(config, pool) };
      const chosen = await chooseEvents(quarantine, choiceOf(request));
      if (chosen.count > EVENTS_MAX) throw tooMany(chosen.count, command);
      return work(quarantine, chosen);
    });
  }

  return {
    discard: (request) =>
      withChosen(request, "discard", async ({ pool }, { choices, count }) => {
        const done = await discardChosen(pool, choices, { ...audit, abort, onPage() {} });
        return { events: count, done, skipped: 0, duplicate: 0, refused: 0, unopened: 0 };
      }),
    replay:
      privateKey === null
        ? null
        : (request, stop) =>
            withChosen(request, "replay", async (quarantine, { choices, count }) => {
              const options = { keysJson, privateKey, isDryRun: false };
              const opened = await openReplay(config, quarantine.pool, options);
              const totals = newReplayTotals();
              await replayChosen(quarantine, choices, totals, { ...audit, opened, emit, stop, abort, onPage() {} });
              const { stored, skipped, dropped, duplicate, refused, unopened } = totals;
              const rare = dropped === undefined ? {} : { dropped };
              return { events: count, done: stored, skipped, ...rare, duplicate, refused, unopened };
            }),
  };
}

const choiceOf = (request: ActionRequest): EventChoice =>
  "ids" in request ? { ids: request.ids, code: null } : { ids: [], code: request.code };

function tooMany(count: number, command: string): PiipeError {
  return new PiipeError(
    "usage.invalid",
    `${count} events are chosen; the dashboard takes at most ${EVENTS_MAX} at once`,
    {
      hint: `Choose fewer, or use \`piipe quarantine ${command}\`.`,
    },
  );
}
