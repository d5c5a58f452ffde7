import type { Config, TableConfig } from "../config/config.ts";
import { compileDecoder } from "../decode/compile-decoder.ts";
import type { ColumnBounds, Mask, MaskedRecord, Rejection } from "../pipeline/contracts.ts";
import { deliveryOf } from "./parse-events.ts";

/** What decoding and masking make of the events: what is left to try is the table. */
export interface TriedColumns {
  readonly records: readonly MaskedRecord[];
  readonly refusals: readonly Rejection[];
}

/** Decodes the bodies into the columns, and masks them, as a run would. */
export function tryColumns(
  bodies: readonly string[],
  { columns, unknownFields, source }: Pick<Config, "unknownFields" | "source"> & Pick<TableConfig, "columns">,
  bounds: ReadonlyMap<string, ColumnBounds>,
  mask: Mask,
): TriedColumns {
  const decode = compileDecoder([{ columns, when: [], each: null, bounds }], { unknownFields, unwrap: source.unwrap });
  const nowMs = Date.now();
  const records: MaskedRecord[] = [];
  const refusals: Rejection[] = [];
  for (const body of bodies) {
    const decoded = decode({ ...deliveryOf(body), sentAtMs: nowMs, receivedAtMs: nowMs });
    const masked = decoded.ok ? mask(decoded.value) : decoded;
    if (masked.ok) records.push(masked.value);
    else refusals.push(masked.error);
  }
  return { records, refusals };
}
