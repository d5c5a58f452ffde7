import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { PiipeError } from "../../errors.ts";
import { EventSplitter, type SplitOptions } from "./split-events.ts";
import { unpacked } from "./unpacked.ts";

const CHUNK_BYTES = 256 * 1024;

/** What a file to be loaded holds. */
export interface Survey {
  /** SHA-256 of its bytes, unpacked. Raw: guesses at what a short file holds could be tested against it. */
  readonly digest: string;
  readonly events: number;
  /** Packed, as they are on the disk. */
  readonly bytes: number;
}

/** @throws {PiipeError} `usage.invalid` when it is not there, or no file */
async function sizeOf(path: string, shown: string): Promise<number> {
  let found;
  try {
    found = await stat(path);
  } catch (cause) {
    throw unreadable(cause, shown);
  }
  if (found.isFile()) return found.size;
  throw new PiipeError("usage.invalid", `${shown} is no file`, {
    hint: "Give files; what comes through a pipe is read from stdin: `… | piipe load -`.",
  });
}

/**
 * The bytes of a file, unpacked.
 * @param bytes so many of the file, packed: what is appended meanwhile is not read
 * @throws {PiipeError} `usage.invalid` when it cannot be read, or is damaged
 */
export async function* readFileBytes(path: string, bytes: number, shown: string): AsyncGenerator<Buffer, void> {
  if (bytes === 0) return;
  try {
    yield* unpacked(createReadStream(path, { end: bytes - 1, highWaterMark: CHUNK_BYTES }));
  } catch (cause) {
    throw unreadable(cause, shown);
  }
}

/** The same of stdin. */
export async function* readInputBytes(input: AsyncIterable<Uint8Array | string>): AsyncGenerator<Buffer, void> {
  try {
    yield* unpacked(input);
  } catch (cause) {
    throw unreadable(cause, "stdin");
  }
}

/**
 * Reads a file once, before anything of it is taken.
 * @throws {PiipeError} `usage.invalid` when it cannot be read or is damaged; `interrupted`
 */
export async function surveyFile(
  path: string,
  shown: string,
  options: SplitOptions,
  stop: AbortSignal,
): Promise<Survey> {
  const bytes = await sizeOf(path, shown);
  const hash = createHash("sha256");
  const splitter = new EventSplitter(options);
  for await (const chunk of readFileBytes(path, bytes, shown)) {
    if (stop.aborted) throw new PiipeError("interrupted", `stopped while reading ${shown}`);
    hash.update(chunk);
    exhaust(splitter.push(chunk));
  }
  exhaust(splitter.end());
  if (splitter.problem !== null) throw malformed(shown, splitter.problem);
  return { digest: hash.digest("hex"), events: splitter.events, bytes };
}

export const malformed = (shown: string, problem: string): PiipeError =>
  new PiipeError("usage.invalid", `${shown} ${problem}`, {
    hint: "Give one event a line (NDJSON), or one JSON array of events.",
  });

function exhaust(slices: Iterable<unknown>): void {
  for (const _ of slices);
}

function unreadable(cause: unknown, shown: string): PiipeError {
  if (cause instanceof PiipeError) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === undefined) throw cause;
  const isDamaged = code.startsWith("Z_");
  return new PiipeError("usage.invalid", `${shown} ${isDamaged ? "is damaged" : "cannot be read"} (${code})`, {
    hint: isDamaged
      ? "It begins as gzip does, and cannot be unpacked: `gzip -t` says more."
      : "Look at its name and its rights.",
    cause,
  });
}
