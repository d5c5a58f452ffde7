import fc from "fast-check";
import { expect, it } from "vitest";
import { Tracker } from "./tracker.ts";

const receipt = fc.record({
  id: fc.constantFrom("a", "b", "c"),
  handle: fc.string(),
  requestedAtMs: fc.nat(1_000),
  isForgotten: fc.boolean(),
});

it("always holds the receipt requested last, and delivers an id once until it is forgotten", () => {
  fc.assert(
    fc.property(fc.array(receipt), (receipts) => {
      const tracker = new Tracker();
      const newest = new Map<string, { handle: string; requestedAtMs: number }>();
      for (const { id, handle, requestedAtMs, isForgotten } of receipts) {
        const known = newest.get(id);
        expect(tracker.receive(id, handle, requestedAtMs, 30)).toBe(known === undefined);
        if (known === undefined || requestedAtMs >= known.requestedAtMs) newest.set(id, { handle, requestedAtMs });
        expect(tracker.get(id)?.receiptHandle).toBe(newest.get(id)?.handle);
        if (isForgotten) {
          tracker.forget(id);
          newest.delete(id);
        }
        expect(tracker.size).toBe(newest.size);
      }
    }),
  );
});
