import { compileDecoder, type DecoderOptions } from "../decode/compile-decoder.ts";
import type { DecodedTarget } from "../decode/event-rows.ts";
import type { Mask, MaskedRecord, Rejection } from "../pipeline/contracts.ts";
import { deliveryOf } from "./parse-events.ts";

/** What decoding and masking make of the events: what is left to try is the table. */
export interface TriedColumns {
  readonly records: readonly MaskedRecord[];
  readonly refusals: readonly Rejection[];
}

/** Decodes the bodies into the columns of the tables, and masks them, as a run would. */
export function tryColumns(
  bodies: readonly string[],
  targets: readonly DecodedTarget[],
  options: DecoderOptions,
  mask: Mask,
): TriedColumns {
  const decode = compileDecoder(targets, options);
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
