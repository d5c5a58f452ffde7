import { chooseEvents, discardChosen } from "../../app/choose-events.ts";
import { confirm, declined } from "../confirm.ts";
import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { operatorName } from "../operator-name.ts";
import { reasonOf } from "../output.ts";
import { ProgressBar } from "../progress-bar.ts";
import { type ChoiceOptions, checkChoice, eventCount, reportSettled, withQuarantine } from "../quarantine-choice.ts";
import type { Terminal } from "../terminal.ts";

export interface QuarantineDiscardOptions extends ChoiceOptions {
  readonly config: string;
  /** For the audit. */
  readonly reason: string | null;
  readonly yes: boolean;
  readonly json: boolean;
}

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
      return declined("nothing was discarded", options.json, terminal);
    }
    const bar = new ProgressBar(terminal, "events");
    const discarded = await discardChosen(pool, chosen.choices, {
      operator: operatorName(),
      reason: reasonOf(options.reason),
      abort: new AbortController().signal,
      onPage: (count) => bar.update(count, chosen.count),
    });
    if (discarded > 0) bar.finish(discarded);
    terminal.writeError(discarded === 0 ? "nothing was discarded\n" : `discarded ${eventCount(discarded)}\n`);
    if (options.json) {
      terminal.writeOut(`${JSON.stringify({ discarded, alreadySettled: chosen.settled.length })}\n`);
    }
    return EXIT_CODES.done;
  });
}
