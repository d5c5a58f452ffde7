import type {
  BusinessIdField,
  Column,
  ColumnValue,
  Mask,
  MaskedRow,
  RawRow,
  Rejection,
  SealedOriginal,
  TokenLink,
} from "../pipeline/contracts.ts";
import { type BusinessKeys, compileBusinessKeys, compileContentChecks } from "./business-keys.ts";
import { isMasked, requireKeyVersions } from "./column-tokens.ts";
import { type CompiledMask, compileColumn, newNotes, type SealingOptions, type TokenNotes } from "./compile-column.ts";
import { compileInnerMasks } from "./inner-masks.ts";
import { isJsonText } from "./leak/json-text.ts";
import { compileLeakGuard, type GuardedRow } from "./leak/leak-guard.ts";
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
const NO_KEYS: BusinessKeys = { businessKeys: [], leakedBusinessKeys: [] };

/**
 * Prepares the masks of all columns of all tables. The result is called for every record; it is pure but for the sealing,
 * synchronous and never throws for bad data. An empty or null value becomes NULL, never a token of nothing: in a column that is
 * not nullable it is refused.
 *
 * @param tables the columns of each
 * @throws PiipeError `keys.missing` when a mask or the business id needs a key and the keyring has no version that may
 * make tokens, or an original is to be sealed and there is no key for it. There is no fallback to a mask without a key.
 */
export function compileMask(tables: readonly (readonly Column[])[], options: MaskOptions): Mask {
  // Of all columns at once, before the first one is compiled.
  if (options.keyring !== null && options.keyring.primary !== null) requireKeyVersions(tables.flat(), options.keyring);
  const compiled = tables.map((columns) => compileRowMask(columns, options));
  const guard = compileLeakGuard(tables);
  const { domain, keyring, dedupeBy = null } = options;
  const businessKeysOf = compileBusinessKeys({ dedupeBy, keyring, domain });
  const contentChecksOf = compileContentChecks(tables, { dedupeBy, keyring, domain });

  return (record) => {
    const masked: MaskedRows = { rows: [], looked: [], notes: null };
    for (const row of record.rows) {
      const maskRow = compiled[row.table];
      if (maskRow === undefined)
        throw new TypeError("the record was decoded for other tables than the mask was compiled for");
      const refused = maskRow(row, masked);
      if (refused !== null) return refused;
    }
    const { rows, notes } = masked;
    const guarded = guard(masked.looked);
    if (!guarded.ok) return guarded;
    // What has no row has no id either.
    const { businessKeys, leakedBusinessKeys } = rows.length === 0 ? NO_KEYS : businessKeysOf(record.businessId);
    return {
      ok: true,
      value: maskedRecord(record, {
        rows,
        links: notes?.links ?? NO_LINKS,
        originals: notes?.originals ?? NO_ORIGINALS,
        suspicions: guarded.value,
        businessKeys,
        ...(contentChecksOf === null ? {} : { contentChecks: contentChecksOf(record) }),
        leakedBusinessKeys,
      }),
    };
  };
}

/** The rows of a record while they are masked. */
interface MaskedRows {
  readonly rows: MaskedRow[];
  /** What the leak guard looks at. */
  readonly looked: GuardedRow[];
  /** Of all tokens. null: there are none so far. */
  notes: TokenNotes | null;
}

/** Adds the masked row to the others. null: it was not refused. */
type MaskRow = (row: RawRow, masked: MaskedRows) => Refused | null;

type Refused = { readonly ok: false; readonly error: Rejection };

/** Prepares the masks of one table's columns. */
function compileRowMask(columns: readonly Column[], options: SealingOptions): MaskRow {
  const compiled: readonly CompiledColumn[] = columns.map((column) => ({
    from: column.from,
    nullable: column.nullable || column.mask === "drop",
    mask: isMasked(column) ? compileColumn(column, options) : null,
  }));
  const maskInner = compileInnerMasks(columns, options);
  return (row, masked) => {
    if (row.values.length !== compiled.length) {
      throw new TypeError("the record was decoded for other columns than the mask was compiled for");
    }
    const values: ColumnValue[] = [];
    /** The normalised texts of masked columns, for the leak guard. */
    const hidden: (string | null)[] = [];
    for (const { from, nullable, mask } of compiled) {
      const raw = row.values[values.length] ?? null;
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
      if (token !== null && mask.note !== null) mask.note({ text, normalized, token }, (masked.notes ??= newNotes()));
    }
    masked.rows.push({ table: row.table, values });
    if (maskInner === null) {
      masked.looked.push({ row, hidden });
      return null;
    }
    const inner = maskInner(row, values, masked.notes);
    if (!inner.ok) return inner;
    const { rest, hidden: hiddenInside, notes } = inner.value;
    masked.looked.push({ row: rest, hidden, inner: hiddenInside });
    masked.notes = notes;
    return null;
  };
}

const refuse = (code: Rejection["code"], path: string): Refused => ({
  ok: false,
  error: { code, path },
});
