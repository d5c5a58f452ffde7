import { PiipeError } from "../errors.ts";
import type { Totals } from "../pipeline/totals.ts";
import type { Emit } from "../telemetry/events.ts";
import type { LogLevel } from "../telemetry/log-level.ts";
import { ProgressBar } from "./progress-bar.ts";
import type { Terminal } from "./terminal.ts";

const REDRAW_MS = 250;
const ASK_DEPTH_MS = 2_000;

/** Whether a bar stands in for the line of each batch: a person watches a run that has an end. */
export function showsBar(
  { untilEmpty, logLevel }: { readonly untilEmpty: boolean; readonly logLevel: LogLevel },
  { isInteractive }: Terminal,
): boolean {
  return isInteractive && untilEmpty && logLevel !== "debug";
}

/** All but the line of each batch. */
export const withoutBatches =
  (log: Emit): Emit =>
  (event) => {
    if (event.type !== "batch.written") log(event);
  };

/** Shows how far a run has come, from `watch` to `close`. The total grows when more messages come. */
export class RunProgress {
  readonly #terminal: Terminal;
  readonly #closed = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  #bar: ProgressBar | null = null;
  #totals: () => Readonly<Totals> | null = () => null;
  #total: number | null = null;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /**
   * @param totals null: nothing has begun
   * @param depth messages in the queue, in whatever state
   */
  watch(totals: () => Readonly<Totals> | null, depth: (signal: AbortSignal) => Promise<number>): void {
    this.#totals = totals;
    const ask = (): void => void this.#ask(depth);
    this.#timers.push(
      setInterval(() => this.#draw(), REDRAW_MS),
      setInterval(ask, ASK_DEPTH_MS),
    );
    ask();
  }

  /**
   * Leaves the last state on the terminal, unless nothing was done. Safe twice.
   * @param isEmpty whether the run found the queue empty in the end
   */
  close({ isEmpty }: { readonly isEmpty: boolean }): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    for (const timer of this.#timers) clearInterval(timer);
    const done = this.#done();
    if (done > 0) this.#bar?.finish(done, isEmpty ? done : Math.max(done, this.#total ?? 0));
  }

  #done(): number {
    const { stored = 0, skipped = 0, dropped = 0, duplicate = 0, quarantined = 0, left = 0 } = this.#totals() ?? {};
    return stored + skipped + dropped + duplicate + quarantined + left;
  }

  #draw(): void {
    if (this.#totals() === null) return;
    // Workers take seconds to start: the rate is not of these.
    this.#bar ??= new ProgressBar(this.#terminal, "messages");
    const done = this.#done();
    this.#bar.update(done, this.#total === null ? null : Math.max(done, this.#total));
  }

  async #ask(depth: (signal: AbortSignal) => Promise<number>): Promise<void> {
    try {
      const waiting = await depth(this.#closed.signal);
      // What was left is in the queue still.
      this.#total = waiting + (this.#totals()?.deleted ?? 0);
    } catch (error) {
      // The run itself asks the same, and says what is wrong.
      if (!(error instanceof PiipeError)) throw error;
    }
  }
}
