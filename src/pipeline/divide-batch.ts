import type { BatchOutcome, Delivery, Rejection } from "./contracts.ts";
import { OpenBatch } from "./open-batch.ts";

/** A batch after a write. */
export interface DividedBatch {
  /** In the database now, or already there. */
  readonly written: ReadonlyMap<Delivery, "stored" | "duplicate" | "quarantined">;
  readonly rejected: ReadonlyMap<Delivery, Rejection>;
  /** Nothing of it was written. Smaller than the batch: writing the rest of the rest comes to an end. */
  readonly rest: OpenBatch;
}

export function divideBatch(batch: OpenBatch, outcome: BatchOutcome): DividedBatch {
  const written = new Map<Delivery, "stored" | "duplicate" | "quarantined">();
  const rejected = new Map<Delivery, Rejection>();
  const rest = new OpenBatch();
  for (const [index, delivery] of batch.recordDeliveries.entries()) {
    const record = batch.records[index];
    const result = outcome.records[index];
    if (result?.kind === "rejected") rejected.set(delivery, result.rejection);
    else if (result) written.set(delivery, result.kind);
    else if (record) rest.addRecord(record, delivery);
  }
  for (const [index, delivery] of batch.refusedDeliveries.entries()) {
    const event = batch.refused[index];
    const result = outcome.refused[index];
    if (result && result.kind !== "rejected") written.set(delivery, result.kind);
    else if (event) rest.addRefused(event, delivery);
  }
  const isTooLong = outcome.records.length > batch.records.length || outcome.refused.length > batch.refused.length;
  if (isTooLong || (rest.size > 0 && rejected.size === 0)) {
    throw new Error("the sink's outcomes do not match its batch");
  }
  return { written, rejected, rest };
}
