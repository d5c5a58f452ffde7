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
