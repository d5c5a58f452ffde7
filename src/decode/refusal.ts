import type { RawValue, RejectionCode } from "../pipeline/contracts.ts";

/** Why a value is refused, without the path that only the column knows. */
export interface Refusal {
  readonly refused: RejectionCode;
}

/** Turns a JSON value that is neither missing nor null into the value of a column. Never throws. */
export type Reader = (value: unknown) => RawValue | Refusal;

/** How the values of one column are read. */
export interface ValueReader {
  /** Numbers are exactly what was written: within ±(2^53 − 1), and of no more digits than every double keeps. */
  readonly read: Reader;
  /** Any other number, beside the text in which the event has it. */
  readonly readNumber: NumberReader;
  /** Every number goes to `readNumber`. */
  readonly readsNumbersAsWritten?: true;
}

/** @param written as JSON writes a number */
export type NumberReader = (value: number, written: string) => RawValue | Refusal;

const refusal = (code: RejectionCode): Refusal => Object.freeze({ refused: code });

/** Allocated once: a flood of bad events costs no garbage. */
export const REFUSED = {
  null: refusal("field.null"),
  type: refusal("field.type"),
  format: refusal("field.format"),
  range: refusal("field.range"),
  tooLong: refusal("field.too-long"),
  nulCharacter: refusal("field.nul-character"),
  loneSurrogate: refusal("field.lone-surrogate"),
} as const;

/** Of a column that takes no number. */
export const neverNumber: NumberReader = () => REFUSED.type;

export const isRefusal = (read: RawValue | Refusal): read is Refusal => typeof read === "object" && read !== null;
