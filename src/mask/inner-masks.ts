import type { Column, ColumnValue, InnerValues, RawRow, RawValue, Rejection, Result } from "../pipeline/contracts.ts";
import { type CompiledMask, compileColumn, newNotes, type SealingOptions, type TokenNotes } from "./compile-column.ts";
import { type HiddenSource, hiddenSourceOf, type HiddenValue } from "./leak/echo-check.ts";
import { isJsonText } from "./leak/json-text.ts";
import { spliceJson } from "./splice-json.ts";

export interface InnerMasked {
  /** What the leak guard looks at instead of the row: json values without what is masked in them. */
  readonly rest: RawRow;
  readonly hidden: readonly HiddenValue[];
  /** The given notes and those of the inner tokens. */
  readonly notes: TokenNotes | null;
}

/**
 * Masks what the row has inside its json columns: puts the texts with tokens into `values`. An empty value becomes null,
 * as a column's becomes NULL.
 */
export type MaskInner = (
  row: RawRow,
  values: ColumnValue[],
  notes: TokenNotes | null,
) => Result<InnerMasked, Rejection>;

interface CompiledInner {
  readonly from: string;
  readonly mask: CompiledMask;
  readonly source: HiddenSource;
}

/**
 * null: no column has masks inside.
 * @throws PiipeError `keys.missing`
 */
export function compileInnerMasks(columns: readonly Column[], options: SealingOptions): MaskInner | null {
  if (columns.every(({ masks }) => masks === undefined)) return null;
  const compiled = columns.map(({ masks = [] }) =>
    masks.map((inner): CompiledInner => ({
      from: inner.from,
      mask: compileColumn(inner, options),
      source: hiddenSourceOf(inner),
    })),
  );
  const hasNotes = compiled.some((masks) => masks.some(({ mask }) => mask.note !== null));
  return (row, values, given) => {
    if (row.inner === undefined) throw new TypeError("the row was decoded without what is masked inside its columns");
    const rest: RawValue[] = [...row.values];
    const hidden: HiddenValue[] = [];
    const notes = given ?? (hasNotes ? newNotes() : null);
    for (const inner of row.inner) {
      const json = row.values[inner.column];
      if (typeof json !== "string") throw new TypeError("the row has places inside a value that is no JSON");
      const tokens = tokensOf(inner, compiled[inner.column] ?? [], hidden, notes);
      if (!Array.isArray(tokens)) return { ok: false, error: tokens };
      values[inner.column] = spliceJson(json, inner.values, (_place, index) => JSON.stringify(tokens[index] ?? null));
      rest[inner.column] = spliceJson(json, inner.values, () => "null");
    }
    return { ok: true, value: { rest: { ...row, values: rest }, hidden, notes } };
  };
}

function tokensOf(
  inner: InnerValues,
  masks: readonly CompiledInner[],
  hidden: HiddenValue[],
  notes: TokenNotes | null,
): (string | null)[] | Rejection {
  const tokens: (string | null)[] = [];
  for (const { mask: index, value, given } of inner.values) {
    const compiled = masks[index];
    if (compiled === undefined) throw new TypeError("the row was decoded for other masks than these");
    const { from, mask, source } = compiled;
    const text = value === null ? "" : String(value);
    if (mask.refusesJson && isJsonText(text)) return { code: "field.json-text", path: from };
    const normalized = text === "" ? "" : mask.normalize(text);
    if (normalized === null) return { code: "field.format", path: from };
    const token = normalized === "" ? null : mask.tokenize(normalized);
    if (token === undefined) return { code: "field.format", path: from };
    tokens.push(token);
    if (normalized !== "") hidden.push({ source, text, normalized });
    if (given !== undefined) hidden.push({ source, text: given, normalized: given });
    if (token !== null && notes !== null) mask.note?.({ text, normalized, token }, notes);
  }
  return tokens;
}
