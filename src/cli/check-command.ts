import { type Command, InvalidArgumentError, Option } from "commander";
import { PROMISED_PERCENTS, SCALING_SECONDS, type ScaleDemand } from "../app/scale-plan.ts";
import { PiipeError } from "../errors.ts";
import { add, config, examples, type Execute, json } from "./define-command.ts";

type Promised = Pick<ScaleDemand, "percent" | "withinSeconds">;

interface CheckFlags {
  readonly config: string;
  readonly json?: boolean;
  readonly plan?: Promised;
  readonly peak?: number;
  readonly workerRate?: number;
}

/** `piipe check`. */
export function addCheckCommand(program: Command, execute: Execute): void {
  examples(
    add(program, "check", "look at configuration, keys, database and queue, and say what to mend")
      .addOption(config())
      .addOption(
        new Option(
          "--plan <promise>",
          "also how many workers, connections and messages a worker a promise takes: 99%/60s is 99 % visible within 60 s",
        ).argParser(parsePromise),
      )
      .addOption(new Option("--peak <rate>", "with --plan: the most messages a second that arrive").argParser(rate))
      .addOption(
        new Option("--worker-rate <rate>", "with --plan: the messages a second that one worker stores").argParser(rate),
      )
      .addOption(json())
      .action((options: CheckFlags) =>
        execute(async (terminal) => {
          const { checkCommand } = await import("./commands/check.ts");
          return checkCommand(
            { config: options.config, json: options.json ?? false, plan: demandOf(options) },
            terminal,
          );
        }),
      ),
    [
      ["piipe check", "before the first run, and after every change"],
      [`piipe check --json | jq '.findings[] | select(.level != "ok")'`, "what there is to mend, for a script"],
      [
        "piipe check --plan 99%/60s --peak 5000 --worker-rate 2000",
        "what the Helm chart will run for that promise, and whether the database has the connections",
      ],
    ],
  );
}

/** Nothing of a plan can be guessed: with one worker, `piipe status` shows what it stores in a second. */
function demandOf({ plan, peak, workerRate }: CheckFlags): Omit<ScaleDemand, "maxConnections"> | null {
  if (plan === undefined && peak === undefined && workerRate === undefined) return null;
  if (plan !== undefined && peak !== undefined && workerRate !== undefined) {
    return { ...plan, peakPerSecond: peak, workerPerSecond: workerRate };
  }
  throw new PiipeError("usage.invalid", "--plan, --peak and --worker-rate go together, and one of them is missing", {
    hint: "Give all three. While one worker works off a backlog, `piipe status` shows what it stores in a second.",
  });
}

const PROMISE_SECONDS_MAX = 86_400;

function parsePromise(text: string): Promised {
  const [, number, seconds] = /^([\d.]+)%\/(\d{1,5})s$/.exec(text) ?? [];
  const percent = PROMISED_PERCENTS.find((known) => String(known) === number);
  const withinSeconds = Number(seconds);
  if (percent !== undefined && withinSeconds > SCALING_SECONDS && withinSeconds <= PROMISE_SECONDS_MAX) {
    return { percent, withinSeconds };
  }
  throw new InvalidArgumentError(
    `Give one of ${PROMISED_PERCENTS.join(", ")}, and ${SCALING_SECONDS + 1} to ${PROMISE_SECONDS_MAX} seconds, as in 99%/60s. ` +
      "A shorter promise cannot wait for workers to start: run as many as the peak needs.",
  );
}

function rate(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give whole messages a second, from 1 to 9999999.");
}
