import type { StopSignal, Terminal } from "./terminal.ts";

/** The two ways to end a run: `stop` drains, `abort` cuts that short. */
export interface StopSignals {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** Ends the time limit, so that it keeps no process alive. */
  readonly close: () => void;
}

/** Driven by signals: the first one drains, a second one or the time limit aborts. */
export interface ProcessSignals extends StopSignals {
  /** The first signal received, or null when the run ended by itself. */
  readonly received: () => StopSignal | null;
}

/** Under npm, Ctrl-C arrives twice: from the terminal, and passed on by npm. A person is slower. */
const SAME_KEYPRESS_MS = 300;

/**
 * @param drainTimeoutMs how long a drain may take before it is cut short
 * @param what what a person is told is finished first
 */
export function listenForStop(terminal: Terminal, drainTimeoutMs: number, what = "what was received"): ProcessSignals {
  const ending = new Ending(drainTimeoutMs);
  let first: StopSignal | null = null;
  let firstMs = 0;
  terminal.onSignal((signal) => {
    if (first) {
      if (performance.now() - firstMs >= SAME_KEYPRESS_MS) ending.abortNow();
      return;
    }
    first = signal;
    firstMs = performance.now();
    if (terminal.isInteractive) terminal.writeError(`\nfinishing ${what}; once more to stop at once\n`);
    ending.drain();
  });
  return {
    stop: ending.stop,
    abort: ending.abort,
    received: () => first,
    close: () => ending.close(),
  };
}

/** A drain with a time limit. */
export class Ending implements StopSignals {
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #drainTimeoutMs: number;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(drainTimeoutMs: number) {
    this.#drainTimeoutMs = drainTimeoutMs;
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  /** Safe twice: the first call sets the limit. Without effect once closed, when there is nothing left to end. */
  drain(): void {
    if (this.stop.aborted || this.#isClosed) return;
    this.#stop.abort();
    this.#timer = setTimeout(() => this.#abort.abort(), this.#drainTimeoutMs);
  }

  abortNow(): void {
    this.drain();
    this.#abort.abort();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }
}
