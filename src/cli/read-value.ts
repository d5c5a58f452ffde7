import { PiipeError } from "../errors.ts";
import { readLines } from "./read-lines.ts";
import type { Terminal } from "./terminal.ts";

/**
 * What the command is about: its argument, or, where that is missing or `-`, what the person types unseen, or without a
 * terminal the one line of stdin. So a raw value need not stand in the shell's history or in the list of processes.
 *
 * @param what names it in the question and in errors, such as `the value of ip`
 * @throws {PiipeError} `usage.invalid` when it is empty, or stdin is not one line of UTF-8; `interrupted` when the person
 * cancels
 */
export async function readValue(
  given: string | undefined,
  what: string,
  { ask, stdin }: Pick<Terminal, "ask" | "stdin">,
): Promise<string> {
  if (given !== undefined && given !== "-") return notEmpty(given, what);
  if (ask === null) return notEmpty(await onlyLine(stdin, what), what);
  const answer = await ask.secret(`${what}:`);
  if (answer === null) throw new PiipeError("interrupted", `stopped while asking for ${what}`);
  return notEmpty(answer, what);
}

/** To take the first of several values would leave whoever gave them believing that all were found, or erased. */
async function onlyLine(stdin: Terminal["stdin"], what: string): Promise<string> {
  let only: string | null = null;
  for await (const line of readLines(stdin)) {
    if (only === null) only = line;
    else if (line !== "") {
      throw new PiipeError("usage.invalid", `stdin has more than one line: ${what} is one`, {
        hint: "Run the command once for each value.",
      });
    }
  }
  const text = only ?? "";
  if (!text.includes(UNDECODABLE)) return text;
  throw new PiipeError("usage.invalid", `stdin is not UTF-8: ${what} would be another one`, {
    hint: "Convert it first, with `iconv -t UTF-8` for example.",
  });
}

/** What stands for bytes that are no UTF-8. */
const UNDECODABLE = "\uFFFD";

function notEmpty(text: string, what: string): string {
  if (text !== "") return text;
  throw new PiipeError("usage.invalid", `${what} is empty`, {
    hint: "Give it as an argument, as the one line of stdin, or at the prompt.",
  });
}
