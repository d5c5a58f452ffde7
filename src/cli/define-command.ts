/** The parts that all commands are defined with. */
import { type Command, Option } from "commander";
import type { ExitCode } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

/** A command with its options applied: works on the terminal and gives the exit code, or throws. */
export type BoundCommand = (terminal: Terminal) => Promise<ExitCode>;
/** Runs the chosen command. */
export type Execute = (command: BoundCommand) => Promise<void>;

export const CONFIG_FILE = "piipe.yaml";

export function add(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).allowExcessArguments(false);
}

export function config(): Option {
  return new Option("-c, --config <file>", "the pipeline's configuration").default(CONFIG_FILE);
}

export function json(description = "print one JSON object on stdout"): Option {
  return new Option("--json", description);
}

export function examples(command: Command, lines: ReadonlyArray<readonly [string, string]>): void {
  const text = lines.map(([line, why]) => `  ${line}\n      ${why}`).join("\n");
  command.addHelpText("before", `Examples:\n${text}\n`);
}
