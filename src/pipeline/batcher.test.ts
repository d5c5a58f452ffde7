import { beforeEach, expect, it } from "vitest";
import { SimClock } from "../../tests/simulation/sim-clock.ts";
import { record } from "../../tests/support/masked-records.ts";
import { delivery } from "../../tests/support/model-source.ts";
import { SeededRandom } from "../../tests/support/seeded-random.ts";
import { Batcher } from "./batcher.ts";
import type { OpenBatch } from "./open-batch.ts";
import { RefusalJudge } from "./refusal-judge.ts";

const LIMITS = { batchRowsMax: 10, batchBytesMax: 1_000, lingerMs: 50 };

let clock: SimClock;
let judge: RefusalJudge;
let batcher: Batcher;
/** Whether a write could begin. */
let isFree: boolean;
let taken: OpenBatch[];
let sent: number;

beforeEach(() => {
  clock = new SimClock(new SeededRandom(1));
  judge = new RefusalJudge(0.5, clock);
  isFree = true;
  taken = [];
  sent = 0;
  const isWriting = (): boolean => !isFree;
  batcher = new Batcher({ limits: LIMITS, clock, judge, isWriting, onDoubtsOver: () => {}, onReady: take });
});

/** As the engine does whenever it may. */
function take(): void {
  while (isFree) {
    const batch = batcher.next();
    if (batch === undefined) return;
    taken.push(batch);
  }
}

const sizes = (): number[] => taken.map(({ size }) => size);

function add(count: number): void {
  for (let each = 0; each < count; each += 1) {
    const id = `m${(sent += 1)}`;
    batcher.open.addRecord(record([], id), delivery(id, "{}"));
    batcher.flushIfDue();
  }
}

function refuse(count: number): void {
  for (let each = 0; each < count; each += 1) {
    const id = `m${(sent += 1)}`;
    const rejection = { code: "body.not-json", path: null } as const;
    const refused = { id, sentAtMs: 0, attempt: 1, rejection, sealedBody: Buffer.from("x"), sealedMetadata: null };
    expect(judge.countEvent(true)).toBeNull();
    batcher.open.addRefused(refused, delivery(id, "bad"));
    batcher.flushIfDue();
  }
}

/** Lets time go on to the next timer; what is returned is how far that was. */
async function next(): Promise<number> {
  const sinceMs = clock.nowMs();
  expect(clock.advance()).toBe(true);
  await clock.settle();
  return clock.nowMs() - sinceMs;
}

it("gives a batch that is full at once", () => {
  add(25);
  expect(sizes()).toEqual([10, 10]);
});

it("counts bytes as well as rows", () => {
  batcher.open.addRecord(record([], "large"), delivery("large", "x".repeat(LIMITS.batchBytesMax)));
  batcher.flushIfDue();
  expect(sizes()).toEqual([1]);
});

it("lets a batch that is not full wait for the linger, counted from its first row", async () => {
  add(1);
  clock.after(30, () => add(2));
  expect(await next()).toBe(30);
  expect(sizes()).toEqual([]);
  expect(await next()).toBe(20);
  expect(sizes()).toEqual([3]);
  add(1);
  expect(await next()).toBe(50);
  expect(sizes()).toEqual([3, 1]);
});

it("gives an open batch at once when nothing more is to come, and leaves no timer", () => {
  add(3);
  batcher.endLinger();
  expect(sizes()).toEqual([3]);
  batcher.endLinger();
  expect(sizes()).toEqual([3]);
  expect(clock.advance()).toBe(false);
});

it("goes on filling a batch that has waited, until a write can begin", async () => {
  isFree = false;
  add(3);
  await next();
  add(4);
  batcher.endLinger();
  isFree = true;
  take();
  expect(sizes()).toEqual([7]);
  isFree = false;
  add(3);
  await next();
  add(9);
  isFree = true;
  take();
  expect(sizes()).toEqual([7, 10]);
  // What came after the full one waits for a linger of its own.
  await next();
  expect(sizes()).toEqual([7, 10, 2]);
});

it("keeps a batch in doubt that has waited, until enough was seen or a while has passed", async () => {
  refuse(3);
  batcher.endLinger();
  expect(sizes()).toEqual([]);
  expect(await next()).toBe(5_000);
  expect(sizes()).toEqual([3]);
});

it("gives a batch in doubt all the same when it is flushed", () => {
  refuse(3);
  batcher.flush();
  expect(sizes()).toEqual([3]);
});

it("gives what a write left before all else", () => {
  isFree = false;
  add(10);
  add(3);
  const first = batcher.next();
  if (first === undefined) throw new Error("the first batch is full");
  batcher.putBack(first);
  isFree = true;
  batcher.flush();
  expect(sizes()).toEqual([10, 3]);
  expect(taken[0]).toBe(first);
});

it("gives up all that is not being written, and leaves no timer", async () => {
  isFree = false;
  add(13);
  expect(batcher.takeAll().map(({ id }) => id)).toEqual(Array.from({ length: 13 }, (_, index) => `m${index + 1}`));
  isFree = true;
  batcher.flush();
  expect(taken).toEqual([]);
  await clock.settle();
  expect(clock.advance()).toBe(false);
});

it("counts what a refused event's attributes take, sealed", () => {
  const rejection = { code: "body.not-json", path: null } as const;
  const sealedMetadata = Buffer.alloc(LIMITS.batchBytesMax);
  const refused = { id: "a", sentAtMs: 0, attempt: 1, rejection, sealedBody: Buffer.from("x"), sealedMetadata };
  batcher.open.addRefused(refused, delivery("a", "bad"));
  expect(batcher.open.bytes).toBe(LIMITS.batchBytesMax + 1);
});
