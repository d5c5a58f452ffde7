import { randomUUID } from "node:crypto";
import type {
  Batch,
  Column,
  ColumnType,
  ColumnValue,
  MaskedRecord,
  MaskName,
  RefusedEvent,
} from "../../src/pipeline/contracts.ts";
import { testColumn } from "./test-column.ts";

export const SENT_AT_MS = Date.UTC(2026, 5, 15, 12);

export function column(
  name: string,
  type: ColumnType,
  options: { readonly nullable?: boolean; readonly mask?: MaskName } = {},
): Column {
  return testColumn({ name, type, ...options });
}

/** What only the mask stage can make in the pipeline: here the values are what the test says. */
export function record(
  values: readonly ColumnValue[],
  id: string = randomUUID(),
  sentAtMs = SENT_AT_MS,
  businessKeys: readonly string[] = [],
): MaskedRecord {
  const none = { links: [], originals: [], suspicions: [], leakedBusinessKeys: [] };
  return { id, sentAtMs, rows: [{ table: 0, values }], businessKeys, ...none } as unknown as MaskedRecord;
}

export function refusedEvent(id: string = randomUUID(), attempt = 1): RefusedEvent {
  return {
    id,
    sentAtMs: SENT_AT_MS,
    attempt,
    rejection: { code: "field.type", path: "ip" },
    sealedBody: Uint8Array.of(0, 1, 92, 255),
    sealedMetadata: null,
  };
}

export function batchOf(records: readonly MaskedRecord[], refused: readonly RefusedEvent[] = []): Batch {
  return { records, refused };
}
