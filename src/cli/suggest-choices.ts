import { type Argument, type Command, InvalidArgumentError, type Option } from "commander";
import { didYouMean } from "../config/did-you-mean.ts";

/** Lets each option and argument that has choices name the one that was probably meant. Called once all commands are there. */
export function suggestChoices(command: Command): void {
  for (const each of [...command.options, ...command.registeredArguments]) suggest(each);
  for (const child of command.commands) suggestChoices(child);
}

function suggest(taker: Option | Argument): void {
  const { argChoices, parseArg } = taker;
  if (argChoices === undefined || parseArg === undefined) return;
  taker.argParser((text: string, previous: unknown): unknown => {
    if (argChoices.includes(text)) return parseArg(text, previous);
    const meant = didYouMean(text, argChoices);
    throw new InvalidArgumentError(
      `Allowed choices are ${argChoices.join(", ")}.${meant === null ? "" : `\n(Did you mean ${meant}?)`}`,
    );
  });
}
