import { describe, expect, it, onTestFinished } from "vitest";
import { delivery, ModelSource } from "../../../tests/support/model-source.ts";
import { PiipeError } from "../../errors.ts";
import type { Clock, Delivery, FindPointer, S3Object, SettleReport, Settlement } from "../../pipeline/contracts.ts";
import type { TelemetryEvent } from "../../telemetry/events.ts";
import { PointerSource, type PointerSourceOptions } from "./pointer-source.ts";
import type { Fetched } from "./s3-client.ts";

const NEVER = new AbortController().signal;
const MIB = 1024 * 1024;

/** `→key` points to the object of that key. */
const findPointer: FindPointer = (body) =>
  body.startsWith("→") ? { object: { bucket: "bucket", key: body.slice(1) }, bodyWith: (text) => text } : null;

const AWAY = new PiipeError("s3.unreachable", "away", { retryable: true });
const DENIED = new PiipeError("s3.denied", "denied");

/** Objects whose fetch a test ends as it likes. */
class ModelObjects {
  readonly deleted: string[] = [];
  readonly fetched: string[] = [];
  underWay = 0;
  underWayMost = 0;
  isClosed = false;
  onFetch: (key: string) => Promise<Fetched> | Fetched = (key) => ({ kind: "text", text: `text of ${key}` });
  onDelete: (key: string) => void = () => {};

  async fetch({ key }: S3Object, _bytesMax: number, signal: AbortSignal): Promise<Fetched> {
    this.fetched.push(key);
    this.underWay += 1;
    this.underWayMost = Math.max(this.underWayMost, this.underWay);
    try {
      return await Promise.race([
        Promise.resolve().then(() => this.onFetch(key)),
        new Promise<never>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("aborted")));
        }),
      ]);
    } finally {
      this.underWay -= 1;
    }
  }

  delete({ key }: S3Object): Promise<void> {
    return Promise.resolve().then(() => {
      this.onDelete(key);
      this.deleted.push(key);
    });
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** Moves only when told; pauses end when a test ends them. */
class StillClock implements Clock {
  ms = 1_000_000;
  readonly pauses: Array<() => void> = [];
  nowMs = (): number => this.ms;
  elapsedMs = (): number => this.ms;
  random = (): number => 0;
  sleep = (_ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      this.pauses.push(resolve);
      signal?.addEventListener("abort", () => resolve());
    });

  endPauses(): void {
    for (const end of this.pauses.splice(0)) end();
  }
}

function open(options: Partial<PointerSourceOptions> & { readonly ordered?: boolean } = {}) {
  const { ordered = false, ...rest } = options;
  const model = new ModelSource({ ordered });
  const objects = new ModelObjects();
  const clock = new StillClock();
  const events: TelemetryEvent[] = [];
  const source = new PointerSource({
    source: model,
    objects,
    findPointer,
    bytesMax: MIB,
    deletesObjects: false,
    giveUpAfterMs: null,
    clock,
    emit: (event) => events.push(event),
    ...rest,
  });
  onTestFinished(async () => {
    clock.endPauses();
    await source.close();
  });
  return { model, objects, clock, events, source };
}

const bodiesOf = (deliveries: readonly Delivery[]): string[] => deliveries.map(({ body }) => body);
const settledWith = (deliveries: readonly Delivery[], kind: "delete" | "release"): Map<Delivery, Settlement> =>
  new Map(deliveries.map((each) => [each, kind === "delete" ? { kind } : { kind, delaySeconds: 0 }]));

/** Until there are so many. */
async function receiveSome(source: PointerSource, count: number, room = 100): Promise<Delivery[]> {
  const all: Delivery[] = [];
  while (all.length < count) all.push(...(await source.receive(room - all.length, NEVER)));
  return all;
}

