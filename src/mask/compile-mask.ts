import type {
  BusinessIdField,
  Column,
  ColumnValue,
  Mask,
  MaskedRecord,
  Rejection,
  Result,
  SealedOriginal,
  TokenLink,
} from "../pipeline/contracts.ts";
import { compileBusinessKeys, compileContentChecks } from "./business-keys.ts";
import { isMasked, requireKeyVersions } from "./column-tokens.ts";
import { type CompiledMask, compileColumn, newNotes, type SealingOptions, type TokenNotes } from "./compile-column.ts";
import { compileInnerMasks } from "./inner-masks.ts";
import { isJsonText } from "./leak/json-text.ts";
import { compileLeakGuard } from "./leak/leak-guard.ts";
import { maskedRecord } from "./masked-record.ts";

export interface MaskOptions extends SealingOptions {
  /** Left out or null: events have no business id. */
  readonly dedupeBy?: BusinessIdField | null;
}

interface CompiledColumn {
  readonly from: string;
  readonly nullable: boolean;
  /** null: declared as not personal, stored as it is, but for its inner masks. */
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
    from: column.from,
    nullable: column.nullable || column.mask === "drop",
    mask: isMasked(column) ? compileColumn(column, options) : null,
  }));
  const maskInner = compileInnerMasks(columns, options);
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
    let noted: TokenNotes | null = null;
    for (const { from, nullable, mask } of compiled) {
      const raw = record.values[values.length] ?? null;
      if (mask === null) {
        values.push(raw);
        hidden.push(null);
        continue;
      }
      const text = raw === null ? "" : String(raw);
      if (mask.refusesJson && isJsonText(text)) return refuse("field.json-text", from);
      const normalized = text === "" ? "" : mask.normalize(text);
      if (normalized === null) return refuse("field.format", from);
      const token = normalized === "" ? null : mask.tokenize(normalized);
      if (token === undefined) return refuse("field.format", from);
      if (token === null && !nullable) return refuse("field.null", from);
      values.push(token);
      hidden.push(normalized === "" ? null : normalized);
      if (token !== null && mask.note !== null) mask.note({ text, normalized, token }, (noted ??= newNotes()));
    }
    let guarded: ReturnType<typeof guard>;
    if (maskInner === null) guarded = guard(record, hidden);
    else {
      const inner = maskInner(record, values, noted);
      if (!inner.ok) return inner;
      noted = inner.value.notes;
      guarded = guard(inner.value.rest, hidden, inner.value.hidden);
    }
    if (!guarded.ok) return guarded;
    const { businessKeys, leakedBusinessKeys } = businessKeysOf(record.businessId);
    return {
      ok: true,
      value: maskedRecord(record, {
        values,
        links: noted?.links ?? NO_LINKS,
        originals: noted?.originals ?? NO_ORIGINALS,
        suspicions: guarded.value,
        businessKeys,
        ...(contentChecksOf === null ? {} : { contentChecks: contentChecksOf(record) }),
        leakedBusinessKeys,
      }),
    };
  };
}

const refuse = (code: Rejection["code"], path: string): Result<MaskedRecord, Rejection> => ({
  ok: false,
  error: { code, path },
});
