import type { Column, MaskName } from "../../pipeline/contracts.ts";

/** Turns the text of a value into what is stored. Pure; equal texts give equal tokens. Undefined: none of its values. */
export type Tokenize = (text: string) => string | null | undefined;

interface OperatorBase {
  readonly name: MaskName;
  /** Whether texts are brought into one form first, so that equal values in other spellings stay equal. */
  readonly usesNormalization: boolean;
  /** Longest token in characters, or null when that depends on the value; `version` is the key version. */
  tokenChars(version: number): number | null;
}

/** What a keyed operator works with. */
export interface KeyUse {
  /** The column's own, of the operator's `keyBytes`. */
  readonly key: Uint8Array;
  readonly version: number;
  readonly column: Column;
}

/** A mask that no one can repeat without the key. */
export interface KeyedOperator extends OperatorBase {
  readonly needsKey: true;
  readonly keyBytes: number;
  /** What its tokens begin with, before the key version. null: they do not show their version. */
  readonly tokenLetter: "h" | "w" | "s" | null;
  /** @throws PiipeError `keys.invalid` when the key is one that the standard forbids */
  create(use: KeyUse): Tokenize & ((text: string) => string | undefined);
  /**
   * Makes a token out of a token of an older key, without the value: the mask stays one-way. null: it cannot.
   * New events take the same two steps, so that they land on the same tokens.
   */
  readonly chain: ((use: KeyUse) => (token: string) => string) | null;
  /** Finds the text that a token was made from; null when it is no token of this key. null: it is one-way. */
  readonly reveal: ((use: KeyUse) => (token: string) => string | null) | null;
}

/** A mask that everyone can repeat: what it gives is either nothing, or can be reversed by trying all values. */
export interface UnkeyedOperator extends OperatorBase {
  readonly needsKey: false;
  create(column: Column): Tokenize;
  /** Whether a value can be found by what is stored of it. */
  readonly isSearchable: boolean;
}

export type Operator = KeyedOperator | UnkeyedOperator;
