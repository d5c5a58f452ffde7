import { type ExitCode, exitCodeOf } from "./exit-codes.ts";
import { type ErrorReport, reportOf } from "./print-error.ts";

/** Why a command failed, in what it shows to the outside. */
export interface Failure {
  readonly error: ErrorReport;
  readonly exitCode: ExitCode;
}

export const failureOf = (error: unknown): Failure => ({ error: reportOf(error), exitCode: exitCodeOf(error) });
