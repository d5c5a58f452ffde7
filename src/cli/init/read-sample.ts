import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { PiipeError } from "../../errors.ts";
import { parseSample } from "../../init/parse-sample.ts";
import type { Terminal } from "../terminal.ts";

/** What is held in memory at once; many times what a look at the columns needs. */
const BYTES_MAX = 64 * 1024 * 1024;
const EVENTS_MAX = 10_000;

const HINT = "Give a JSON array of events, or one event a line (NDJSON); `-` reads them from stdin.";

/**
 * The bodies of a sample's first 10,000 events.
 * @param file `-`: stdin
 * @throws {PiipeError} `sample.invalid` when it cannot be read, or is too large
 */
export async function readSample(
  file: string,
  { folder, stdin }: Pick<Terminal, "folder" | "stdin">,
): Promise<readonly string[]> {
  const name = file === "-" ? "the sample on stdin" : `the sample ${file}`;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of file === "-" ? stdin : createReadStream(resolve(folder, file))) {
      const part = typeof chunk === "string" ? Buffer.from(chunk) : (chunk as Uint8Array);
      bytes += part.byteLength;
      if (bytes > BYTES_MAX) break;
      chunks.push(part);
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new PiipeError("sample.invalid", `${name} cannot be read (${code})`, { hint: HINT, cause });
  }
  if (bytes > BYTES_MAX) {
    throw new PiipeError("sample.invalid", `${name} has more than 64 MiB`, {
      hint: "Some hundred events tell the columns: give its first lines.",
    });
  }
  const whole = Buffer.concat(chunks);
  if (!isUtf8(whole)) {
    throw new PiipeError("sample.invalid", `${name} is not UTF-8 text`, { hint: `Save it as UTF-8. ${HINT}` });
  }
  return parseSample(whole.toString("utf8")).slice(0, EVENTS_MAX);
}
