/** The servers of which one takes writes: where the next connection goes to. Stays with one for as long as that works. */
export class Hosts {
  readonly count: number;
  readonly #urls: readonly string[];
  #at = 0;

  /** @param urls one or more */
  constructor(urls: readonly string[]) {
    this.#urls = urls;
    this.count = urls.length;
  }

  get current(): string {
    return this.#urls[this.#at] ?? "";
  }

  /** The one behind it comes next, unless another connection has moved on already. */
  leave(url: string): void {
    if (url === this.current) this.#at = (this.#at + 1) % this.count;
  }
}
