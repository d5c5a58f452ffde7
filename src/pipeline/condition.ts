/** Lets one loop wait until another part of the engine has changed something. */
export class Condition {
  #waiting: Array<() => void> = [];

  /** Resolves at the next `notify`. The caller checks again what it waits for. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
