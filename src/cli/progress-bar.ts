import { showMs } from "./output.ts";
import { type Terminal, styler } from "./terminal.ts";

/** To the line's beginning, and all of it erased. */
export const ERASE_LINE = "\r\u001b[2K";

/** The last line of a terminal, kept below all else that is written to it. */
export class LiveLine {
  readonly #write: (text: string) => void;
  #shown = "";

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** In place of what it showed before; empty: the line is gone, and the cursor at its beginning. */
  show(text: string): void {
    if (this.#shown === "" && text === "") return;
    this.#shown = text;
    this.#write(`${ERASE_LINE}${text}`);
  }

  /** Whole lines, above it. */
  write(text: string): void {
    this.#write(this.#shown === "" ? text : `${ERASE_LINE}${text}${this.#shown}`);
  }
}

const BAR_CHARS_MAX = 24;
/** A shorter bar tells less than the figures beside it. */
const BAR_CHARS_MIN = 8;
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
  #done = 0;
  /** When the count last rose: the rate is of the work, not of the wait after it. */
  #countedMs = Date.now();

  constructor(terminal: Terminal, label: string) {
    this.#terminal = terminal;
    this.#label = label;
  }

  /** @param total what is done plus what remains; null while unknown */
  update(done: number, total: number | null): void {
    const nowMs = Date.now();
    this.#count(done, nowMs);
    const isWatched = this.#terminal.isInteractive;
    if (nowMs - (this.#drawnMs || this.#startedMs) < (isWatched ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.#drawnMs = nowMs;
    if (isWatched) this.#terminal.showLine(this.#line(total));
    else this.#terminal.writeError(`${this.#text(total)}\n`);
  }

  /** Leaves the last state on the terminal, as a line of its own. By default all is done. */
  finish(done: number, total = done): void {
    if (!this.#terminal.isInteractive) return;
    this.#count(done, Date.now());
    this.#terminal.showLine("");
    this.#terminal.writeError(`${this.#line(total)}\n`);
  }

  #count(done: number, nowMs: number): void {
    if (done !== this.#done) this.#countedMs = nowMs;
    this.#done = done;
  }

  #text(total: number | null): string {
    const done = this.#done;
    const seconds = Math.max(0.001, (this.#countedMs - this.#startedMs) / 1_000);
    const rate = done / seconds;
    const remaining = total !== null && rate > 0 ? Math.ceil((total - done) / rate) : 0;
    const counts = total === null ? `${done}` : `${done} of ${total}`;
    return `${this.#label} ${counts}, ${Math.round(rate)}/s${remaining > 0 ? `, ${showMs(remaining * 1_000)} left` : ""}`;
  }

  /** Fits the terminal: a line that wraps could not be erased. */
  #line(total: number | null): string {
    const text = this.#text(total);
    // Some terminals wrap as soon as the last column is written.
    const columns = Math.max(1, this.#terminal.columns() - 1);
    const barChars = Math.min(BAR_CHARS_MAX, columns - text.length - 1);
    if (barChars < BAR_CHARS_MIN) return text.slice(0, columns);
    const filled = total ? Math.round((barChars * Math.min(this.#done, total)) / total) : 0;
    const style = styler(true, this.#terminal.environment);
    // Different characters: without colour they are all that tells.
    return `${style("cyan", "█".repeat(filled))}${style("dim", "░".repeat(barChars - filled))} ${text}`;
  }
}
