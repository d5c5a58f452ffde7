import type { Command } from "commander";
import { Option } from "commander";
import { PiipeError } from "../errors.ts";

/** What of the process decides whether someone can look into its memory. */
export interface Inspection {
  readonly execArgv: readonly string[];
  /** NODE_OPTIONS. */
  readonly nodeOptions: string | undefined;
  /** Of a debugger that listens, however it was started. */
  readonly inspectorUrl: string | undefined;
  /** Node writes diagnostic reports, however that was asked for. */
  readonly writesReports: boolean;
}

/**
 * Options of Node with which raw values or keys get out of the process: to a debugger, into a heap snapshot, a report (which
 * holds the environment), a core dump, a trace of calls with their arguments, or through the keys of its TLS connections.
 * `--cpu-prof` is none: a profile holds names of functions and times.
 */
const REVEALING = [
  /^--inspect(?:-brk(?:-node)?|-wait)?$/,
  /^--heapsnapshot-(?:signal|near-heap-limit)$/,
  /^--heap-prof/,
  /^--report-/,
  /^--abort-on-uncaught-exception$/,
  /^--trace$/,
  /^--tls-keylog$/,
];

/** Commands that neither read events nor load keys. A new command is guarded unless it is named here. */
const HARMLESS_COMMANDS: ReadonlySet<string> = new Set(["completion", "help", "schema", "version"]);

const ALLOW_DEBUG = "allowDebug";

/** Gives `--allow-debug` to every command that `refuseDebugging` guards. Called once all commands are there. */
export function addAllowDebug(program: Command): void {
  for (const command of program.commands) {
    if (HARMLESS_COMMANDS.has(command.name())) continue;
    if (command.commands.length > 0) addAllowDebug(command);
    else {
      command.addOption(
        new Option("--allow-debug", "start although a debugger or a flag of Node can show raw values and keys"),
      );
    }
  }
}

export const isGuarded = (command: Command): boolean =>
  command.options.some((option) => option.attributeName() === ALLOW_DEBUG) && command.opts()[ALLOW_DEBUG] !== true;

/** @throws {PiipeError} `usage.invalid` when raw values and keys in memory can be seen from outside */
export function refuseDebugging({ execArgv, nodeOptions, inspectorUrl, writesReports }: Inspection): void {
  const flag = revealingFlag(execArgv);
  if (flag !== null) throw refusal(`Node was started with ${flag}`);
  const option = revealingFlag(splitOptions(nodeOptions ?? ""));
  if (option !== null) throw refusal(`NODE_OPTIONS has ${option}`);
  if (inspectorUrl !== undefined) throw refusal("a debugger listens on this process");
  if (writesReports) throw refusal("Node is set to write diagnostic reports");
}

function refusal(what: string): PiipeError {
  return new PiipeError("usage.invalid", `${what}: raw values and keys in this process's memory could be seen by it`, {
    hint: "Start without it. Where no real data is at stake, add --allow-debug.",
  });
}

/** The name of the first one, without its value; Node takes underscores for dashes. */
function revealingFlag(flags: readonly string[]): string | null {
  for (const flag of flags) {
    const name = flag.split("=", 1)[0]?.replaceAll("_", "-") ?? "";
    if (REVEALING.some((pattern) => pattern.test(name))) return name;
  }
  return null;
}

/** As Node splits NODE_OPTIONS: at blanks, but for those within double quotes. */
const splitOptions = (text: string): readonly string[] =>
  (text.match(/(?:[^\s"]|"(?:[^"\\]|\\.)*")+/g) ?? []).map((option) => option.replaceAll('"', ""));
