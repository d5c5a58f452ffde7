import type { Batch, Delivery, MaskedRecord, RefusedEvent } from "./contracts.ts";

/** A batch while it fills: what will be written, beside the deliveries that it settles. */
export class OpenBatch implements Batch {
  readonly records: MaskedRecord[] = [];
  /** The delivery of each record, in the records' order. */
  readonly recordDeliveries: Delivery[] = [];
  readonly refused: RefusedEvent[] = [];
  /** The delivery of each refused event, in the events' order. */
  readonly refusedDeliveries: Delivery[] = [];
  bytes = 0;

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
    this.bytes += delivery.bytes;
  }

  addRefused(refused: RefusedEvent, delivery: Delivery): void {
    this.refused.push(refused);
    this.refusedDeliveries.push(delivery);
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
