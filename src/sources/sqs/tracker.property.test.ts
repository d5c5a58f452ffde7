import fc from "fast-check";
import { expect, it } from "vitest";
import { Tracker } from "./tracker.ts";

/** One delivery, and how long its request waits until it is answered. */
const delivery = fc.record({
  id: fc.constantFrom("a", "b", "c"),
  handle: fc.uuid(),
  waitsMs: fc.nat(1_000),
  isForgotten: fc.boolean(),
});

it("holds the newest receipt when SQS counts exactly, in whatever order the replies come in", () => {
  fc.assert(
    fc.property(fc.array(delivery), fc.array(fc.nat(1_000)), (deliveries, delays) => {
      const tracker = new Tracker();
      const attempts = new Map<string, number>();
      // SQS gives one message each millisecond; its reply then takes a while.
      const replies = deliveries.map((one, givenAtMs) => {
        const attempt = (attempts.get(one.id) ?? 0) + 1;
        attempts.set(one.id, attempt);
        return {
          ...one,
          attempt,
          requestedAtMs: givenAtMs - one.waitsMs,
          receivedAtMs: givenAtMs + (delays[givenAtMs] ?? 0),
        };
      });
      const newest = new Map<string, { handle: string; attempt: number }>();
      for (const reply of replies.toSorted((a, b) => a.receivedAtMs - b.receivedAtMs)) {
        const known = newest.get(reply.id);
        expect(tracker.receive(reply.id, reply, 30)).toBe(known === undefined);
        if (known === undefined || reply.attempt > known.attempt) newest.set(reply.id, reply);
        expect(tracker.get(reply.id)?.receiptHandle).toBe(newest.get(reply.id)?.handle);
        if (reply.isForgotten) {
          tracker.forget(reply.id);
          newest.delete(reply.id);
        }
        expect(tracker.size).toBe(newest.size);
      }
    }),
  );
});
