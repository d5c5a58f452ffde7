import { discardEvents } from "../../store/discard-events.ts";
import { countPending } from "../../store/pending-events.ts";
import { confirm } from "../confirm.ts";
import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import { operatorName } from "../operator-name.ts";
import { ProgressBar } from "../progress-bar.ts";
import {
  checkChoice,
  type ChoiceOptions,
  chooseEvents,
  eventCount,
  reportSettled,
  withQuarantine,
} from "../quarantine-choice.ts";
import { reasonOf } from "../reason-of.ts";
import type { Terminal } from "../terminal.ts";

export interface QuarantineDiscardOptions extends ChoiceOptions {
  readonly config: string;
  /** For the audit. */
  readonly reason: string | null;
  readonly yes: boolean;
  readonly json: boolean;
}

/** In one transaction. */
const EVENTS_MAX = 1_000;

/** A signal ends it as usual: each transaction stands by itself, and the command can be given again. */
export async function quarantineDiscardCommand(
  options: QuarantineDiscardOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  checkChoice(options);
  return withQuarantine(options.config, terminal, async (quarantine) => {
    const { pool } = quarantine;
    const chosen = await chooseEvents(quarantine, options);
    reportSettled(chosen, terminal);
    const question = `Discard ${eventCount(chosen.count)} for good? Nothing brings them back.`;
    if (chosen.count > 0 && !(await confirm(question, options.yes, terminal))) {
      terminal.writeError("nothing was discarded\n");
      return EXIT_CODES.interrupted;
    }
    const bar = new ProgressBar(terminal, "events");
    const abort = new AbortController().signal;
    const audit = { operator: operatorName(), reason: reasonOf(options.reason) };
    let discarded = 0;
    for (const choice of chosen.choices) {
      while ((await countPending(pool, choice)) > 0) {
        discarded += await discardEvents(pool, choice, { ...audit, eventsMax: EVENTS_MAX, abort });
        bar.update(discarded, chosen.count);
      }
    }
    if (discarded > 0) bar.finish(discarded);
    terminal.writeError(discarded === 0 ? "nothing was discarded\n" : `discarded ${eventCount(discarded)}\n`);
    if (options.json) {
      terminal.writeOut(`${JSON.stringify({ discarded, alreadySettled: chosen.settled.length })}\n`);
    }
    return EXIT_CODES.done;
  });
}
