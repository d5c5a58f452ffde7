import { type ErrorCode, PiipeError } from "../errors.ts";
import { type Terminal, styler } from "./terminal.ts";

/** What the process's exit code says. Documented in docs/errors.md. */
export const EXIT_CODES = {
  done: 0,
  /** A bug in piipe: please report it. */
  bug: 1,
  usage: 2,
  config: 3,
  /** Cannot reach or use a service: the queue, the database, a local server of the demo. */
  service: 4,
  /** More events refused than `quarantine.haltAboveShare` allows. */
  data: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof PiipeError ? exitCodeOfErrorCode(error.code) : EXIT_CODES.bug;
}

export function exitCodeOfErrorCode(code: ErrorCode): ExitCode {
  const [area] = code.split(".", 1);
  switch (area) {
    case "usage":
    case "sample":
      return EXIT_CODES.usage;
    case "config":
    case "keys":
      return EXIT_CODES.config;
    case "data":
      return EXIT_CODES.data;
    case "interrupted":
      return EXIT_CODES.interrupted;
    case "worker":
      return EXIT_CODES.bug;
    default:
      return EXIT_CODES.service;
  }
}

/** Why a command failed, in what it shows to the outside. */
export interface CommandFailure {
  readonly error: ErrorReport;
  readonly exitCode: ExitCode;
}

export const failureOf = (error: unknown): CommandFailure => ({ error: reportOf(error), exitCode: exitCodeOf(error) });

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

export function printError(error: unknown, terminal: Terminal): void {
  printReport(reportOf(error), terminal);
}

export function printReport({ code, message, hint }: ErrorReport, terminal: Terminal): void {
  const style = styler(terminal.isInteractive, terminal.environment);
  terminal.writeError(`${style(["red", "bold"], "error:")} ${message} ${style("dim", `[${code}]`)}\n`);
  if (hint) terminal.writeError(`${hint.replace(/^/gm, "  ")}\n`);
}
