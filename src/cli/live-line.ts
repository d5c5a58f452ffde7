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
