import { type ErrorCode, PiipeError } from "../errors.ts";
import { type ErrorReport, reportOf } from "../telemetry/error-report.ts";
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

export function printError(error: unknown, terminal: Terminal): void {
  printReport(reportOf(error), terminal);
}

export function printReport({ code, message, hint }: ErrorReport, terminal: Terminal): void {
  const style = styler(terminal.isInteractive, terminal.environment);
  terminal.writeError(`${style(["red", "bold"], "error:")} ${message} ${style("dim", `[${code}]`)}\n`);
  if (hint) terminal.writeError(`${hint.replace(/^/gm, "  ")}\n`);
}
