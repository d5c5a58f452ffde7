import { inspect } from "node:util";

const SHOWN = "[secret]";

/** What must never be printed: every way of turning it into text gives `[secret]`. Fields have to be private. */
export abstract class Unprintable {
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
