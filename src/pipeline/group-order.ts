import type { Delivery } from "./contracts.ts";

/**
 * Keeps the order within the groups of a FIFO queue: once a message of a group goes back to the queue, nothing later
 * of that group may be written before it. In a standard queue no delivery has a group and nothing is ever blocked.
 */
export class GroupOrder {
  readonly #inFlight = new Map<string, number>();
  readonly #blocked = new Set<string>();

  enter({ groupId }: Delivery): void {
    if (groupId !== null) this.#inFlight.set(groupId, (this.#inFlight.get(groupId) ?? 0) + 1);
  }

  block({ groupId }: Delivery): void {
    if (groupId !== null) this.#blocked.add(groupId);
  }

  isBlocked({ groupId }: Delivery): boolean {
    return groupId !== null && this.#blocked.has(groupId);
  }

  /** A blocked group is free again once the queue holds all of it: from then on it comes in order. */
  leave({ groupId }: Delivery): void {
    if (groupId === null) return;
    const remaining = (this.#inFlight.get(groupId) ?? 0) - 1;
    if (remaining > 0) {
      this.#inFlight.set(groupId, remaining);
    } else {
      this.#inFlight.delete(groupId);
      this.#blocked.delete(groupId);
    }
  }
}
