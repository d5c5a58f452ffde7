import { beforeEach, describe, expect, it } from "vitest";
import { ModelSink } from "../../tests/support/model-sink.ts";
import { delivery, ModelSource } from "../../tests/support/model-source.ts";
import { rowOf } from "../../tests/support/one-table.ts";
import { systemClock } from "../clock.ts";
import { PiipeError } from "../errors.ts";
import type { TelemetryEvent } from "../telemetry/events.ts";
import type { Clock, Decode, Delivery, Mask, MaskedRecord, Seal } from "./contracts.ts";
import { type Carried, carriedOver, Engine, type EngineLimits } from "./engine.ts";

/** The machine's, unless a test sets its own time. */
let clock: { -readonly [K in keyof Clock]: Clock[K] };
beforeEach(() => {
  clock = { ...systemClock };
});

/** With the limit of what is carried over. */
type Limits = EngineLimits & { readonly haltAboveShare: number };
const limits: Limits = {
  inFlightMax: 100,
  inFlightBytesMax: 1_000_000,
  batchRowsMax: 20,
  batchBytesMax: 100_000,
  lingerMs: 5,
  writesInFlightMax: 2,
  haltAboveShare: 0.5,
  giveUpAfterMs: null,
};

/** Refuses a body that starts with "bad". */
const decode: Decode = ({ id, sentAtMs, body }) =>
  body.startsWith("bad")
    ? { ok: false, error: { code: "body.not-json", path: null } }
    : { ok: true, value: { id, sentAtMs, rows: rowOf([body]), unknownFields: [], businessId: null } };
const mask: Mask = ({ id, sentAtMs, rows, unpackedBytes }) => ({
  ok: true,
  value: {
    id,
    sentAtMs,
    rows,
    links: [],
    originals: [],
    suspicions: [] as const,
    ...(unpackedBytes !== undefined && { unpackedBytes }),
  } as unknown as MaskedRecord,
});
const seal: Seal = (body) => Buffer.from(body);

interface Setup {
  readonly source?: ModelSource;
  readonly sink?: ModelSink;
  readonly seal?: Seal | null;
  readonly takeRoom?: (bytes: number) => boolean;
  readonly decode?: Decode;
  readonly limits?: Partial<Limits>;
  /** Of a run before this one. Default: none. */
  readonly carried?: Carried;
}

function setUp(options: Setup = {}) {
  const source = options.source ?? new ModelSource();
  const sink = options.sink ?? new ModelSink();
  const events: TelemetryEvent[] = [];
  const waiting: Array<{ readonly type: string; readonly resolve: () => void }> = [];
  const stages = {
    source,
    decode: options.decode ?? decode,
    mask,
    sink,
    seal: options.seal === undefined ? seal : options.seal,
    ...(options.takeRoom && { takeRoom: options.takeRoom }),
  };
  const { haltAboveShare, ...rest } = { ...limits, ...options.limits };
  const carried = options.carried ?? carriedOver(haltAboveShare, clock);
  const engine = new Engine(stages, rest, carried, clock, (event) => {
    events.push(event);
    for (const each of waiting) if (each.type === event.type) each.resolve();
  });
  const stop = new AbortController();
  const abort = new AbortController();
  const run = (emptyConfirmations: number | null = 1) =>
    engine.run({ stop: stop.signal, abort: abort.signal, emptyConfirmations });
  const seen = (type: TelemetryEvent["type"]): Promise<void> =>
    events.some((event) => event.type === type)
      ? Promise.resolve()
      : new Promise((resolve) => waiting.push({ type, resolve }));
  return { source, sink, engine, events, stop, abort, run, seen };
}

function messages(count: number, body = "ok"): Delivery[] {
  return Array.from({ length: count }, (_, index) => delivery(`m${index}`, `${body}${index}`));
}

const labelled = (count: number, body: string, label: number): Delivery[] =>
  messages(count, body).map((each) => ({ ...each, id: `${body} ${label} ${each.id}` }));

/** As of a trigger: the rows or the table may be at fault. */
const raised = (): PiipeError =>
  new PiipeError("database.refused", "a trigger raised an error", { sqlState: "P0001", mayBeData: true });

