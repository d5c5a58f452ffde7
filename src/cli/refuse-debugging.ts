import type { Command } from "commander";
import { Option } from "commander";
import { PiipeError } from "../errors.ts";

/** What of the process decides whether someone can look into its memory. */
export interface Inspection {
  readonly execArgv: readonly string[];
  /** NODE_OPTIONS, NODE_DEBUG and NODE_DEBUG_NATIVE are looked at. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of a debugger that listens, however it was started. */
  readonly inspectorUrl: string | undefined;
  /** Node writes diagnostic reports, however that was asked for. */
  readonly writesReports: boolean;
}

/**
 * Options of Node and of V8, without their dashes, with which raw values or keys get out of the process: to a debugger, into a
 * heap snapshot, a report (which holds the environment), a core dump, a log or trace of calls with their arguments, or through
 * the keys of its TLS connections. What a configuration file of Node sets cannot be seen from here.
 * `--cpu-prof` and NODE_V8_COVERAGE are none: they hold names of functions, counts and times.
 */
const REVEALING = [
  /^inspect(?:-brk(?:-node)?|-wait)?$/,
  /^heapsnapshot-(?:signal|near-heap-limit)$/,
  /^heap-prof/,
  /^build-snapshot/,
  /^report-/,
  /^abort-on-/,
  /^hard-abort$/,
  /^detailed-error-stack-trace$/,
  /^tls-keylog$/,
  /^experimental-(?:default-)?config-file$/,
  // V8's families: objects as they are in memory. Of the traces, some tell only of names, counts and times.
  /^print-/,
  /^log(?:$|-|file)/,
  /^trace(?!-(?:warnings|deprecation|uncaught|exit|sigint|sync-io|promises|atomics-wait|require-module|opt)$|-(?:env|event|gc)(?:-|$))/,
];

/** Environment variables with which Node writes what its modules pass along: requests, environments of processes, queries. */
const REVEALING_VARIABLES = ["NODE_DEBUG", "NODE_DEBUG_NATIVE"];

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
export function refuseDebugging({ execArgv, environment, inspectorUrl, writesReports }: Inspection): void {
  const flag = revealingFlag(execArgv);
  if (flag !== null) throw refusal(`Node was started with ${flag}`);
  const option = revealingFlag(splitOptions(environment["NODE_OPTIONS"] ?? ""));
  if (option !== null) throw refusal(`NODE_OPTIONS has ${option}`);
  const variable = REVEALING_VARIABLES.find((name) => environment[name]);
  if (variable !== undefined) throw refusal(`the environment has ${variable}`);
  if (inspectorUrl !== undefined) throw refusal("a debugger listens on this process");
  if (writesReports) throw refusal("Node is set to write diagnostic reports");
}

function refusal(what: string): PiipeError {
  return new PiipeError("usage.invalid", `${what}: raw values and keys in this process's memory could be seen by it`, {
    hint: "Start without it. Where no real data is at stake, add --allow-debug.",
  });
}

/** The name of the first one, without its value; Node takes underscores for dashes, and V8 one dash for two. */
function revealingFlag(flags: readonly string[]): string | null {
  for (const flag of flags) {
    if (!flag.startsWith("-")) continue;
    const name = flag.split("=", 1)[0]?.replaceAll("_", "-").replace(/^-+/, "") ?? "";
    if (REVEALING.some((pattern) => pattern.test(name))) return `--${name}`;
  }
  return null;
}

/**
 * As Node splits NODE_OPTIONS: at spaces outside of double quotes, within which a backslash stands for what follows it.
 * Source: Node, src/node_options.cc, ParseNodeOptionsEnvVar.
 */
function splitOptions(text: string): readonly string[] {
  const options: string[] = [];
  let isQuoted = false;
  let isNew = true;
  for (let at = 0; at < text.length; at += 1) {
    const isEscape = isQuoted && text[at] === "\\";
    if (isEscape) at += 1;
    const char = text[at] ?? "";
    if (!isEscape && char === '"') isQuoted = !isQuoted;
    else if (!isEscape && !isQuoted && char === " ") isNew = true;
    else {
      if (isNew) options.push(char);
      else options.push(`${options.pop() ?? ""}${char}`);
      isNew = false;
    }
  }
  return options;
}
