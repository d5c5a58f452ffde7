import { compileDecoder, type DecoderOptions } from "../../src/decode/compile-decoder.ts";
import { compileMask, type MaskOptions } from "../../src/mask/compile-mask.ts";
import type {
  Column,
  ColumnBounds,
  ColumnValue,
  Delivery,
  MaskedRecord,
  RawRecord,
  RawRow,
  Rejection,
  Result,
} from "../../src/pipeline/contracts.ts";
import type { TargetTable } from "../../src/write/target-table.ts";
import type { WrittenTables } from "../../src/write/written-tables.ts";

/** A record of one row in one table, with what the row holds beside it. */
export type FlatRecord = RawRecord & Omit<RawRow, "table">;
export type FlatMasked = MaskedRecord & { readonly values: readonly ColumnValue[] };

/** The decoder of a pipeline whose events have one row in one table. */
export function decoderOf(
  columns: readonly Column[],
  bounds: ReadonlyMap<string, ColumnBounds>,
  options: DecoderOptions,
): (delivery: Delivery) => Result<FlatRecord, Rejection> {
  const decode = compileDecoder([{ columns, when: [], each: null, bounds }], options);
  return (delivery) => {
    const decoded = decode(delivery);
    return decoded.ok ? { ok: true, value: flat(decoded.value) } : decoded;
  };
}

/** The mask of such a pipeline. */
export function maskOf(
  columns: readonly Column[],
  options: MaskOptions,
): (record: Omit<FlatRecord, "rows">) => Result<FlatMasked, Rejection> {
  const mask = compileMask([columns], options);
  return ({ values, inner, given, ...record }) => {
    const row: RawRow = { table: 0, values, ...(inner && { inner }), ...(given && { given }) };
    const masked = mask({ ...record, rows: [row] });
    return masked.ok ? { ok: true, value: { ...masked.value, values: masked.value.rows[0]?.values ?? [] } } : masked;
  };
}

function flat(record: RawRecord): FlatRecord {
  const [row] = record.rows;
  if (row === undefined) throw new Error("an event of one table has a row");
  const { table: _table, ...parts } = row;
  return { ...record, ...parts };
}

/** What a sink writes for such a pipeline. */
export const writtenOne = (table: TargetTable, columns: readonly Column[]): WrittenTables => ({
  tables: [{ table, columns }],
  order: [0],
});

/** The only row of a record. */
export const rowOf = (values: RawRow["values"]): readonly RawRow[] => [{ table: 0, values }];
