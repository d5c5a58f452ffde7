import { PiipeError } from "../errors.ts";
import type { Column, Seal, SealedOriginal, TokenLink } from "../pipeline/contracts.ts";
import {
  keyNameOf,
  linkedTokenizers,
  type MaskedColumn,
  type MaskOptions,
  normalizerOf,
  tokenizerOf,
} from "./column-tokens.ts";
import type { Tokenize } from "./operators/operator.ts";
import { vaultContext } from "./reveal-token.ts";

export interface SealingOptions extends MaskOptions {
  /** null: there is no key to seal with, and no column may have `reveal`. */
  readonly seal: Seal | null;
}

/** What is needed to mask a column's values. */
export interface CompiledMask {
  /** Of a JSON object nothing but one token would be left. */
  readonly refusesJson: boolean;
  readonly normalize: (text: string) => string | null;
  readonly tokenize: Tokenize;
  /** Notes what belongs to a token: those that link to it, and its original. null: nothing does. */
  readonly note: ((value: MaskedText, noted: TokenNotes) => void) | null;
}

/** A value that was masked. Raw, but for the token. */
export interface MaskedText {
  readonly text: string;
  readonly normalized: string;
  readonly token: string;
}

/** What belongs to the tokens of a record. */
export interface TokenNotes {
  readonly links: TokenLink[];
  readonly originals: SealedOriginal[];
}

export const newNotes = (): TokenNotes => ({ links: [], originals: [] });

/** @throws PiipeError `keys.missing` */
export function compileColumn(column: MaskedColumn, options: SealingOptions): CompiledMask {
  return {
    refusesJson: column.type === "text" && losesValue(column),
    normalize: normalizerOf(column),
    tokenize: tokenizerOf(column, options),
    note: noterOf(column, options),
  };
}

/** Those that keep nothing on purpose, or give the value back, do what they are there for. */
const losesValue = ({ mask, reveal }: MaskedColumn): boolean =>
  mask !== "drop" && mask !== "redact" && mask !== "aes-siv" && !reveal;

function noterOf(column: MaskedColumn, options: SealingOptions): CompiledMask["note"] {
  /** Make the tokens that link to the new one. None unless a rotation is under way. */
  const linked = linkedTokenizers(column, options);
  const sealOriginal = column.reveal ? originalSealer(column, options) : null;
  if (linked.length === 0 && sealOriginal === null) return null;
  const { domain } = options;
  const key = keyNameOf(column);
  return ({ text, normalized, token }, { links, originals }) => {
    for (const tokenizeOld of linked) {
      const oldToken = tokenizeOld(normalized);
      if (typeof oldToken === "string") links.push({ domain, column: key, oldToken, newToken: token });
    }
    if (sealOriginal !== null) originals.push({ domain, column: key, token, sealed: sealOriginal(text) });
  };
}

function originalSealer(column: Column, { seal }: SealingOptions): (text: string) => Uint8Array {
  if (seal === null) {
    throw new PiipeError(
      "keys.missing",
      `column ${column.name} has \`reveal: true\`, and the keyring has no key for sealing`,
      {
        hint: "Use a keyring that `piipe keys new` made with its private file, or take `reveal` from the column.",
      },
    );
  }
  const context = vaultContext(keyNameOf(column));
  return (text) => seal(text, context, null);
}
