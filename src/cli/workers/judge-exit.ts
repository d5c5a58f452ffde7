import { EXIT_CODES, type ExitCode } from "../exit-codes.ts";
import type { WorkerExit } from "./worker-process.ts";

/**
 * What the end of a worker means.
 * - `done`: it ended as it should
 * - `stopped`: somebody sent it a signal of its own; another takes its place
 * - `failed`: another takes its place, unless that happened too often
 * - `final`: another would end the same way, so all end
 */
export type Verdict = "done" | "stopped" | "failed" | "final";

export interface Circumstances {
  /** All workers were told to end. */
  readonly isStopping: boolean;
  readonly untilEmpty: boolean;
  /** The worker had found everything in order before it ended. */
  readonly hasStarted: boolean;
  /** Some worker of this run had. */
  readonly hasAnyStarted: boolean;
}

export function judgeExit({ code, signal }: WorkerExit, circumstances: Circumstances): Verdict {
  const { isStopping, untilEmpty, hasStarted, hasAnyStarted } = circumstances;
  if (isStopping) {
    // Ctrl-C reaches every process of the terminal, also one that does not listen yet.
    const isEarly = !hasStarted && (signal === "SIGINT" || signal === "SIGTERM");
    return code === EXIT_CODES.done || isEarly ? "done" : "final";
  }
  switch (code) {
    case EXIT_CODES.done:
      return untilEmpty ? "done" : "stopped";
    case EXIT_CODES.interrupted:
      return "stopped";
    case EXIT_CODES.usage:
    case EXIT_CODES.config:
    case EXIT_CODES.data:
      return "final";
    case EXIT_CODES.service:
      // As without workers: a start does not wait for a service that is away.
      return hasAnyStarted ? "failed" : "final";
    default:
      return "failed";
  }
}

/** The exit code of all for that of one. Others than piipe's own come from Node, which could not go on. */
export function exitCodeFor({ code }: WorkerExit): ExitCode {
  return Object.values(EXIT_CODES).find((known) => known === code) ?? EXIT_CODES.bug;
}
