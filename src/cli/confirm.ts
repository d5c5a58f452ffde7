import { PiipeError } from "../errors.ts";
import { EXIT_CODES, type ExitCode } from "./exit-codes.ts";
import type { ErrorReport } from "./print-error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Whether the person agrees. `isYes` is the option `--yes`: nobody is asked then.
 * @throws {PiipeError} `usage.invalid` without a terminal and without `--yes`: silence is no consent
 */
export async function confirm(question: string, isYes: boolean, terminal: Pick<Terminal, "ask">): Promise<boolean> {
  requireConsent(isYes, terminal);
  return isYes || (await terminal.ask?.confirm(question)) === true;
}

/** For a command that has work to do before it can ask: fails at once where `confirm` would fail later. */
export function requireConsent(isYes: boolean, { ask }: Pick<Terminal, "ask">): void {
  if (isYes || ask !== null) return;
  throw new PiipeError("usage.invalid", "this needs a confirmation, and there is no terminal to ask at", {
    hint: "Add --yes when you are sure.",
  });
}

/** The end of a command to which the person said no. */
export function declined(
  message: string,
  json: boolean,
  { writeOut, writeError }: Pick<Terminal, "writeOut" | "writeError">,
): ExitCode {
  const error: ErrorReport = { code: "interrupted", message, hint: null };
  if (json) writeOut(`${JSON.stringify({ error })}\n`);
  writeError(`${message}\n`);
  return EXIT_CODES.interrupted;
}
