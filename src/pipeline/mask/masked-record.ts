import type { ColumnValue, MaskedRecord, RawRecord } from "../contracts.ts";

/**
 * The only place that makes a masked record. Called by the compiled mask alone, with values that are masked or of columns
 * declared as not personal.
 */
export function maskedRecord(record: RawRecord, values: readonly ColumnValue[]): MaskedRecord {
  return { id: record.id, sentAtMs: record.sentAtMs, values } as unknown as MaskedRecord;
}
