import { resolve } from "node:path";
import { type Quarantine, chooseEvents } from "../../app/choose-events.ts";
import { openReplay } from "../../app/open-replay.ts";
import { replayChosen } from "../../app/replay-chosen.ts";
import { PiipeError } from "../../errors.ts";
import { loadPrivateKey } from "../../keys/keyring-file.ts";
import type { PrivateKey } from "../../keys/private-key.ts";
import { remedyOf } from "../../pipeline/rejection-remedies.ts";
import { showRejection } from "../../pipeline/rejection-text.ts";
import { type ReplayTotals, newReplayTotals } from "../../pipeline/replay.ts";
import { reportOf } from "../../telemetry/error-report.ts";
import { createLog } from "../../telemetry/log.ts";
import { EXIT_CODES, type ExitCode, exitCodeOf, printError } from "../failure.ts";
import { operatorName } from "../operator-name.ts";
import { differingOf, rareJson, rareText, reasonOf } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { type ChoiceOptions, checkChoice, eventCount, reportSettled, withQuarantine } from "../quarantine-choice.ts";
import { type StopSignals, listenForStop } from "../stop-signals.ts";
import type { Terminal } from "../terminal.ts";

export interface QuarantineReplayOptions extends ChoiceOptions {
  readonly config: string;
  readonly privateFile: string;
  /** Goes the whole way, and rolls back what is written. */
  readonly dryRun: boolean;
  /** For the audit. */
  readonly reason: string | null;
  readonly json: boolean;
}

const DRAIN_TIMEOUT_MS = 25_000;

export async function quarantineReplayCommand(options: QuarantineReplayOptions, terminal: Terminal): Promise<ExitCode> {
  const signals = listenForStop(terminal, DRAIN_TIMEOUT_MS);
  const totals = newReplayTotals();
  let settled = 0;
  let failure: unknown = null;
  try {
    checkChoice(options);
    const privateKey = await loadPrivateKey(resolve(terminal.folder, options.privateFile));
    settled = await withQuarantine(options.config, terminal, (quarantine) =>
      openAndReplay(quarantine, privateKey, totals, { options, terminal, signals }),
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
async function openAndReplay(
  quarantine: Quarantine,
  privateKey: PrivateKey,
  totals: ReplayTotals,
  { options, terminal, signals }: Context,
): Promise<number> {
  const { config, pool } = quarantine;
  const emit = createLog({ write: terminal.writeError, format: "text", level: "warn" });
  for (const message of config.warnings) emit({ type: "config.warning", message });
  const opened = await openReplay(config, pool, {
    keysJson: terminal.environment["PIIPE_KEYS"],
    privateKey,
    isDryRun: options.dryRun,
  });
  const chosen = await chooseEvents(quarantine, options);
  reportSettled(chosen, terminal);

  const bar = new ProgressBar(terminal, "events");
  await replayChosen(quarantine, chosen.choices, totals, {
    opened,
    operator: operatorName(),
    reason: reasonOf(options.reason),
    emit,
    stop: signals.stop,
    abort: signals.abort,
    onPage: ({ events }) => bar.update(events, chosen.count),
  });
  if (totals.events > 0) bar.finish(totals.events);
  return chosen.settled.length;
}

function wrongKey(events: number): PiipeError {
  return new PiipeError("keys.invalid", `${eventCount(events)}, and the private file opens none of them`, {
    hint: "Use the private file that `piipe keys new` wrote together with the keyring of that time. Nothing was changed.",
  });
}

function summaryOf(totals: ReplayTotals, dryRun: boolean): string {
  const { events, stored, skipped, dropped = 0, duplicate, refused, unopened, refusals } = totals;
  if (events === 0) return "nothing to replay\n";
  const parts = [`${dryRun ? `${stored} would be stored` : `stored ${stored}`}${rareText(totals)}`];
  if (skipped > 0) parts.push(`skipped by the table's triggers or rules ${skipped}`);
  if (duplicate > 0) parts.push(`settled meanwhile ${duplicate}${differingOf(totals)}`);
  if (refused > 0) parts.push(`refused again ${refused}`);
  if (unopened > 0) parts.push(`not opened ${unopened} (sealed to another key, or damaged)`);
  const lines = [...refusals.values()].map(({ rejection, count }) => {
    const remedy = remedyOf(rejection.code);
    return `  ${count} × ${showRejection(rejection)}\n${remedy === null ? "" : `    → ${remedy}\n`}`;
  });
  const byDatabase = [...refusals.values()].some(({ rejection: { code } }) => code.startsWith("database."));
  const doubt =
    byDatabase && stored + skipped + dropped + duplicate === 0
      ? "no row passed: it may be the table that is at fault, and none of the events. `piipe check` looks at it.\n"
      : "";
  const pointer =
    refused === 0 ? "" : "`piipe quarantine list` has their ids; `piipe quarantine show <id>` tells of one.\n";
  return `${eventCount(events)}: ${parts.join(", ")}\n${lines.join("")}${doubt}${pointer}`;
}

function reportJson(totals: ReplayTotals, settled: number, dryRun: boolean, failure: unknown): object {
  const { events, stored, skipped, duplicate, refused, unopened, refusals } = totals;
  return {
    dryRun,
    events,
    ...(dryRun ? { wouldStore: stored, wouldSkip: skipped } : { stored, skipped }),
    ...rareJson(totals, dryRun),
    alreadySettled: settled + duplicate,
    ...(totals.differing === undefined ? {} : { differing: totals.differing }),
    refused,
    unopened,
    refusals: [...refusals.values()].map(({ rejection, count }) => ({ ...rejection, count })),
    ...(failure === null ? {} : { error: reportOf(failure) }),
  };
}
