import type { Readable, Writable } from "node:stream";
import { PiipeError } from "../errors.ts";
import type { ErrorReport } from "../telemetry/error-report.ts";
import { EXIT_CODES, type ExitCode } from "./failure.ts";
import type { Ask, Terminal } from "./terminal.ts";

/** Questions on stderr, so that data on stdout can be piped on. */
export function askAtTerminal(streams: { readonly input: Readable; readonly output: Writable }): Ask {
  return {
    async secret(message) {
      const { isCancel, password } = await import("@clack/prompts");
      const answer = await untilEnd(streams.input, (signal) => password({ message, signal, ...streams }));
      return isCancel(answer) ? null : answer;
    },
    async confirm(message) {
      const { confirm: askYesNo, isCancel } = await import("@clack/prompts");
      const answer = await untilEnd(streams.input, (signal) =>
        askYesNo({ message, signal, initialValue: false, ...streams }),
      );
      return isCancel(answer) ? null : answer;
    },
    async text(message) {
      const { isCancel, text } = await import("@clack/prompts");
      const validate = (answer: string | undefined): string | undefined =>
        answer?.trim() ? undefined : "Type an answer, or Ctrl-C to stop.";
      const answer = await untilEnd(streams.input, (signal) => text({ message, signal, validate, ...streams }));
      return isCancel(answer) ? null : answer.trim();
    },
  };
}

/** Ctrl-D cancels like Ctrl-C: the library would never answer, and the process would end with neither word nor cursor. */
async function untilEnd<T>(input: Readable, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const cancel = new AbortController();
  const onKey = (_text: unknown, key: { readonly ctrl?: boolean; readonly name?: string }): void => {
    if (key.ctrl === true && key.name === "d") cancel.abort();
  };
  const onEnd = (): void => cancel.abort();
  input.on("keypress", onKey).once("end", onEnd);
  try {
    return await ask(cancel.signal);
  } finally {
    input.off("keypress", onKey).off("end", onEnd);
  }
}

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
