import { PiipeError } from "../errors.ts";
import { readLines } from "./read-lines.ts";
import type { Terminal } from "./terminal.ts";

/**
 * What the command is about: its argument, or, where that is missing or `-`, what the person types unseen, or without a
 * terminal the first line of stdin. So a raw value need not stand in the shell's history or in the list of processes.
 *
 * @param what names it in the question and in errors, such as `the value of ip`
 * @throws {PiipeError} `usage.invalid` when it is empty, `interrupted` when the person cancels
 */
export async function readValue(
  given: string | undefined,
  what: string,
  { ask, stdin }: Pick<Terminal, "ask" | "stdin">,
): Promise<string> {
  if (given !== undefined && given !== "-") return notEmpty(given, what);
  if (ask === null) return notEmpty(await firstLine(stdin), what);
  const answer = await ask.secret(`${what}:`);
  if (answer === null) throw new PiipeError("interrupted", `stopped while asking for ${what}`);
  return notEmpty(answer, what);
}

async function firstLine(stdin: Terminal["stdin"]): Promise<string> {
  for await (const line of readLines(stdin)) return line;
  return "";
}

function notEmpty(text: string, what: string): string {
  if (text !== "") return text;
  throw new PiipeError("usage.invalid", `${what} is empty`, {
    hint: "Give it as an argument, as the first line of stdin, or at the prompt.",
  });
}
