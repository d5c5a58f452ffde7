import { systemClock } from "../clock.ts";
import { replay, type ReplayTotals } from "../pipeline/replay.ts";
import { inTransaction } from "../postgres/transaction.ts";
import { writeAudit } from "../storage/audit.ts";
import { type Choice, PendingEvents } from "../storage/quarantine/pending-events.ts";
import type { Emit } from "../telemetry/events.ts";
import { batchLimits } from "./batch-limits.ts";
import type { Quarantine } from "./choose-events.ts";
import { showConfigured } from "./configured-tables.ts";
import type { OpenedReplay } from "./open-replay.ts";

export interface ReplayChosenOptions {
  /** Closed at the end. */
  readonly opened: OpenedReplay;
  /** For the audit. */
  readonly operator: string;
  readonly reason: string | null;
  readonly emit: Emit;
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  readonly onPage: (totals: ReplayTotals) => void;
}

/** Who waits for it is a person: it must not try for ever. */
const GIVE_UP_AFTER_MS = 60_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;

/**
 * Replays the chosen events, queue by queue. Each page is noted in piipe.audit before it is opened.
 * @param totals is added to, also by a replay that fails
 * @throws {PiipeError} as `replay` does
 */
export async function replayChosen(
  { config, pool }: Quarantine,
  choices: readonly Choice[],
  totals: ReplayTotals,
  options: ReplayChosenOptions,
): Promise<void> {
  try {
    for (const choice of choices) await replayQueue({ config, pool }, choice, totals, options);
  } finally {
    await options.opened.close();
  }
}

async function replayQueue(
  { config, pool }: Pick<Quarantine, "config" | "pool">,
  choice: Choice,
  totals: ReplayTotals,
  { opened, operator, reason, emit, stop, abort, onPage }: ReplayChosenOptions,
): Promise<void> {
  const { rows, bytes } = batchLimits(config, await pool.dialect());
  const limits = { eventsMax: rows, bytesMax: bytes };
  const table = showConfigured(config);
  const { queue } = choice;
  const stages = opened.stagesOf(queue);
  const announce = async (ids: readonly string[]): Promise<void> => {
    const details = { queue: queue.arn, table, dryRun: stages.isDryRun, events: ids.length, ids };
    await inTransaction(
      pool,
      {
        doing: "noting in piipe.audit who replays events",
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        lockTimeoutMs: LOCK_TIMEOUT_MS,
        abort,
      },
      (run) => writeAudit(run, { action: "replay", operator, reason, details }),
    );
  };
  await replay({ ...stages, events: new PendingEvents(pool, choice, limits), announce }, totals, {
    clock: systemClock,
    emit,
    stop,
    abort,
    giveUpAfterMs: GIVE_UP_AFTER_MS,
    onPage,
  });
}
