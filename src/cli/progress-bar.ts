import { styler, type Terminal } from "./terminal.ts";

const BAR_CHARS = 24;
const REDRAW_MS = 80;
const PLAIN_LINE_MS = 5_000;

/**
 * A bar on a terminal, a line every five seconds otherwise. Ours because the libraries tried put stdin into raw mode,
 * and then Ctrl-C no longer reaches the drain.
 */
export class ProgressBar {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #startedMs = Date.now();
  #drawnMs = 0;
  /** When the last count came: the rate is of the work, not of the wait after it. */
  #countedMs = Date.now();
  #isDrawn = false;

  constructor(terminal: Terminal, label: string) {
    this.#terminal = terminal;
    this.#label = label;
  }

  /** @param total what is done plus what remains; null while unknown */
  update(done: number, total: number | null): void {
    const nowMs = Date.now();
    this.#countedMs = nowMs;
    const isWatched = this.#terminal.isInteractive;
    if (nowMs - (this.#drawnMs || this.#startedMs) < (isWatched ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.#drawnMs = nowMs;
    this.#draw(done, total);
  }

  /** Draws the last state and ends the line. */
  finish(done: number): void {
    if (this.#terminal.isInteractive) this.#draw(done, done);
    if (this.#isDrawn && this.#terminal.isInteractive) this.#terminal.writeError("\n");
  }

  #draw(done: number, total: number | null): void {
    const seconds = Math.max(0.001, (this.#countedMs - this.#startedMs) / 1000);
    const rate = Math.round(done / seconds);
    const remaining = total !== null && rate > 0 ? Math.ceil((total - done) / rate) : null;
    const counts = total === null ? `${done}` : `${done} of ${total}`;
    const text = `${this.#label} ${counts}, ${rate}/s${remaining ? `, ${remaining} s left` : ""}`;
    if (!this.#terminal.isInteractive) {
      this.#terminal.writeError(`${text}\n`);
      return;
    }
    const style = styler(true, this.#terminal.environment);
    const filled = total ? Math.round((BAR_CHARS * Math.min(done, total)) / total) : 0;
    const bar = style("cyan", "━".repeat(filled)) + style("dim", "━".repeat(BAR_CHARS - filled));
    this.#terminal.writeError(`\r\u001b[2K${bar} ${text}`);
    this.#isDrawn = true;
  }
}
