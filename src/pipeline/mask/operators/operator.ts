import type { MaskName } from "../../contracts.ts";

/** Turns the text of a value into its token. Pure; equal texts give equal tokens. */
export type Tokenize = (text: string) => string;

interface OperatorBase {
  readonly name: MaskName;
  /** Whether texts are brought into one form first, so that equal values in other spellings stay equal. */
  readonly usesNormalization: boolean;
  /** Length of its tokens in characters; `version` is the key version. */
  tokenChars(version: number): number;
}

/** A mask that no one can repeat without the key. */
export interface KeyedOperator extends OperatorBase {
  readonly needsKey: true;
  /** `key` is the column's own: 32 bytes. */
  create(key: Uint8Array, version: number): Tokenize;
}

/** A mask that everyone can repeat, and so reverse by trying all values. */
export interface UnkeyedOperator extends OperatorBase {
  readonly needsKey: false;
  create(): Tokenize;
}

export type Operator = KeyedOperator | UnkeyedOperator;
