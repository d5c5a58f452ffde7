import fc from "fast-check";
import { expect, it } from "vitest";
import { delivery, ModelSource } from "../../../tests/support/model-source.ts";
import { PiipeError } from "../../errors.ts";
import type { Clock, Delivery, Settlement } from "../../pipeline/contracts.ts";
import { PointerSource } from "./pointer-source.ts";
import type { Fetched } from "./s3-client.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Every wait is over after a turn of the event loop. */
const HASTY: Clock = { nowMs: () => 0, elapsedMs: () => 0, sleep: turn, random: () => 0 };
const AWAY = new PiipeError("s3.unavailable", "away", { retryable: true });
const DENIED = new PiipeError("s3.denied", "denied");

interface Sent {
  readonly group: number;
  /** null: inline. */
  readonly object: {
    readonly turns: number;
    /** Times that S3 is away before it gives the object. */
    readonly failures: number;
    readonly kind: "text" | "missing" | "denied";
  } | null;
}

const sent = fc.record<Sent>({
  group: fc.nat({ max: 2 }),
  object: fc.option(
    fc.record({
      turns: fc.nat({ max: 4 }),
      failures: fc.nat({ max: 2 }),
      kind: fc.constantFrom("text", "text", "missing", "denied"),
    }),
  ),
});

it("hands each delivery out once or gives it back, in the order of its group, and never more than there is room for", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sent, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      fc.option(fc.nat({ max: 12 })),
      async (messages, rooms, ordered, stopAfter) => {
        const model = new ModelSource({ ordered });
        // What is given tells of what is denied.
        const witness = { group: 9, object: { turns: 0, failures: 0, kind: "text" } } as const;
        const all: readonly Sent[] = [witness, ...messages];
        const failuresLeft = all.map(({ object }) => object?.failures ?? 0);
        const source = new PointerSource({
          source: model,
          objects: {
            async fetch({ key }): Promise<Fetched> {
              const index = Number(key);
              const { turns = 0, kind = "text" } = all[index]?.object ?? {};
              for (let n = 0; n < turns; n += 1) await turn();
              if ((failuresLeft[index] ?? 0) > 0) {
                failuresLeft[index] = (failuresLeft[index] ?? 0) - 1;
                throw AWAY;
              }
              if (kind === "denied") throw DENIED;
              return kind === "missing" ? { kind } : { kind, text: `text ${key}` };
            },
            delete: () => Promise.resolve(),
            close: () => Promise.resolve(),
          },
          findPointer: (body) =>
            body.startsWith("→") ? { object: { bucket: "b", key: body.slice(1) }, bodyWith: (text) => text } : null,
          bytesMax: 100,
          deletesObjects: false,
          giveUpAfterMs: null,
          clock: HASTY,
          emit: () => {},
        });
        model.send(
          ...all.map(({ group, object }, index) =>
            delivery(`${index}`, object === null ? `inline ${index}` : `→${index}`, { groupId: `${group}` }),
          ),
        );
        const stop = new AbortController();
        const given: Delivery[] = [];
        for (let call = 0; given.length < all.length && !stop.signal.aborted; call += 1) {
          if (call === stopAfter) stop.abort();
          const room = rooms[call % rooms.length] ?? 1;
          const taken = await source.receive(room, stop.signal);
          expect(taken.length).toBeLessThanOrEqual(room);
          given.push(...taken);
          const settled = taken.map((each) => [each, { kind: "delete" } satisfies Settlement] as const);
          await source.settle(new Map(settled), stop.signal);
        }
        await source.close();

        for (const { id, body, rejection } of given) {
          const object = all[Number(id)]?.object ?? null;
          if (object === null) expect(body).toBe(`inline ${id}`);
          else if (object.kind === "text") expect(body).toBe(`text ${id}`);
          else {
            const code = object.kind === "missing" ? "body.object-missing" : "body.object-refused";
            expect([body, rejection?.code]).toEqual([`→${id}`, code]);
          }
        }
        const back = [...model.released.map(({ id }) => id), ...model.waiting.map(({ id }) => id)];
        const numbers = [...given.map(({ id }) => id), ...back].map(Number);
        expect(numbers.toSorted((a, b) => a - b)).toEqual(all.map((_, index) => index));
        expect(model.held.size).toBe(0);
        if (!ordered) return;
        for (const group of [0, 1, 2]) {
          const order = given.filter(({ groupId }) => groupId === `${group}`).map(({ id }) => Number(id));
          expect(order).toEqual(order.toSorted((a, b) => a - b));
        }
      },
    ),
  );
});
