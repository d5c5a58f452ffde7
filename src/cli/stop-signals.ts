import type { Terminal } from "./terminal.ts";

/** The two ways to end a run, driven by signals: the first one drains, a second one or the time limit aborts. */
export interface StopSignals {
  readonly stop: AbortSignal;
  readonly abort: AbortSignal;
  /** The first signal received, or null when the run ended by itself. */
  readonly received: () => "SIGINT" | "SIGTERM" | null;
  /** Ends the time limit, so that it keeps no process alive. */
  readonly close: () => void;
}

/** Under npm, Ctrl-C arrives twice: from the terminal, and passed on by npm. A person is slower. */
const SAME_KEYPRESS_MS = 300;

/**
 * @param drainTimeoutMs how long a drain may take before it is cut short
 * @param what what a person is told is finished first
 */
export function listenForStop(terminal: Terminal, drainTimeoutMs: number, what = "what was received"): StopSignals {
  const stop = new AbortController();
  const abort = new AbortController();
  let first: "SIGINT" | "SIGTERM" | null = null;
  let firstMs = 0;
  let timer: NodeJS.Timeout | null = null;
  terminal.onSignal((signal) => {
    if (first) {
      if (performance.now() - firstMs >= SAME_KEYPRESS_MS) abort.abort();
      return;
    }
    first = signal;
    firstMs = performance.now();
    if (terminal.isInteractive) terminal.writeError(`\nfinishing ${what}; once more to stop at once\n`);
    stop.abort();
    timer = setTimeout(() => abort.abort(), drainTimeoutMs);
  });
  return {
    stop: stop.signal,
    abort: abort.signal,
    received: () => first,
    close: () => {
      if (timer) clearTimeout(timer);
    },
  };
}
