import { PiipeError } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

/** Longer than any message of SQS: a file without line ends must not fill the memory. */
const LINE_CHARS_MAX = 4 * 1024 * 1024;

/**
 * The lines of a UTF-8 stream, ended by LF or CRLF only. Not `node:readline`: it also cuts at a lone CR, and on newer
 * versions of Node at U+2028 and U+2029, all of which may stand inside JSON. What is longer than any event comes in pieces.
 */
export async function* readLines(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  for await (const chunk of input) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield withoutMark(line.endsWith("\r") ? line.slice(0, -1) : line);
    if (rest.length > LINE_CHARS_MAX) {
      yield rest;
      rest = "";
    }
  }
  rest += decoder.decode();
  if (rest !== "") yield withoutMark(rest);
}

/** Some editors begin a file with a byte order mark. */
const withoutMark = (line: string): string => line.replace(/^\u{feff}/u, "");

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