describe("Engine", () => {
  it("stores every message once, then deletes it", async () => {
    const { source, sink, run } = setUp();
    source.send(...messages(95));
    expect(await run()).toEqual({
      received: 95,
      stored: 95,
      skipped: 0,
      duplicate: 0,
      quarantined: 0,
      left: 0,
      deleted: 95,
    });
    expect(sink.rows.size).toBe(95);
    expect(new Set(source.deleted).size).toBe(95);
    expect(source.held.size).toBe(0);
  });

  it("deletes nothing before its batch is committed", async () => {
    const { source, sink, run } = setUp();
    const committed = new Set<string>();
    sink.beforeWrite = async () => {
      // Whoever did not wait for the write would delete now.
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    sink.afterCommit = () => {
      for (const id of sink.rows.keys()) committed.add(id);
    };
    source.onDelete = (id) => expect(committed).toContain(id);
    source.send(...messages(60));
    await run();
    expect(source.deleted).toHaveLength(60);
  });

  it("deletes a redelivered message without storing it again", async () => {
    const { source, sink, run } = setUp();
    sink.rows.set("m0", []);
    source.send(...messages(2));
    expect(await run()).toMatchObject({ stored: 1, duplicate: 1, deleted: 2 });
  });

  it("seals refused events into the quarantine and stores the rest of the batch", async () => {
    const { source, sink, run, events } = setUp();
    source.send(...messages(19), delivery("poison", "bad"));
    expect(await run()).toMatchObject({ stored: 19, quarantined: 1, deleted: 20 });
    expect(sink.quarantine.get("poison")).toBe("body.not-json");
    expect(events).toContainEqual({
      type: "event.refused",
      messageId: "poison",
      code: "body.not-json",
      path: null,
      fate: "quarantine",
    });
  });

  it("leaves a refused message in the queue when there is no key to seal it with, and still ends when empty", async () => {
    const { source, sink, run } = setUp({ seal: null });
    source.send(...messages(9), delivery("poison", "bad", { attempt: 3 }));
    expect(await run()).toMatchObject({ stored: 9, quarantined: 0, left: 1, deleted: 9 });
    expect(source.released).toEqual([{ id: "poison", delaySeconds: 30 }]);
    expect(sink.quarantine.size).toBe(0);
  });

  it("quarantines what PostgreSQL refuses", async () => {
    const { source, sink, run } = setUp();
    sink.unfit.add("m3");
    source.send(...messages(10));
    expect(await run()).toMatchObject({ stored: 9, quarantined: 1, deleted: 10 });
    expect(sink.quarantine.get("m3")).toBe("database.constraint");
  });

  it("runs a batch again when the reply to its commit was lost, and finds it in the ledger", async () => {
    const { source, sink, run, events } = setUp();
    let isLost = false;
    sink.afterCommit = () => {
      if (isLost) return;
      isLost = true;
      throw new PiipeError("database.unreachable", "lost", { retryable: true });
    };
    source.send(...messages(10));
    expect(await run()).toMatchObject({ stored: 0, duplicate: 10, deleted: 10 });
    expect(sink.rows.size).toBe(10);
    expect(events.filter((event) => event.type === "batch.retried")).toHaveLength(1);
  });

  it("gives back what was not written when a write fails for good, and says why", async () => {
    const { source, sink, run } = setUp();
    sink.beforeWrite = () => {
      throw new PiipeError("database.table-missing", "gone");
    };
    source.send(...messages(50));
    await expect(run()).rejects.toMatchObject({ code: "database.table-missing" });
    expect(source.deleted).toEqual([]);
    expect(source.held.size).toBe(0);
    expect(source.released.length).toBeGreaterThan(0);
  });

  it("gives up on a database that stays away when told to", async () => {
    const { source, sink, run } = setUp({ limits: { giveUpAfterMs: 0 } });
    sink.beforeWrite = () => {
      throw new PiipeError("database.unreachable", "away", { retryable: true });
    };
    source.send(...messages(5));
    await expect(run()).rejects.toMatchObject({ code: "database.unreachable" });
    expect(source.released).toHaveLength(5);
  });

  it("tries again after a write that took longer to fail than a run gives up after, as on a dead network", async () => {
    const { source, sink, run } = setUp({ limits: { giveUpAfterMs: 60_000 } });
    let nowMs = systemClock.nowMs();
    clock.nowMs = () => nowMs;
    let tries = 0;
    sink.beforeWrite = () => {
      tries += 1;
      if (tries > 1) return;
      nowMs += 90_000;
      throw new PiipeError("database.unreachable", "no reply", { retryable: true });
    };
    source.send(...messages(5));
    expect(await run()).toMatchObject({ stored: 5 });
  });

  it("halts when too many events are refused, without carrying the queue into the quarantine", async () => {
    const { source, sink, run } = setUp({ limits: { batchRowsMax: 1_000, lingerMs: 10_000, inFlightMax: 1_000 } });
    source.send(...messages(500, "bad"));
    await expect(run()).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(sink.quarantine.size).toBe(0);
    expect(source.deleted).toEqual([]);
    expect(source.held.size).toBe(0);
  });

  it.each([0.5, 0.9])(
    "halts at a share of %d when it is PostgreSQL that refuses nearly all",
    async (haltAboveShare) => {
      const { source, sink, run } = setUp({ limits: { haltAboveShare } });
      const all = messages(1_000);
      for (const { id } of all) sink.unfit.add(id);
      source.send(...all);
      await expect(run()).rejects.toMatchObject({ code: "data.beyond-limit" });
      expect(sink.quarantine.size).toBeLessThan(200);
    },
  );

  it("lets refused events wait while they are too many of too few to judge the queue by", async () => {
    const { source, sink, run, seen } = setUp({ limits: { batchRowsMax: 1_000, lingerMs: 1, inFlightMax: 1_000 } });
    source.send(...messages(60, "bad"));
    const running = run(null);
    await seen("deliveries.received");
    // Long after the linger.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sink.quarantine.size).toBe(0);
    source.send(...messages(40, "bad").map((each) => ({ ...each, id: `second ${each.id}` })));
    await expect(running).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(sink.quarantine.size).toBe(0);
    expect(source.released).toHaveLength(100);
  });

  it("halts also when it is a good event that ends the doubt", async () => {
    const { source, sink, run } = setUp({ limits: { batchRowsMax: 1_000, lingerMs: 1, inFlightMax: 1_000 } });
    source.send(...messages(60, "bad"), ...messages(40).map((each) => ({ ...each, id: `good ${each.id}` })));
    await expect(run()).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(sink.quarantine.size).toBe(0);
    expect(source.released).toHaveLength(60);
    expect(source.deleted).toHaveLength(40);
  });

  it("also when the queue looks empty while the first rows are written, and others still hold messages", async () => {
    const { source, sink, run } = setUp({ limits: { lingerMs: 1, batchRowsMax: 1_000, inFlightMax: 1_000 } });
    const all = messages(200);
    for (const { id } of all) sink.unfit.add(id);
    source.send(...all.slice(0, 60));
    const depth = source.depth.bind(source);
    let asked = 0;
    source.depth = async () => {
      asked += 1;
      if (asked === 3) source.send(...all.slice(60));
      return (await depth()) + (asked < 3 ? 140 : 0);
    };
    // The sink of the pipeline gives back the refused events of a batch whose rows it takes none of.
    const write = sink.write.bind(sink);
    sink.write = (batch, signal) => write(batch.records.length > 0 ? { ...batch, refused: [] } : batch, signal);
    await expect(run(2)).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(sink.quarantine.size).toBe(0);
    expect(asked).toBe(3);
  });

  it.each([
    ["do not fit the columns", "bad", 60],
    ["do not fit the columns, and some that do", "bad", 40],
    ["the sink refuses", "ok", 60],
  ])("judges the share at the end of the queue as well: of 60 events those that %s", async (_, body, count) => {
    const { source, sink, run } = setUp({ limits: { batchRowsMax: 20 } });
    const refused = messages(count, body);
    if (body === "ok") for (const { id } of refused) sink.unfit.add(id);
    // The sink of the pipeline gives back the refused events of a batch whose rows it takes none of.
    const write = sink.write.bind(sink);
    sink.write = (batch, signal) => write(batch.records.length > 0 ? { ...batch, refused: [] } : batch, signal);
    source.send(...refused, ...messages(60 - count).map((each) => ({ ...each, id: `good ${each.id}` })));
    await expect(run(2)).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(sink.quarantine.size).toBe(0);
    expect(source.released).toHaveLength(count);
    expect(source.deleted).toHaveLength(60 - count);
  });

  it("stores what is good before it halts, and gives back only what is refused", async () => {
    const { source, sink, run } = setUp({ limits: { batchRowsMax: 1_000, inFlightMax: 1_000, lingerMs: 60_000 } });
    source.promisesMore = true;
    source.send(...[0, 1, 2, 3, 4].flatMap((n) => [...labelled(12, "bad", n), ...labelled(8, "ok", n)]));
    await expect(run(null)).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(sink.rows.size).toBe(40);
    expect(source.deleted).toHaveLength(40);
    expect(source.released).toHaveLength(60);
    // They would be refused again at once.
    for (const { id, delaySeconds } of source.released) expect([id.slice(0, 3), delaySeconds]).toEqual(["bad", 10]);
    expect(sink.quarantine.size).toBe(0);
  });

  it.each([
    ["a table", new PiipeError("database.table-missing", "gone")],
    ["a database", new PiipeError("database.unreachable", "away", { retryable: true })],
  ])("waits for %s that is away when it halts, and stores what is good then", async (_, failure) => {
    clock.sleep = (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 2), signal);
    let startedMs = 0;
    // Longer than a drain would go on trying.
    clock.nowMs = () => (startedMs += 1_000);
    const { source, sink, run, events } = setUp({
      limits: { batchRowsMax: 1_000, inFlightMax: 1_000, lingerMs: 60_000 },
    });
    let tries = 0;
    sink.beforeWrite = () => {
      tries += 1;
      if (tries <= 20) throw failure;
    };
    source.promisesMore = true;
    source.send(...[0, 1, 2, 3, 4].flatMap((n) => [...labelled(12, "bad", n), ...labelled(8, "ok", n)]));
    await expect(run(null)).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(sink.rows.size).toBe(40);
    expect(source.deleted).toHaveLength(40);
    expect(source.released.every(({ id }) => id.startsWith("bad"))).toBe(true);
    expect(sink.quarantine.size).toBe(0);
    const waits = events.filter(({ type }) => type === (failure.retryable ? "batch.retried" : "batch.held"));
    expect(waits.length).toBeGreaterThan(10);
  });

  it("carries nothing into the quarantine by a batch that waits for its table when the run halts", async () => {
    clock.sleep = (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 2), signal);
    const { source, sink, run, stop, seen } = setUp({ limits: { batchRowsMax: 10, writesInFlightMax: 1 } });
    let isMended = false;
    sink.beforeWrite = async () => {
      // The first one is on its way when the others tell that too many are refused.
      if (!isMended) await new Promise((resolve) => setTimeout(resolve, 20));
      if (!isMended) throw new PiipeError("database.table-missing", "gone");
    };
    source.send(...labelled(8, "ok", 0), ...labelled(2, "bad", 0), ...labelled(98, "bad", 1));
    const running = run(null);
    await seen("batch.held");
    isMended = true;
    await expect(running).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect([...sink.rows.keys()].toSorted()).toEqual(labelled(8, "ok", 0).map(({ id }) => id));
    expect(sink.quarantine.size).toBe(0);
    expect(source.released).toHaveLength(100);
    stop.abort();
  });

  it("gives all back after one more try when it is stopped while it waits before a halt", async () => {
    const { source, sink, run, stop, seen } = setUp({ limits: { batchRowsMax: 1_000, inFlightMax: 1_000 } });
    sink.beforeWrite = () => {
      throw new PiipeError("database.table-missing", "gone");
    };
    source.promisesMore = true;
    source.send(...[0, 1, 2, 3, 4].flatMap((n) => [...labelled(12, "bad", n), ...labelled(8, "ok", n)]));
    const running = run(null);
    await seen("batch.held");
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(source.released).toHaveLength(100);
    expect(sink.rows.size).toBe(0);
  });

  it("in an ordered queue a halt gives back what follows a refused message of its group, and stores the rest", async () => {
    const { source, sink, run } = setUp({
      source: new ModelSource({ ordered: true }),
      limits: { batchRowsMax: 1_000, inFlightMax: 1_000, lingerMs: 60_000, haltAboveShare: 0.2 },
    });
    source.promisesMore = true;
    // Of 40 groups 35 have a refused message between two good ones.
    for (const place of [0, 1, 2]) {
      for (let group = 0; group < 40; group += 1) {
        const body = place === 1 && group >= 5 ? "bad" : "ok";
        source.send(delivery(`${place} ${group}`, body, { groupId: `g${group}` }));
      }
    }
    await expect(run(null)).rejects.toMatchObject({ code: "data.beyond-limit" });
    const groups = Array.from({ length: 40 }, (_, group) => group);
    const free = groups.slice(0, 5);
    const stored = [...groups.map((g) => `0 ${g}`), ...free.map((g) => `1 ${g}`), ...free.map((g) => `2 ${g}`)];
    expect(source.deleted.toSorted()).toEqual(stored.toSorted());
    expect(source.released).toHaveLength(70);
    expect(sink.quarantine.size).toBe(0);
  });

  it("holds what cannot be written as long as it takes, and goes on when the table was mended", async () => {
    clock.sleep = (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 2), signal);
    const { source, sink, run, events, stop, seen } = setUp();
    let tries = 0;
    sink.beforeWrite = () => {
      tries += 1;
      if (tries <= 8) throw new PiipeError("database.table-missing", "gone");
    };
    source.send(...messages(50));
    const running = run(null);
    await seen("batch.written");
    stop.abort();
    await running;
    const held = events.filter((event) => event.type === "batch.held");
    expect(held.map(({ attempt }) => attempt)).toEqual(held.map((_, index) => index + 1));
    expect(held[0]).toMatchObject({ code: "database.table-missing", message: "gone" });
    for (const [index, { delayMs }] of held.entries()) {
      const longestMs = Math.min(60_000, 1_000 * 2 ** index);
      expect(delayMs).toBeGreaterThanOrEqual(longestMs * 0.75);
      expect(delayMs).toBeLessThanOrEqual(longestMs);
    }
    expect(source.released).toEqual([]);
    expect(source.heldMost).toBeLessThanOrEqual(100);
    expect(sink.rows.size).toBe(source.deleted.length);
  });

  it("gives back what it holds when it is stopped, after one more try", async () => {
    const { source, sink, run, stop, seen } = setUp();
    let tries = 0;
    sink.beforeWrite = () => {
      tries += 1;
      throw new PiipeError("database.table-missing", "gone");
    };
    source.send(...messages(5));
    const running = run(null);
    await seen("batch.held");
    const before = tries;
    stop.abort();
    await expect(running).rejects.toMatchObject({ code: "database.table-missing" });
    expect(tries).toBe(before + 1);
    expect(source.released).toHaveLength(5);
  });

  it("writes rows that may be at fault again with the next ones, which tell", async () => {
    clock.sleep = (delayMs, signal) => systemClock.sleep(delayMs < 1_000 ? delayMs : 3_600_000, signal);
    const { source, sink, run, stop, seen } = setUp();
    sink.beforeWrite = ({ records }) => {
      if (records.length > 0 && records.every(({ id }) => sink.unfit.has(id))) throw raised();
    };
    sink.unfit.add("m0").add("m1");
    source.send(...messages(2));
    const running = run(null);
    await seen("batch.held");
    expect(source.released).toEqual([]);
    source.send(delivery("good", "ok"));
    await seen("batch.written");
    stop.abort();
    expect(await running).toMatchObject({ received: 3, stored: 1, quarantined: 2 });
  });

  it("a run that ends by itself asks what was stored before, then ends", async () => {
    const { source, sink, run } = setUp();
    const asked: boolean[] = [];
    const write = sink.write.bind(sink);
    sink.write = (batch, signal, options) => {
      asked.push(options?.earlierTell ?? false);
      return batch.records.every(({ id }) => sink.unfit.has(id)) ? Promise.reject(raised()) : write(batch, signal);
    };
    sink.unfit.add("m0");
    source.send(...messages(1));
    await expect(run(2)).rejects.toMatchObject({ sqlState: "P0001" });
    expect(asked).toEqual([false, true]);
    expect(source.released).toHaveLength(1);
    expect(sink.quarantine.size).toBe(0);
  });

  it("quarantines them in the end when no more events come", async () => {
    const waits: number[] = [];
    const { sleep } = clock;
    clock.sleep = (delayMs, signal) => {
      waits.push(delayMs);
      return sleep(Math.min(delayMs, 5), signal);
    };
    const { source, run, stop, seen } = setUp();
    source.send(...messages(5, "bad"));
    const running = run(null);
    await seen("batch.written");
    stop.abort();
    expect(await running).toMatchObject({ quarantined: 5, deleted: 5 });
    expect(Math.max(...waits)).toBeGreaterThan(1_000);
  });

  it("a few among good ones do not wait", async () => {
    const { source, sink, run, stop, seen } = setUp();
    source.send(...messages(5), delivery("poison", "bad"));
    const running = run(null);
    await seen("batch.written");
    expect(sink.quarantine.size).toBe(1);
    stop.abort();
    await running;
  });

  it.each([2, 3, 5])("writes what a write left before all else, in order (each %d. row refused)", async (every) => {
    const { source, sink, run } = setUp({ source: new ModelSource({ ordered: true }), limits: { haltAboveShare: 1 } });
    const all = messages(60);
    for (const [index, { id }] of all.entries()) if (index % every === 1) sink.unfit.add(id);
    const write = sink.write.bind(sink);
    // As the sink of an ordered source: it ends with the first row that is refused.
    sink.write = async (batch, signal) => {
      const bad = batch.records.findIndex(({ id }) => sink.unfit.has(id));
      if (bad === -1) return write(batch, signal);
      const records = batch.records.slice(0, bad + 1);
      return write({ records, refused: bad === 0 ? [] : batch.refused }, signal);
    };
    source.send(...all);
    const fit = all.filter(({ id }) => !sink.unfit.has(id));
    expect(await run()).toMatchObject({ stored: fit.length, quarantined: sink.unfit.size, deleted: 60 });
    expect(sink.order).toEqual(fit.map(({ id }) => id));
  });

  it("gives back at once what failed for the first time, and ever later what fails again", async () => {
    const { source, sink, run } = setUp();
    sink.beforeWrite = () => {
      throw new PiipeError("database.table-missing", "gone");
    };
    source.send(...[1, 2, 4, 1_000].map((attempt) => delivery(`m${attempt}`, "ok", { attempt })));
    await expect(run()).rejects.toMatchObject({ code: "database.table-missing" });
    expect(source.released.map(({ delaySeconds }) => delaySeconds)).toEqual([0, 10, 30, 900]);
  });

  it("does not take a left message that comes back for a new refusal", async () => {
    const { source, run } = setUp({ seal: null, limits: { haltAboveShare: 0.3 } });
    const poison = Array.from({ length: 20 }, (_, index) => delivery(`bad${index}`, "bad"));
    source.send(...messages(100), ...poison);
    let rounds = 0;
    source.beforeReceive = () => {
      if (source.waiting.length > 0 || source.held.size > 0 || rounds === 5) return;
      rounds += 1;
      source.send(...poison.map((each) => ({ ...each, attempt: rounds + 1 })));
    };
    expect(await run(2)).toMatchObject({ stored: 100, left: 120 });
  });

  it("never halts when the limit is 1", async () => {
    const { source, run } = setUp({ limits: { haltAboveShare: 1 } });
    source.send(...messages(300, "bad"));
    expect(await run()).toMatchObject({ quarantined: 300, deleted: 300 });
  });

  it("takes all at once that was received before the run", async () => {
    const large = { batchRowsMax: 1_000, inFlightMax: 1_000, lingerMs: 60_000 };
    const { source, sink, run } = setUp({ limits: { ...large, startsSmall: false } });
    source.send(...messages(150));
    expect(await run(0)).toMatchObject({ stored: 150 });
    expect(sink.batchSizes).toEqual([150]);
  });

  it("judges a message once that is left in the queue, over all its runs", async () => {
    const carried = carriedOver(0.5, clock);
    for (let times = 0; times < 20; times += 1) {
      const { source, run } = setUp({ seal: null, carried });
      source.send(...messages(1, "bad"));
      expect(await run(0)).toMatchObject({ left: times + 1 });
    }
  });

  it("holds no more than the cap on messages", async () => {
    const { source, run } = setUp({ limits: { inFlightMax: 15, batchRowsMax: 7 } });
    source.send(...messages(200));
    expect(await run()).toMatchObject({ stored: 200 });
    expect(source.heldMost).toBeLessThanOrEqual(15);
  });

  it("holds no more than about the cap on bytes, and one message that is larger still passes", async () => {
    const { source, run } = setUp({ limits: { inFlightBytesMax: 10_000 } });
    const large = Array.from({ length: 30 }, (_, index) => delivery(`l${index}`, "x".repeat(20_000)));
    source.send(...large);
    expect(await run()).toMatchObject({ stored: 30 });
    expect(source.heldMost).toBeLessThanOrEqual(2);
  });

  it("holds no more than the cap on bytes of what was unpacked, in flight and in a batch", async () => {
    const unpackedBytes = 10_000;
    const unpacking: Decode = (message) => {
      const decoded = decode(message);
      return decoded.ok ? { ok: true, value: { ...decoded.value, unpackedBytes } } : decoded;
    };
    const { source, sink, run } = setUp({
      decode: unpacking,
      limits: {
        inFlightMax: 1_000,
        inFlightBytesMax: 200_000,
        batchRowsMax: 1_000,
        batchBytesMax: 50_000,
        unpackedBytesMax: 20_000,
      },
    });
    const sizes: number[] = [];
    sink.beforeWrite = (batch) => {
      sizes.push(batch.records.length);
      return Promise.resolve();
    };
    source.send(...messages(300));
    expect(await run()).toMatchObject({ stored: 300, deleted: 300 });
    // Of the smallest size that a message has, all would have had room.
    expect(source.heldMost).toBeLessThanOrEqual(20);
    expect(source.heldMost).toBeGreaterThan(5);
    expect(Math.max(...sizes)).toBe(5);
  });

  it("writes several batches at once, but one at a time from an ordered queue", async () => {
    const slow = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
    const standard = setUp({ limits: { batchRowsMax: 5 } });
    standard.sink.beforeWrite = slow;
    standard.source.send(...messages(60));
    await standard.run();
    expect(standard.sink.writingMost).toBe(2);

    const ordered = setUp({ source: new ModelSource({ ordered: true }), limits: { batchRowsMax: 5 } });
    ordered.sink.beforeWrite = slow;
    ordered.source.send(...messages(60));
    await ordered.run();
    expect(ordered.sink.writingMost).toBe(1);
    expect(ordered.sink.order).toEqual(messages(60).map(({ id }) => id));
  });

  it("leaves refused events in the queue when the quarantine is full, and stores the others", async () => {
    let room = 2;
    const { source, sink, events, run } = setUp({ takeRoom: () => (room -= 1) >= 0, limits: { haltAboveShare: 1 } });
    source.send(...messages(9), ...Array.from({ length: 5 }, (_, n) => delivery(`bad${n}`, "bad")));
    expect(await run()).toMatchObject({ stored: 9, quarantined: 2, left: 3, deleted: 11 });
    expect(sink.rows.size).toBe(9);
    const fates = events.flatMap((event) => (event.type === "event.refused" ? [event.fate] : []));
    expect(fates).toEqual(["quarantine", "quarantine", "full", "full", "full"]);
  });

  it("halts an ordered source when the quarantine is full: what follows a left message would overtake it", async () => {
    const source = new ModelSource({ ordered: true });
    const { run } = setUp({ source, takeRoom: () => false, limits: { haltAboveShare: 1 } });
    source.send(delivery("bad", "bad"), delivery("good", "ok"));
    await expect(run()).rejects.toMatchObject({
      code: "data.beyond-limit",
      message: expect.stringContaining("the quarantine is full") as string,
    });
    expect(source.deleted).toEqual([]);
  });

  it("does not run an ordered source without a key to seal with: what follows a left message would overtake it", async () => {
    const { run } = setUp({ source: new ModelSource({ ordered: true }), seal: null });
    await expect(run()).rejects.toThrow("an ordered source needs a key to seal with");
  });

  it("counts on from run to run, and judges a queue by all of them", async () => {
    const carried = carriedOver(0.5, clock);
    const run = async (count: number): Promise<unknown> => {
      const { source, run: start } = setUp({ carried });
      // Fewer than one run is judged by.
      source.send(...messages(count, "bad"));
      return start().catch((error: unknown) => error);
    };
    expect(await run(9)).toMatchObject({ received: 9, quarantined: 9 });
    expect(await run(9)).toMatchObject({ code: "data.beyond-limit" });
    expect(carried.totals).toMatchObject({ received: 18, quarantined: 9 });
  });

  it("drains on stop: finishes what was received, receives no more", async () => {
    const { source, sink, run, stop, seen } = setUp({ limits: { lingerMs: 60_000 } });
    source.promisesMore = true;
    source.send(...messages(7));
    const running = run(null);
    await seen("deliveries.received");
    stop.abort();
    expect(await running).toMatchObject({ received: 7, stored: 7, deleted: 7 });
    expect(sink.batchSizes).toEqual([7]);
  });

  it("ends well when stopped while it asks whether the queue is empty", async () => {
    const { source, run, stop } = setUp();
    source.depth = () => {
      stop.abort();
      return Promise.reject(new DOMException("aborted", "AbortError"));
    };
    source.send(...messages(3));
    expect(await run()).toMatchObject({ stored: 3, deleted: 3 });
  });

  it("says once for each wait how many messages it waits for that others hold", async () => {
    const { source, run, events } = setUp();
    let asked = 0;
    source.depth = () => {
      asked += 1;
      if (asked === 2) source.send(...messages(1));
      return Promise.resolve([2, 2, 1][asked - 1] ?? 0);
    };
    await run(2);
    expect(asked).toBe(5);
    expect(events.filter(({ type }) => type === "queue.awaited")).toEqual([
      { type: "queue.awaited", count: 2 },
      { type: "queue.awaited", count: 1 },
    ]);
  });

  it("goes on when the queue could not be asked whether it is empty, and gives up only after a time", async () => {
    const throttled = new PiipeError("queue.throttled", "slow down", { retryable: true });
    const passing = setUp();
    let failures = 2;
    const depth = passing.source.depth.bind(passing.source);
    passing.source.depth = () => (failures-- > 0 ? Promise.reject(throttled) : depth());
    passing.source.send(...messages(3));
    expect(await passing.run()).toMatchObject({ stored: 3 });

    const lasting = setUp({ limits: { giveUpAfterMs: 0 } });
    lasting.source.depth = () => Promise.reject(throttled);
    await expect(lasting.run()).rejects.toBe(throttled);
  });

  it("writes a batch that can no longer fill without waiting for its linger", async () => {
    const { source, run } = setUp({ limits: { inFlightMax: 10, lingerMs: 3_600_000 } });
    source.send(...messages(35));
    expect(await run()).toMatchObject({ stored: 35 });
  });

  it("writes at once what a source has given that has no more", async () => {
    const { source, sink, run, stop, seen } = setUp({ limits: { lingerMs: 3_600_000 } });
    source.send(...messages(7));
    const running = run(null);
    await seen("batch.written");
    expect(sink.batchSizes).toEqual([7]);
    stop.abort();
    await running;
  });

  it("waits for what a source promises, up to the linger", async () => {
    const waits: number[] = [];
    const { sleep } = clock;
    clock.sleep = (delayMs, signal) => {
      waits.push(delayMs);
      return sleep(delayMs, signal);
    };
    const { source, sink, run, stop, seen } = setUp({ limits: { lingerMs: 30 } });
    source.promisesMore = true;
    source.send(...messages(8));
    const running = run(null);
    await seen("batch.written");
    expect(waits).toEqual([30]);
    expect(sink.batchSizes).toEqual([8]);
    stop.abort();
    await running;
  });

  it("does not let refused messages put off a row that waits for its linger", async () => {
    const { source, sink, run, stop } = setUp({ seal: null, limits: { lingerMs: 20, haltAboveShare: 1 } });
    source.promisesMore = true;
    source.send(delivery("good", "ok"));
    let sent = 0;
    source.beforeReceive = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (sink.rows.size > 0 || sent === 1_000) stop.abort();
      else source.send(delivery(`bad${(sent += 1)}`, "bad"));
    };
    await run(null);
    expect(sent).toBeLessThan(100);
  });

  it("gives back what a database that is away does not take, when it is stopped", async () => {
    const { source, sink, run, stop, seen } = setUp({ limits: { lingerMs: 1 } });
    const away = new PiipeError("database.unreachable", "away", { retryable: true });
    let nowMs = 0;
    clock.nowMs = () => (nowMs += 1_000);
    clock.sleep = (delayMs, signal) => systemClock.sleep(Math.min(delayMs, 5), signal);
    sink.beforeWrite = () => {
      throw away;
    };
    source.send(...messages(5));
    const running = run(null);
    await seen("batch.retried");
    stop.abort();
    await expect(running).rejects.toBe(away);
    expect(source.released).toHaveLength(5);
  });

  it("ends when the queue refuses settlements for good, and counts those that were done before", async () => {
    const { source, engine, events, run } = setUp();
    const refusal = new PiipeError("queue.denied", "denied");
    const settle = source.settle.bind(source);
    source.settle = async (settled) => {
      const report = await settle(settled);
      return { ...report, deleted: report.deleted - 1, failed: 1, refusal };
    };
    source.send(...messages(5));
    await expect(run(null)).rejects.toBe(refusal);
    expect(engine.totals).toMatchObject({ stored: 5, deleted: 4 });
    expect(events).toContainEqual(
      expect.objectContaining({ type: "deliveries.settled", deleted: 4, released: 0, failed: 1 }),
    );
  });

  it("settles nothing on abort: what is unsettled is redelivered", async () => {
    const { source, sink, run, abort, seen } = setUp();
    sink.beforeWrite = (_batch, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () =>
          reject(new PiipeError("database.unreachable", "cut", { retryable: true })),
        );
      });
    source.send(...messages(20));
    const running = run(null);
    await seen("deliveries.received");
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: "interrupted" });
    expect(source.deleted).toEqual([]);
    expect(source.released).toEqual([]);
  });

  it("treats an exception of a stage as a bug: stops, deletes nothing of that delivery, gives it back", async () => {
    const { source, run } = setUp({
      decode: (each) => {
        if (each.id === "m5") throw new TypeError("bug");
        return decode(each);
      },
    });
    source.send(...messages(10));
    await expect(run()).rejects.toThrow(TypeError);
    expect(source.deleted).not.toContain("m5");
    expect(source.held.size).toBe(0);
  });

  it("settles nothing twice when sealing what PostgreSQL refused is what throws", async () => {
    let sealed = 0;
    const { source, sink, engine, run } = setUp({
      seal: (body) => {
        sealed += 1;
        if (sealed === 2) throw new TypeError("bug");
        return Buffer.from(body);
      },
    });
    for (const id of ["m2", "m4", "m6"]) sink.unfit.add(id);
    source.send(...messages(10));
    await expect(run()).rejects.toThrow("bug");
    expect(source.deleted).toHaveLength(7);
    expect(source.released).toHaveLength(3);
    expect(engine.inFlight).toBe(0);
  });

  it("stops with the source's error when the queue cannot be used", async () => {
    const { source, run } = setUp();
    source.beforeReceive = () => {
      throw new PiipeError("queue.denied", "denied");
    };
    await expect(run()).rejects.toMatchObject({ code: "queue.denied" });
  });
});
