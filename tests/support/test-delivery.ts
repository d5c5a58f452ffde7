import type { Delivery } from "../../src/pipeline/contracts.ts";

/** A delivery of a body in a standard queue, with `changes`; its bytes are counted from the body. */
export const testDelivery = (body: string, changes: Partial<Delivery> = {}): Delivery => ({
  id: "1",
  attempt: 1,
  sentAtMs: 0,
  receivedAtMs: 0,
  groupId: null,
  body,
  bytes: Buffer.byteLength(body),
  attributes: new Map(),
  ...changes,
});
