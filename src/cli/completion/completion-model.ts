import type { Argument, Command, Option } from "commander";
import { REJECTION_CODES } from "../../pipeline/contracts.ts";

/** What can follow an option, or stand for an argument. */
export type Words =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" }
  /** Something that no shell can know. */
  | { readonly kind: "free" };

export interface CompletedOption {
  /** As it is written: `-c`, `--config`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** null: it takes no value. */
  readonly value: Words | null;
}

/** One command, and what can be typed after it. */
export interface CompletedCommand {
  /** The words after `piipe`; empty: the program itself. */
  readonly path: string;
  readonly subcommands: ReadonlyArray<{ readonly name: string; readonly description: string }>;
  readonly options: readonly CompletedOption[];
  readonly arguments: readonly Words[];
}

const FREE: Words = { kind: "free" };

/** What is known of a value by the name that the help gives it. */
const KNOWN_VALUES: Readonly<Record<string, Words>> = {
  file: { kind: "file" },
  path: { kind: "file" },
  code: { kind: "words", words: Object.keys(REJECTION_CODES) },
};

/** All that the help of the program and its commands shows. */
export function completionModel(program: Command): readonly CompletedCommand[] {
  return commandsBelow(program, "");
}

function commandsBelow(command: Command, path: string): readonly CompletedCommand[] {
  const help = command.createHelp();
  const children = help.visibleCommands(command);
  const subcommands = children.map((child) => ({
    name: child.name(),
    description: oneLine(help.subcommandDescription(child)),
  }));
  const own = {
    path,
    subcommands,
    options: help.visibleOptions(command).map(optionOf),
    arguments: command.registeredArguments.map(argumentOf),
  };
  return [own, ...children.flatMap((child) => below(child, path, subcommands))];
}

function below(child: Command, path: string, siblings: CompletedCommand["subcommands"]): readonly CompletedCommand[] {
  const commands = commandsBelow(child, path === "" ? child.name() : `${path} ${child.name()}`);
  if (child.name() !== "help") return commands;
  // It takes the name of a command, and commander does not know which.
  const words = siblings.map(({ name }) => name).filter((name) => name !== "help");
  return commands.map((command) => ({ ...command, arguments: [{ kind: "words", words }] }));
}

function optionOf(option: Option): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const placeholder = /[<[]([\w-]+)/.exec(option.flags)?.[1] ?? "";
  return {
    flags,
    description: oneLine(option.description),
    // What may be left out is not waited for: the next word may be an option.
    value: option.required ? valueOf(option.argChoices, placeholder) : null,
  };
}

const argumentOf = (argument: Argument): Words => valueOf(argument.argChoices, argument.name());

function valueOf(choices: readonly string[] | undefined, placeholder: string): Words {
  if (choices !== undefined) return { kind: "words", words: choices };
  return KNOWN_VALUES[placeholder] ?? FREE;
}

/** The beginning, for a list in which each has a line. */
function oneLine(text: string): string {
  const [first = ""] = text.split(/[:;.]\s/, 1);
  return first.replace(/\s+/g, " ");
}

/** What can stand after a command that is no option: the names of its own commands, or its first argument. */
export function wordsAfter({ subcommands, arguments: taken }: CompletedCommand): Words {
  if (subcommands.length > 0) return { kind: "words", words: subcommands.map(({ name }) => name) };
  return taken[0] ?? { kind: "words", words: [] };
}

/** As the scripts' own functions tell of it. */
export const showWords = (value: Words): string => (value.kind === "words" ? value.words.join(" ") : `@${value.kind}`);
