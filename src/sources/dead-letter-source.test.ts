import { describe, expect, it, vi } from "vitest";
import { delivery, ModelSource } from "../../tests/support/model-source.ts";
import type { Clock, Delivery } from "../pipeline/contracts.ts";
import { DeadLetterSource, type DeadLetterSourceOptions } from "./dead-letter-source.ts";

const ORIGIN = "arn:aws:sqs:us-east-1:000000000000:logins";
const OTHER = "arn:aws:sqs:us-east-1:000000000000:orders";
const NEVER = new AbortController().signal;
/** Every wait is over at once. */
const HASTY: Clock = { nowMs: () => 0, elapsedMs: () => 0, sleep: () => Promise.resolve(), random: () => 0 };
/** No wait is ever over. */
const PATIENT: Clock = { ...HASTY, sleep: () => new Promise(() => {}) };

const own = (id: string, more: Partial<Delivery> = {}): Delivery => delivery(id, "raw", { movedFrom: ORIGIN, ...more });
const idsOf = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ id }) => id);

function open(options: Partial<DeadLetterSourceOptions> = {}, ordered = false) {
  const model = new ModelSource({ ordered });
  const leftAlone = { foreign: 0, unmarked: 0, unseen: 0, hidden: 0 };
  const sentAtOf = vi.fn<DeadLetterSourceOptions["sentAtOf"]>(() => Promise.resolve(new Map([["known", 5]])));
  const source = new DeadLetterSource({
    source: model,
    origin: ORIGIN,
    takesUnmarked: false,
    isDryRun: false,
    sentAtOf,
    leftAlone,
    abort: NEVER,
    clock: PATIENT,
    ...options,
  });
  return { model, source, leftAlone, sentAtOf };
}

describe("DeadLetterSource", () => {
  it("has the origin's name, and gives the origin's messages alone", async () => {
    const { model, source, leftAlone } = open();
    expect(source.name).toBe(ORIGIN);
    model.send(own("a"), delivery("b", "raw", { movedFrom: OTHER }), delivery("c", "raw"), own("d"));
    expect(idsOf(await source.receive(10, NEVER))).toEqual(["a", "d"]);
    expect(leftAlone).toEqual({ foreign: 1, unmarked: 1, unseen: 0, hidden: 0 });
    expect(await source.depth(NEVER)).toBe(2);
  });

  it("with leave takes what does not say where it comes from, and no foreign message", async () => {
    const { model, source, leftAlone } = open({ takesUnmarked: true });
    model.send(
      delivery("a", "raw", { movedFrom: OTHER }),
      delivery("b", "raw", { movedFrom: null }),
      delivery("c", "raw"),
    );
    expect(idsOf(await source.receive(10, NEVER))).toEqual(["b", "c"]);
    expect(leftAlone).toMatchObject({ foreign: 1, unmarked: 0 });
  });

  it("goes on receiving while it is given nothing of the origin", async () => {
    const { model, source } = open();
    for (let n = 0; n < 25; n += 1) model.send(delivery(`f${n}`, "raw", { movedFrom: OTHER }));
    model.send(own("a"));
    expect(idsOf(await source.receive(10, NEVER))).toEqual(["a"]);
    expect(await source.receive(10, NEVER)).toEqual([]);
  });

  it("ends at a stop, whatever it was given", async () => {
    const { model, source } = open();
    for (let n = 0; n < 25; n += 1) model.send(delivery(`f${n}`, "raw", { movedFrom: OTHER }));
    expect(await source.receive(10, AbortSignal.abort())).toEqual([]);
    expect(model.waiting).toHaveLength(15);
  });

  it("holds what it leaves until it is closed, and gives it back then, once", async () => {
    const { model, source, leftAlone } = open();
    model.send(own("a"), delivery("b", "raw", { movedFrom: OTHER }));
    const taken = await source.receive(10, NEVER);
    expect(await source.settle(new Map(taken.map((each) => [each, { kind: "delete" }])), NEVER)).toMatchObject({
      deleted: 1,
    });
    expect(model.released).toEqual([]);
    await source.close();
    await source.close();
    expect(model.deleted).toEqual(["a"]);
    expect(model.released).toEqual([{ id: "b", delaySeconds: 0 }]);
    expect(leftAlone.hidden).toBe(0);
  });

  it("in a dry run deletes nothing, and gives everything back, also what was never settled", async () => {
    const { model, source } = open({ isDryRun: true });
    model.send(own("a"), own("b"), delivery("c", "raw"));
    const [first] = await source.receive(10, NEVER);
    if (!first) throw new Error("nothing was received");
    expect(await source.settle(new Map([[first, { kind: "delete" }]]), NEVER)).toEqual({
      deleted: 0,
      released: 0,
      failed: 0,
    });
    expect(await source.depth(NEVER)).toBe(0);
    await source.close();
    expect(model.deleted).toEqual([]);
    expect(model.released.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  it.each([
    ["when that takes too long", { clock: HASTY }],
    ["when it is aborted meanwhile", {}],
    ["after a while when it was aborted before", { clock: HASTY, abort: AbortSignal.abort() }],
  ])("gives up releasing %s, and says how many stay hidden", async (_, options) => {
    const aborting = new AbortController();
    const { model, source, leftAlone } = open({ isDryRun: true, abort: aborting.signal, ...options });
    model.send(own("a"), own("b"));
    await source.receive(10, NEVER);
    // As a queue that does not answer.
    const settle: DeadLetterSource["settle"] = (settled, abort) =>
      new Promise((resolve) => {
        abort.addEventListener("abort", () => resolve({ deleted: 0, released: 0, failed: settled.size }));
        if (!("clock" in options)) aborting.abort();
      });
    Object.assign(model, { settle });
    await source.close();
    expect(leftAlone.hidden).toBe(2);
  });

  describe("of an ordered queue", () => {
    it("gives the messages that the ledger knows the time that it knows them by", async () => {
      const { model, source, sentAtOf } = open({}, true);
      model.send(own("new", { sentAtMs: 7 }), own("known", { sentAtMs: 7 }));
      const taken = await source.receive(10, NEVER);
      expect(taken.map(({ sentAtMs }) => sentAtMs)).toEqual([7, 5]);
      expect(sentAtOf.mock.calls).toEqual([[["new", "known"]]]);
    });

    it("does not wait for what is behind a message that it holds", async () => {
      const { model, source, leftAlone } = open({}, true);
      expect(await source.depth(NEVER)).toBe(0);
      model.send(own("a"));
      expect(await source.depth(NEVER)).toBe(1);
      model.waiting.unshift(delivery("b", "raw", { movedFrom: OTHER }));
      expect(await source.receive(1, AbortSignal.abort())).toEqual([]);
      expect(await source.depth(NEVER)).toBe(0);
      expect(leftAlone.unseen).toBe(1);
    });
  });

  it("asks no ledger for a standard queue, which keeps the time of sending", async () => {
    const { model, source, sentAtOf } = open();
    model.send(own("a"));
    await source.receive(10, NEVER);
    expect(sentAtOf).not.toHaveBeenCalled();
  });
});
