import { Unprintable } from "../unprintable.ts";

/** A value that must never be printed: every way of turning it into text gives `[secret]`. */
export class Secret extends Unprintable {
  readonly #value: string;

  constructor(value: string) {
    super();
    this.#value = value;
  }

  /** The value itself, for the one call that needs it. Never keep it, never log it. */
  reveal(): string {
    return this.#value;
  }
}
