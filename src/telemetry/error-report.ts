import { PiipeError } from "../errors.ts";

export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** What may be shown of an error. A foreign error's message may quote data: only its type and stack frames are. */
export function reportOf(error: unknown): ErrorReport {
  if (error instanceof PiipeError) return { code: error.code, message: error.message, hint: error.hint };
  return {
    code: "bug",
    message: `unexpected ${error instanceof Error ? error.name : typeof error}, a bug in piipe; nothing was deleted because of it`,
    hint: `Please report it with these lines:\n${framesOf(error)}`,
  };
}

/** Stack frames without the message above them, which may quote data, and look like a frame where it has several lines. */
function framesOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const head = error instanceof Error && error.message !== "" ? stack.indexOf(error.message) + error.message.length : 0;
  const frames = stack
    .slice(head)
    .split("\n")
    .filter((line) => /^\s+at /.test(line));
  return frames.length > 0 ? frames.slice(0, 8).join("\n") : "    (no stack)";
}
