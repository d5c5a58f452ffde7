import { inspect } from "node:util";

const SHOWN = "[secret]";

/** A value that must never be printed: every way of turning it into text gives `[secret]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one call that needs it. Never keep it, never log it. */
  reveal(): string {
    return this.#value;
  }

  /** Template strings and concatenation come here too, before `valueOf`. */
  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
