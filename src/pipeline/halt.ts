import type { PiipeError } from "../errors.ts";
import type { Delivery } from "./contracts.ts";
import { OpenBatch } from "./open-batch.ts";

/**
 * The end of a run for which too much was refused: what is good is still written, and what is refused goes back to the
 * queue. In an ordered queue what follows a refused message of its group goes back with it, or it would overtake it.
 */
export class Halt {
  readonly error: PiipeError;
  /** What waits has been divided: what comes is divided at once. */
  isUnderWay = false;
  readonly #isOrdered: boolean;
  /** Groups of refused messages. */
  readonly #groups = new Set<string | null>();

  constructor(error: PiipeError, isOrdered: boolean) {
    this.error = error;
    this.#isOrdered = isOrdered;
  }

  /** Call in the order of the queue. @returns whether the delivery is still to be written */
  admits({ groupId }: Delivery, isGood: boolean): boolean {
    if (this.#isOrdered && this.#groups.has(groupId)) return false;
    if (!isGood) this.#groups.add(groupId);
    return isGood;
  }

  /** @param refused more of the batch's deliveries, which were refused since @param placeOf the order of the queue */
  divide(
    batch: OpenBatch,
    refused: Iterable<Delivery>,
    placeOf: (delivery: Delivery) => number,
  ): { readonly good: OpenBatch; readonly back: readonly Delivery[] } {
    const good = new OpenBatch();
    const back: Delivery[] = [];
    const entries = [
      ...batch.records.map((record, index) => ({ record, delivery: batch.recordDeliveries[index] })),
      ...[...batch.refusedDeliveries, ...refused].map((delivery) => ({ record: null, delivery })),
    ];
    const inOrder = entries.flatMap(({ record, delivery }) => (delivery ? [{ record, delivery }] : []));
    if (this.#isOrdered) inOrder.sort((a, b) => placeOf(a.delivery) - placeOf(b.delivery));
    for (const { record, delivery } of inOrder) {
      const isAdmitted = this.admits(delivery, record !== null);
      if (isAdmitted && record !== null) good.addRecord(record, delivery);
      else back.push(delivery);
    }
    return { good, back };
  }
}