/** Turns of the event loop: everything that waits for nothing else has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe("PointerSource", () => {
  it("gives the objects' texts in the place of pointers, and what points nowhere as it is", async () => {
    const { model, source } = open();
    const attributes = new Map([["a", "é"]]);
    model.send(delivery("1", "→k", { attributes }), delivery("2", "inline"));
    const [first, second] = (await receiveSome(source, 2)).toSorted((a, b) => a.id.localeCompare(b.id));
    expect(first).toEqual({ ...delivery("1", "text of k", { attributes }), bytes: 11 });
    expect(second).toEqual(delivery("2", "inline"));
    expect(await source.settle(settledWith([first, second] as Delivery[], "delete"), NEVER)).toMatchObject({
      deleted: 2,
    });
    expect(model.deleted).toEqual(["1", "2"]);
  });

  it("lets what points nowhere past what waits for S3", async () => {
    const { model, objects, source } = open();
    objects.onFetch = () => new Promise(() => {});
    model.send(delivery("1", "→k"), delivery("2", "inline"));
    expect(bodiesOf(await receiveSome(source, 1))).toEqual(["inline"]);
    expect(source.hasMore).toBe(true);
  });

  it("lets nothing of an ordered source past another of its group, and other groups go on", async () => {
    const { model, objects, source } = open({ ordered: true });
    const ends = new Map<string, () => void>();
    objects.onFetch = (key) =>
      new Promise((resolve) => {
        ends.set(key, () => resolve({ kind: "text", text: key }));
      });
    const of = (groupId: string) => ({ groupId });
    model.send(
      delivery("1", "→a1", of("a")),
      delivery("2", "a2", of("a")),
      delivery("3", "→a3", of("a")),
      delivery("4", "b1", of("b")),
      delivery("5", "→b2", of("b")),
    );
    expect(bodiesOf(await receiveSome(source, 1))).toEqual(["b1"]);
    ends.get("a3")?.();
    ends.get("b2")?.();
    await settle();
    expect(bodiesOf(await receiveSome(source, 1))).toEqual(["b2"]);
    ends.get("a1")?.();
    await settle();
    expect(bodiesOf(await receiveSome(source, 3))).toEqual(["a1", "a2", "a3"]);
  });

  it("fetches so many at once, and holds no more than there is room for", async () => {
    const { model, objects, source } = open();
    const ends: Array<() => void> = [];
    objects.onFetch = (key) =>
      new Promise((resolve) => {
        ends.push(() => resolve({ kind: "text", text: key }));
      });
    model.send(...Array.from({ length: 100 }, (_, n) => delivery(`${n}`, `→${n}`)));
    const receiving = source.receive(50, NEVER);
    await settle();
    expect(objects.underWay).toBe(24);
    expect(model.heldMost).toBeLessThanOrEqual(50);
    for (let turn = 0; turn < 5; turn += 1) {
      for (const end of ends.splice(0)) end();
      await settle();
    }
    expect((await receiving).length).toBeGreaterThan(0);
    expect(objects.underWayMost).toBe(24);
  });

  it("holds no more bytes than its bound, whatever the engine takes", async () => {
    const { model, objects, source } = open();
    objects.onFetch = () => ({ kind: "text", text: "x".repeat(MIB) });
    model.send(...Array.from({ length: 200 }, (_, n) => delivery(`${n}`, `→${n}`)));
    const [first] = await receiveSome(source, 1, 1);
    await settle();
    expect(first?.bytes).toBe(MIB);
    // Nobody takes more: what is held stays within 32 MiB.
    expect(objects.fetched.length).toBeLessThanOrEqual(33);
    const rest = await receiveSome(source, 199, 199);
    expect(rest).toHaveLength(199);
  });

  it("fetches what others of an ordered source wait behind, also at its bound", async () => {
    const { model, objects, clock, source } = open({ ordered: true });
    let isFirst = true;
    objects.onFetch = (key) => {
      if (key === "0" && isFirst) {
        isFirst = false;
        throw AWAY;
      }
      return { kind: "text", text: "x".repeat(MIB) };
    };
    model.send(...Array.from({ length: 40 }, (_, n) => delivery(`${n}`, `→${n}`, { groupId: "g" })));
    const receiving = receiveSome(source, 40);
    await settle();
    clock.endPauses();
    expect((await receiving).map(({ id }) => Number(id))).toEqual(Array.from({ length: 40 }, (_, n) => n));
  });

  it.each([
    ["missing", "body.object-missing"],
    ["too-large", "body.too-large"],
    ["no-text", "body.wrapping"],
  ] as const)("refuses the event of an object that is %s, and seals its pointer", async (kind, code) => {
    const { model, objects, source } = open();
    objects.onFetch = () => ({ kind });
    model.send(delivery("1", "→k"));
    const rejection = { code, path: "unwrap: s3" };
    expect(await receiveSome(source, 1)).toEqual([{ ...delivery("1", "→k"), rejection }]);
  });

  it("refuses what has too many bytes with its object in it", async () => {
    const { model, objects, source } = open({
      findPointer: () => ({ object: { bucket: "b", key: "k" }, bodyWith: (text) => JSON.stringify({ text }) }),
      bytesMax: 20,
    });
    objects.onFetch = () => ({ kind: "text", text: '"'.repeat(15) });
    model.send(delivery("1", "→k"));
    expect(await receiveSome(source, 1)).toMatchObject([{ body: "→k", rejection: { code: "body.too-large" } }]);
  });

  describe("while S3 is away", () => {
    it("keeps what it has, asks with one at a time, and goes on by itself", async () => {
      const { model, objects, clock, events, source } = open();
      let isAway = true;
      objects.onFetch = (key) => {
        if (isAway) throw AWAY;
        return { kind: "text", text: key };
      };
      model.send(...Array.from({ length: 30 }, (_, n) => delivery(`${n}`, `→${n}`)));
      const receiving = receiveSome(source, 30);
      await settle();
      const before = objects.fetched.length;
      clock.endPauses();
      await settle();
      expect(objects.fetched.length).toBe(before + 1);
      isAway = false;
      clock.endPauses();
      expect(await receiving).toHaveLength(30);
      expect(events.filter(({ type }) => type === "source.retried")).toMatchObject([
        { action: "GetObject", code: "s3.unreachable", attempt: 1 },
        { attempt: 2 },
      ]);
      expect(events.at(-1)).toEqual({ type: "source.recovered", action: "GetObject" });
    });

    it("receives no more than so many that wait for it", async () => {
      const { model, objects, source } = open();
      objects.onFetch = () => {
        throw AWAY;
      };
      model.send(...Array.from({ length: 500 }, (_, n) => delivery(`${n}`, `→${n}`)));
      void source.receive(1_000, NEVER);
      await settle();
      expect(model.held.size).toBeLessThanOrEqual(64);
    });

    it("still gives what points nowhere", async () => {
      const { model, objects, source } = open();
      objects.onFetch = () => {
        throw AWAY;
      };
      model.send(delivery("1", "→k"));
      const receiving = receiveSome(source, 1);
      await settle();
      model.send(delivery("2", "inline"));
      expect(bodiesOf(await receiving)).toEqual(["inline"]);
    });

    it.each([AWAY, DENIED])("gives up after a while when it is to: %s", async (failure) => {
      const { model, objects, clock, source } = open({ giveUpAfterMs: 60_000 });
      objects.onFetch = () => {
        throw failure;
      };
      model.send(delivery("1", "→k", { attempt: 3 }));
      const receiving = source.receive(10, NEVER);
      await settle();
      clock.ms += 60_000;
      clock.endPauses();
      await expect(receiving).rejects.toBe(failure);
      await source.close();
      expect(model.released).toEqual([{ id: "1", delaySeconds: 20 }]);
    });
  });

  describe("when S3 denies an object", () => {
    it("refuses its event while S3 gives others", async () => {
      const { model, objects, clock, source } = open();
      objects.onFetch = (key) => {
        if (key === "denied") throw DENIED;
        return { kind: "text", text: key };
      };
      model.send(delivery("1", "→denied"), delivery("2", "→given"));
      expect(bodiesOf(await receiveSome(source, 1))).toEqual(["given"]);
      clock.endPauses();
      expect(await receiveSome(source, 1)).toMatchObject([
        { id: "1", body: "→denied", rejection: { code: "body.object-refused", path: "unwrap: s3" } },
      ]);
    });

    it("keeps it while S3 has given none, or none of late: it may be the right that lacks", async () => {
      const { model, objects, clock, events, source } = open();
      model.send(delivery("1", "→given"));
      await receiveSome(source, 1);
      clock.ms += 60_000;
      objects.onFetch = () => {
        throw DENIED;
      };
      model.send(delivery("2", "→denied"));
      const receiving = receiveSome(source, 1);
      await settle();
      expect(events).toMatchObject([{ type: "source.retried", code: "s3.denied" }]);
      // Somebody grants it.
      objects.onFetch = (key) => ({ kind: "text", text: key });
      clock.endPauses();
      expect(bodiesOf(await receiving)).toEqual(["denied"]);
    });
  });

  it("throws the bug of a client, and what its source throws", async () => {
    const bug = open();
    bug.objects.onFetch = () => {
      throw new TypeError("a bug");
    };
    bug.model.send(delivery("1", "→k"));
    await expect(bug.source.receive(10, NEVER)).rejects.toThrow(TypeError);
    const failed = open();
    failed.model.beforeReceive = () => {
      throw new PiipeError("queue.denied", "denied");
    };
    await expect(failed.source.receive(10, NEVER)).rejects.toMatchObject({ code: "queue.denied" });
  });

  it("is empty when its source is, and nothing waits", async () => {
    const { source } = open();
    expect(await source.receive(10, NEVER)).toEqual([]);
    expect(source.hasMore).toBe(false);
  });

  it("ends its wait at a stop, and gives back what was not fetched when it is closed", async () => {
    const { model, objects, source } = open();
    objects.onFetch = () => new Promise(() => {});
    model.send(delivery("1", "→k"), delivery("2", "→l", { attempt: 2 }));
    const stop = new AbortController();
    const receiving = source.receive(10, stop.signal);
    await settle();
    stop.abort();
    expect(await receiving).toEqual([]);
    expect(await source.receive(10, stop.signal)).toEqual([]);
    await source.close();
    await source.close();
    expect(model.released).toEqual([
      { id: "1", delaySeconds: 0 },
      { id: "2", delaySeconds: 10 },
    ]);
    expect(objects.isClosed).toBe(true);
    expect(objects.underWay).toBe(0);
  });

  it("hands out what its source has at hand at a stop, and fetches nothing for it any more", async () => {
    const { model, objects, source } = open();
    const stop = AbortSignal.abort();
    model.send(delivery("1", "→k"), delivery("2", "inline"));
    expect(bodiesOf(await source.receive(10, stop))).toEqual(["inline"]);
    expect(await source.receive(10, stop)).toEqual([]);
    expect(objects.fetched).toEqual([]);
    await source.close();
    expect(model.released).toEqual([{ id: "1", delaySeconds: 0 }]);
  });

  describe("that deletes objects", () => {
    it("deletes those of deleted messages, after them, and no other", async () => {
      const { model, objects, source } = open({ deletesObjects: true });
      objects.onFetch = (key) => (key === "gone" ? { kind: "missing" } : { kind: "text", text: key });
      model.send(delivery("1", "→a"), delivery("2", "→b"), delivery("3", "→gone"), delivery("4", "inline"));
      const all = await receiveSome(source, 4);
      expect(objects.deleted).toEqual([]);
      objects.onDelete = () => expect(model.deleted).toContain("1");
      const of = (...ids: string[]): Delivery[] => all.filter(({ id }) => ids.includes(id));
      await source.settle(settledWith(of("2"), "release"), NEVER);
      await source.settle(settledWith(of("1", "3", "4"), "delete"), NEVER);
      expect(objects.deleted).toEqual(["a"]);
    });

    it.each([
      ["that failed", { failed: 1, failedIds: ["2"] }, ["a"]],
      ["of which one failed, and nobody knows which", { failed: 1 }, []],
    ])("leaves the object of a delete %s", async (_, report, expected) => {
      const { model, objects, source } = open({ deletesObjects: true });
      model.send(delivery("1", "→a"), delivery("2", "→b"));
      const all = await receiveSome(source, 2);
      model.settle = (): Promise<SettleReport> => Promise.resolve({ deleted: 1, released: 0, ...report });
      await source.settle(settledWith(all, "delete"), NEVER);
      expect(objects.deleted).toEqual(expected);
    });

    it("tells how many it could not delete, and does not mind", async () => {
      const { model, objects, events, source } = open({ deletesObjects: true });
      objects.onDelete = (key) => {
        if (key !== "0") throw DENIED;
      };
      model.send(...Array.from({ length: 40 }, (_, n) => delivery(`${n}`, `→${n}`)));
      const all = await receiveSome(source, 40);
      expect(await source.settle(settledWith(all, "delete"), NEVER)).toMatchObject({ deleted: 40, failed: 0 });
      const left = events.filter((event) => event.type === "objects.left");
      expect(left).toEqual([{ type: "objects.left", count: 40 - objects.deleted.length, code: "s3.denied" }]);
    });

    it("deletes none in a dry run, which deletes no message", async () => {
      const { model, objects, source } = open({ deletesObjects: true });
      model.send(delivery("1", "→a"));
      const all = await receiveSome(source, 1);
      model.settle = (): Promise<SettleReport> => Promise.resolve({ deleted: 0, released: 0, failed: 0 });
      await source.settle(settledWith(all, "delete"), NEVER);
      expect(objects.deleted).toEqual([]);
    });
  });
});
