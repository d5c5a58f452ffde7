import { EXIT_CODES, type ExitCode } from "../failure.ts";
import { STOP_SIGNALS } from "../terminal.ts";
import type { WorkerExit } from "./worker-process.ts";

/**
 * What the end of a worker means.
 * - `done`: it ended as it should
 * - `stopped`: somebody sent it a signal of its own; another takes its place
 * - `failed`: another takes its place, unless that happened too often
 * - `final`: another would end the same way, so all end
 */
export type ExitVerdict = "done" | "stopped" | "failed" | "final";

export interface Circumstances {
  /** All workers were told to end. */
  readonly isStopping: boolean;
  readonly untilEmpty: boolean;
  /** The worker had found everything in order before it ended. */
  readonly hasStarted: boolean;
  /** Some worker of this run had. */
  readonly hasAnyStarted: boolean;
}

export function judgeExit({ code, signal }: WorkerExit, circumstances: Circumstances): ExitVerdict {
  const { isStopping, untilEmpty, hasStarted, hasAnyStarted } = circumstances;
  if (isStopping) {
    // Ctrl-C, or its end, reaches every process of the terminal, also one that does not listen yet.
    const isEarly = !hasStarted && STOP_SIGNALS.some((each) => each === signal);
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

/** Longer than any start takes: a worker that lived so long did not end for the reason that the one before it did. */
const HEALTHY_AFTER_MS = 60_000;
const FAILURES_MAX = 5;
const FIRST_DELAY_MS = 1_000;

/** How often one worker is started again, and after what pause: 1, 2, 4 and 8 s, then no more. */
export class RestartLimit {
  readonly #healthyAfterMs: number;
  #failures = 0;

  /** @param isFinite true for a run that ends by itself: not even long lives may then follow each other for ever */
  constructor(isFinite: boolean) {
    this.#healthyAfterMs = isFinite ? Number.POSITIVE_INFINITY : HEALTHY_AFTER_MS;
  }

  /** Failures without a healthy minute between them. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Counts the end of a life of so long.
   * @returns the pause before the next one; null: no more
   */
  nextDelayMs(verdict: Exclude<ExitVerdict, "done">, livedMs: number): number | null {
    if (livedMs >= this.#healthyAfterMs) this.#failures = 0;
    if (verdict === "stopped") return FIRST_DELAY_MS;
    this.#failures += 1;
    return verdict === "final" || this.#failures === FAILURES_MAX ? null : FIRST_DELAY_MS * 2 ** (this.#failures - 1);
  }
}
