import type { RawValue, RejectionCode } from "../pipeline/contracts.ts";

/** Why a value is refused, without the path that only the column knows. */
export interface Refusal {
  readonly refused: RejectionCode;
}

/** Turns a JSON value that is neither missing nor null into the value of a column. Never throws. */
export type Reader = (value: unknown) => RawValue | Refusal;

const refusal = (code: RejectionCode): Refusal => Object.freeze({ refused: code });

/** Allocated once: a flood of bad events costs no garbage. */
export const REFUSED = {
  type: refusal("field.type"),
  format: refusal("field.format"),
  range: refusal("field.range"),
  tooLong: refusal("field.too-long"),
  nulCharacter: refusal("field.nul-character"),
  loneSurrogate: refusal("field.lone-surrogate"),
} as const;

export const isRefusal = (read: RawValue | Refusal): read is Refusal => typeof read === "object" && read !== null;
