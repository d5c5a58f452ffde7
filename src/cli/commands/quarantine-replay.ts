import { resolve } from "node:path";
import { openReplay } from "../../app/open-replay.ts";
import { systemClock } from "../../clock.ts";
import { PiipeError } from "../../errors.ts";
import { loadPrivateKey } from "../../keys/load-keyring.ts";
import type { PrivateKey } from "../../keys/private-key.ts";
import { newReplayTotals, replay, type ReplayTotals } from "../../pipeline/replay.ts";
import { showTable } from "../../postgres/identifiers.ts";
import { inTransaction } from "../../postgres/transaction.ts";
import { writeAudit } from "../../store/audit.ts";
import { PendingEvents } from "../../store/pending-events.ts";
import { createLog } from "../../telemetry/log.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf } from "../exit-codes.ts";
import { operatorName } from "../operator-name.ts";
import { printError, reportOf } from "../print-error.ts";
import { ProgressBar } from "../progress-bar.ts";
import {
  checkChoice,
  type ChoiceOptions,
  chooseEvents,
  eventCount,
  type Quarantine,
  reportSettled,
  withQuarantine,
} from "../quarantine-choice.ts";
import { reasonOf } from "../reason-of.ts";
import { listenForStop, type StopSignals } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";

export interface QuarantineReplayOptions extends ChoiceOptions {
  readonly config: string;
  readonly privateFile: string;
  /** Goes the whole way but for the writing. */
  readonly dryRun: boolean;
  /** For the audit. */
  readonly reason: string | null;
  readonly json: boolean;
}

const DRAIN_TIMEOUT_MS = 25_000;
/** A command that a person waits for must not try for ever. */
const GIVE_UP_AFTER_MS = 60_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;

export async function quarantineReplayCommand(options: QuarantineReplayOptions, terminal: Terminal): Promise<ExitCode> {
  const signals = listenForStop(terminal, DRAIN_TIMEOUT_MS);
  const totals = newReplayTotals();
  let settled = 0;
  let failure: unknown = null;
  try {
    checkChoice(options);
    const privateKey = await loadPrivateKey(resolve(terminal.folder, options.privateFile));
    settled = await withQuarantine(options.config, terminal, (quarantine) =>
      replayChosen(quarantine, privateKey, totals, { options, terminal, signals }),
    );
    if (totals.events > 0 && totals.unopened === totals.events) throw wrongKey(totals.events);
  } catch (error) {
    failure = error;
  }
  signals.close();
  if (failure !== null) printError(failure, terminal);
  else terminal.writeError(summaryOf(totals, options.dryRun));
  if (options.json) terminal.writeOut(`${JSON.stringify(reportJson(totals, settled, options.dryRun, failure))}\n`);
  if (failure !== null) return exitCodeOf(failure);
  return totals.refused + totals.unopened > 0 ? EXIT_CODES.data : EXIT_CODES.done;
}

interface Context {
  readonly options: QuarantineReplayOptions;
  readonly terminal: Terminal;
  readonly signals: StopSignals;
}

/** Returns how many of the given ids were settled before. */
async function replayChosen(
  quarantine: Quarantine,
  privateKey: PrivateKey,
  totals: ReplayTotals,
  { options, terminal, signals }: Context,
): Promise<number> {
  const { config, pool } = quarantine;
  const { stop, abort } = signals;
  const emit = createLog({ write: terminal.writeError, format: "text", level: "warn" });
  for (const message of config.warnings) emit({ type: "config.warning", message });
  const stagesOf = await openReplay(config, pool, {
    keysJson: terminal.environment["PIIPE_KEYS"],
    privateKey,
    isDryRun: options.dryRun,
  });
  const chosen = await chooseEvents(quarantine, options);
  reportSettled(chosen, terminal);

  const bar = new ProgressBar(terminal, "events");
  const limits = { eventsMax: config.batch.rows, bytesMax: config.batch.bytes };
  const table = showTable(config.sink.postgres.table);
  const operator = operatorName();
  const reason = reasonOf(options.reason);
  for (const choice of chosen.choices) {
    const { queue } = choice;
    const announce = async (ids: readonly string[]): Promise<void> => {
      const details = { queue: queue.arn, table, dryRun: options.dryRun, events: ids.length, ids };
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
    await replay({ ...stagesOf(queue), events: new PendingEvents(pool, choice, limits), announce }, totals, {
      clock: systemClock,
      emit,
      stop,
      abort,
      giveUpAfterMs: GIVE_UP_AFTER_MS,
      onPage: ({ events }) => bar.update(events, chosen.count),
    });
  }
  if (totals.events > 0) bar.finish(totals.events);
  return chosen.settled.length;
}

function wrongKey(events: number): PiipeError {
  return new PiipeError("keys.invalid", `${eventCount(events)}, and the private file opens none of them`, {
    hint: "Use the private file that `piipe keys new` wrote together with the keyring of that time. Nothing was changed.",
  });
}

function summaryOf({ events, stored, duplicate, refused, unopened, refusals }: ReplayTotals, dryRun: boolean): string {
  if (events === 0) return "nothing to replay\n";
  const parts = [dryRun ? `${stored} would be stored` : `stored ${stored}`];
  if (duplicate > 0) parts.push(`settled meanwhile ${duplicate}`);
  if (refused > 0) parts.push(`refused again ${refused}`);
  if (unopened > 0) parts.push(`not opened ${unopened} (sealed to another key, or damaged)`);
  const lines = [...refusals.values()].map(
    ({ rejection: { code, path }, count }) => `  ${count} × ${code}${path === null ? "" : ` at ${path}`}\n`,
  );
  return `${eventCount(events)}: ${parts.join(", ")}\n${lines.join("")}`;
}

function reportJson(totals: ReplayTotals, settled: number, dryRun: boolean, failure: unknown): object {
  const { events, stored, duplicate, refused, unopened, refusals } = totals;
  return {
    dryRun,
    events,
    ...(dryRun ? { wouldStore: stored } : { stored }),
    alreadySettled: settled + duplicate,
    refused,
    unopened,
    refusals: [...refusals.values()].map(({ rejection, count }) => ({ ...rejection, count })),
    ...(failure === null ? {} : { error: reportOf(failure) }),
  };
}
