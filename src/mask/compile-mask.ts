import { PiipeError } from "../errors.ts";
import type {
  BusinessIdField,
  Column,
  ColumnValue,
  Mask,
  MaskedRecord,
  Rejection,
  Result,
  Seal,
  SealedOriginal,
  TokenLink,
} from "../pipeline/contracts.ts";
import { compileBusinessKeys, compileContentChecks } from "./business-keys.ts";
import {
  type MaskOptions as TokenOptions,
  type MaskedColumn,
  isMasked,
  linkedTokenizers,
  normalizerOf,
  requireKeyVersions,
  tokenizerOf,
} from "./column-tokens.ts";
import { isJsonText } from "./leak/json-text.ts";
import { compileLeakGuard } from "./leak/leak-guard.ts";
import { maskedRecord } from "./masked-record.ts";
import type { Tokenize } from "./operators/operator.ts";
import { vaultContext } from "./reveal-token.ts";

export interface MaskOptions extends TokenOptions {
  /** null: there is no key to seal with, and no column may have `reveal`. */
  readonly seal: Seal | null;
  /** Left out or null: events have no business id. */
  readonly dedupeBy?: BusinessIdField | null;
}

/** What is needed to mask a column's values. */
interface CompiledMask {
  readonly normalize: (text: string) => string | null;
  readonly tokenize: Tokenize;
  /** Makes the tokens that link to the new one. Empty unless a rotation is under way. */
  readonly linked: readonly Tokenize[];
  /** Encrypts the original; null without `reveal`. */
  readonly sealOriginal: ((text: string) => Uint8Array) | null;
}

interface CompiledColumn {
  readonly name: string;
  readonly from: string;
  readonly nullable: boolean;
  /** Of a JSON object nothing but one token would be left. */
  readonly refusesJson: boolean;
  /** null: declared as not personal, stored as it is. */
  readonly mask: CompiledMask | null;
}

/** Shared by all records without links or originals: nearly all. */
const NO_LINKS: readonly TokenLink[] = [];
const NO_ORIGINALS: readonly SealedOriginal[] = [];

/**
 * Prepares the masks of all columns. The result is called for every record; it is pure but for the sealing, synchronous
 * and never throws for bad data. An empty or null value becomes NULL, never a token of nothing: in a column that is not
 * nullable it is refused.
 *
 * @throws PiipeError `keys.missing` when a mask or the business id needs a key and the keyring has no version that may
 * make tokens, or an original is to be sealed and there is no key for it. There is no fallback to a mask without a key.
 */
export function compileMask(columns: readonly Column[], options: MaskOptions): Mask {
  // Of all columns at once, before the first one is compiled.
  if (options.keyring !== null && options.keyring.primary !== null) requireKeyVersions(columns, options.keyring);
  const compiled: readonly CompiledColumn[] = columns.map((column) => ({
    name: column.name,
    from: column.from,
    nullable: column.nullable || column.mask === "drop",
    refusesJson: column.type === "text" && losesValue(column),
    mask: isMasked(column) ? compileColumn(column, options) : null,
  }));
  const guard = compileLeakGuard(columns);
  const { domain, keyring, dedupeBy = null } = options;
  const businessKeysOf = compileBusinessKeys({ dedupeBy, keyring, domain });
  const contentChecksOf = compileContentChecks(columns, { dedupeBy, keyring, domain });

  return (record) => {
    if (record.values.length !== compiled.length) {
      throw new TypeError("the record was decoded for other columns than the mask was compiled for");
    }
    const values: ColumnValue[] = [];
    /** The normalised texts of masked columns, for the leak guard. */
    const hidden: (string | null)[] = [];
    let links: TokenLink[] | null = null;
    let originals: SealedOriginal[] | null = null;
    for (const { name, from, nullable, refusesJson, mask } of compiled) {
      const raw = record.values[values.length] ?? null;
      if (mask === null) {
        values.push(raw);
        hidden.push(null);
        continue;
      }
      const text = raw === null ? "" : String(raw);
      if (refusesJson && isJsonText(text)) return refuse("field.json-text", from);
      const normalized = text === "" ? "" : mask.normalize(text);
      if (normalized === null) return refuse("field.format", from);
      const token = normalized === "" ? null : mask.tokenize(normalized);
      if (token === undefined) return refuse("field.format", from);
      if (token === null && !nullable) return refuse("field.null", from);
      values.push(token);
      hidden.push(normalized === "" ? null : normalized);
      if (token === null) continue;
      for (const tokenizeOld of mask.linked) {
        const oldToken = tokenizeOld(normalized);
        if (typeof oldToken === "string") (links ??= []).push({ domain, column: name, oldToken, newToken: token });
      }
      if (mask.sealOriginal !== null) {
        (originals ??= []).push({ domain, column: name, token, sealed: mask.sealOriginal(text) });
      }
    }
    const guarded = guard(record, hidden);
    if (!guarded.ok) return guarded;
    const { businessKeys, leakedBusinessKeys } = businessKeysOf(record.businessId);
    return {
      ok: true,
      value: maskedRecord(record, {
        values,
        links: links ?? NO_LINKS,
        originals: originals ?? NO_ORIGINALS,
        suspicions: guarded.value,
        businessKeys,
        ...(contentChecksOf === null ? {} : { contentChecks: contentChecksOf(record) }),
        leakedBusinessKeys,
      }),
    };
  };
}

/** Those that keep nothing on purpose, or give the value back, do what they are there for. */
const losesValue = ({ mask, reveal }: Column): boolean =>
  mask !== null && mask !== "drop" && mask !== "redact" && mask !== "aes-siv" && !reveal;

const refuse = (code: Rejection["code"], path: string): Result<MaskedRecord, Rejection> => ({
  ok: false,
  error: { code, path },
});

function compileColumn(column: MaskedColumn, options: MaskOptions): CompiledMask {
  return {
    normalize: normalizerOf(column),
    tokenize: tokenizerOf(column, options),
    linked: linkedTokenizers(column, options),
    sealOriginal: column.reveal ? originalSealer(column, options) : null,
  };
}

function originalSealer(column: Column, { seal }: MaskOptions): (text: string) => Uint8Array {
  if (seal === null) {
    throw new PiipeError(
      "keys.missing",
      `column ${column.name} has \`reveal: true\`, and the keyring has no key for sealing`,
      {
        hint: "Use a keyring that `piipe keys new` made with its private file, or take `reveal` from the column.",
      },
    );
  }
  const context = vaultContext(column.name);
  return (text) => seal(text, context, null);
}
