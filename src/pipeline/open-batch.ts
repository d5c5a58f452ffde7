import type { Batch, BatchOutcome, Delivery, MaskedRecord, RefusedEvent, Rejection } from "./contracts.ts";

/** A batch while it fills: what will be written, beside the deliveries that it settles. */
export class OpenBatch implements Batch {
  readonly records: MaskedRecord[] = [];
  /** The delivery of each record, in the records' order. */
  readonly recordDeliveries: Delivery[] = [];
  readonly refused: RefusedEvent[] = [];
  /** The delivery of each refused event, in the events' order. */
  readonly refusedDeliveries: Delivery[] = [];
  bytes = 0;
  /** What the transaction writes, refused events included. */
  rows = 0;

  get size(): number {
    return this.records.length + this.refused.length;
  }

  get oldestSentAtMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { sentAtMs } of this.recordDeliveries) oldestMs = Math.min(oldestMs, sentAtMs);
    for (const { sentAtMs } of this.refusedDeliveries) oldestMs = Math.min(oldestMs, sentAtMs);
    return oldestMs;
  }

  get deliveries(): Delivery[] {
    return [...this.recordDeliveries, ...this.refusedDeliveries];
  }

  addRecord(record: MaskedRecord, delivery: Delivery): void {
    this.records.push(record);
    this.recordDeliveries.push(delivery);
    this.rows += Math.max(1, record.rows.length);
    this.bytes += record.unpackedBytes ?? delivery.bytes;
  }

  addRefused(refused: RefusedEvent, delivery: Delivery): void {
    this.refused.push(refused);
    this.refusedDeliveries.push(delivery);
    this.rows += 1;
    this.bytes += refused.sealedBody.length + (refused.sealedMetadata?.length ?? 0);
  }

  addAllOf(other: OpenBatch): void {
    for (const [index, record] of other.records.entries()) {
      const delivery = other.recordDeliveries[index];
      if (delivery) this.addRecord(record, delivery);
    }
    this.addRefusedOf(other);
  }

  addRefusedOf(other: OpenBatch): void {
    for (const [index, refused] of other.refused.entries()) {
      const delivery = other.refusedDeliveries[index];
      if (delivery) this.addRefused(refused, delivery);
    }
  }
}

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
