import type { Command } from "commander";
import { didYouMean } from "../config/did-you-mean.ts";

/**
 * `piipe help keys new`, and for a group `piipe keys help new`: commander's own knows one word, and shows the help of the
 * program for one that is wrong. Called once all commands are there.
 */
export function addHelpCommand(program: Command): void {
  for (const group of [program, ...program.commands.filter(({ commands }) => commands.length > 0)]) {
    group
      .helpCommand(false)
      .command("help [command...]")
      .description("show help for a command")
      .action((words: readonly string[]) => findCommand(group, words).help());
  }
}

/**
 * Ends with an error where a word is no command, which commander does only where no help is asked for. Called before it parses.
 * @throws {CommanderError}
 */
export function requireKnownCommands(program: Command, args: readonly string[]): void {
  let group = program;
  for (const word of args) {
    if (word === "--" || group.commands.length === 0) return;
    // Neither the program nor a group has an option that takes a value.
    if (!word.startsWith("-")) group = findCommand(group, [word]);
  }
}

function findCommand(group: Command, words: readonly string[]): Command {
  let found = group;
  for (const word of words) {
    const next = found.commands.find((command) => command.name() === word);
    if (next === undefined) {
      const meant = didYouMean(word, names(found));
      return found.error(`error: unknown command '${word}'${meant === null ? "" : `\n(Did you mean ${meant}?)`}`);
    }
    found = next;
  }
  return found;
}

const names = (command: Command): readonly string[] => command.commands.map((each) => each.name());
