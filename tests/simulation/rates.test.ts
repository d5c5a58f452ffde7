/** What messages wait for and what they cost at each rate: the engine and the SQS source in virtual time, so exactly. */
import { setMaxListeners } from "node:events";
import { expect, test } from "vitest";
import type { Batch, BatchOutcome, Decode, Sink } from "../../src/pipeline/contracts.ts";
import { carriedOver, Engine } from "../../src/pipeline/engine.ts";
import { rowOf } from "../support/one-table.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { TimedQueue, timedSource } from "../support/timed-queue.ts";
import { passUntil } from "../support/virtual-time.ts";
import { SimClock } from "./sim-clock.ts";
import { mask, seal } from "./stages.ts";

/** As the configuration's defaults. */
const ROWS = 1_000;
const LINGER_MS = 50;
/** Of a queue on the same machine, and of SQS in the same region. */
const NEAR_MS = 2;
const SQS_MS = 16;
const WRITE_MS = 6;

/** One row a message, so that batches are counted in messages. */
const decode: Decode = ({ id, sentAtMs, body }) => ({
  ok: true,
  value: { id, sentAtMs, rows: rowOf([body]), unknownFields: [], businessId: null },
});

/** Takes its time, and notes when each message became visible to others. */
class TimedSink implements Sink {
  readonly batchRows: number[] = [];
  readonly storedAtMs = new Map<string, number>();
  readonly #clock: SimClock;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  async write({ records }: Batch): Promise<BatchOutcome> {
    this.batchRows.push(records.length);
    await this.#clock.sleep(WRITE_MS);
    for (const { id } of records) this.storedAtMs.set(id, this.#clock.nowMs());
    return { records: records.map(() => ({ kind: "stored" })), refused: [] };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Figures {
  /** From each sending to the commit, the shortest first. */
  readonly waitsMs: readonly number[];
  readonly batchRows: readonly number[];
  readonly receivesPer1000: number;
  readonly requestsPer1000: number;
  readonly elapsedMs: number;
}

/** Runs a worker, sends as told and waits until all is stored and deleted. */
async function figuresOf(
  latencyMs: number,
  send: (clock: SimClock, queue: TimedQueue) => void,
  count: number,
): Promise<Figures> {
  const clock = new SimClock(new SeededRandom(1));
  const queue = new TimedQueue(clock, { latencyMs });
  const source = timedSource(queue, clock, LINGER_MS);
  const sink = new TimedSink(clock);
  const limits = {
    inFlightMax: 5 * ROWS,
    inFlightBytesMax: 48 * 1024 * 1024,
    batchRowsMax: ROWS,
    batchBytesMax: 4 * 1024 * 1024,
    lingerMs: LINGER_MS,
    writesInFlightMax: 3,
    giveUpAfterMs: null,
  };
  const stop = new AbortController();
  const { signal: abort } = new AbortController();
  setMaxListeners(0, abort);
  const engine = new Engine({ source, decode, mask, sink, seal }, limits, carriedOver(1, clock), clock, () => {});
  let hasEnded = false;
  const running = engine.run({ stop: stop.signal, abort, emptyConfirmations: null });
  const ended = running.then(() => source.close()).finally(() => (hasEnded = true));
  send(clock, queue);
  const elapsedMs = await passUntil(clock, "all is deleted", () => queue.deleted === count);
  const receives = queue.requestsOf("ReceiveMessage").length;
  const requests = queue.requests.length;
  stop.abort();
  await passUntil(clock, "the run has ended", () => hasEnded);
  await ended;
  const waitsMs = [...sink.storedAtMs].map(([id, atMs]) => atMs - (queue.sentAtMs.get(id) ?? 0));
  return {
    waitsMs: waitsMs.toSorted((a, b) => a - b),
    batchRows: sink.batchRows,
    receivesPer1000: (1_000 * receives) / count,
    requestsPer1000: (1_000 * requests) / count,
    elapsedMs,
  };
}

/** So many messages a second for so long, at chance times. */
function flow(perSecond: number, seconds: number) {
  return (clock: SimClock, queue: TimedQueue): void => {
    const random = new SeededRandom(2);
    for (let each = 0; each < perSecond * seconds; each += 1) {
      clock.after(random.next() * seconds * 1_000, () => queue.send());
    }
  };
}

const at = (share: number, { waitsMs }: Figures): number => waitsMs[Math.floor(share * waitsMs.length)] ?? Number.NaN;

test("a message now and then waits for nothing, and costs one receive and one delete", async () => {
  const count = 30;
  const send = (clock: SimClock, queue: TimedQueue): void => {
    for (let each = 1; each <= count; each += 1) clock.after(each * 1_000, () => queue.send());
  };
  const figures = await figuresOf(SQS_MS, send, count);
  expect(new Set(figures.waitsMs)).toEqual(new Set([SQS_MS / 2 + WRITE_MS]));
  expect(figures.batchRows).toEqual(Array.from({ length: count }, () => 1));
  // The poll that waits for the next message is one more.
  expect(figures.requestsPer1000).toBeLessThanOrEqual(2_000 + 1_000 / count);
});

test.each([
  { perSecond: 20, latencyMs: NEAR_MS, requestsMax: 1_750, medianMaxMs: 15, worstMaxMs: 60 },
  { perSecond: 50, latencyMs: NEAR_MS, requestsMax: 850, medianMaxMs: 35, worstMaxMs: 60 },
  { perSecond: 150, latencyMs: NEAR_MS, requestsMax: 400, medianMaxMs: 35, worstMaxMs: 90 },
  { perSecond: 500, latencyMs: NEAR_MS, requestsMax: 380, medianMaxMs: 40, worstMaxMs: 90 },
  { perSecond: 500, latencyMs: SQS_MS, requestsMax: 330, medianMaxMs: 60, worstMaxMs: 120 },
  { perSecond: 2_000, latencyMs: SQS_MS, requestsMax: 300, medianMaxMs: 50, worstMaxMs: 100 },
])(
  "$perSecond messages a second at $latencyMs ms come together, and wait little",
  async ({ perSecond, latencyMs, requestsMax, medianMaxMs, worstMaxMs }) => {
    const seconds = 10;
    const figures = await figuresOf(latencyMs, flow(perSecond, seconds), perSecond * seconds);
    expect(figures.requestsPer1000).toBeLessThanOrEqual(requestsMax);
    expect(at(0.5, figures)).toBeLessThanOrEqual(medianMaxMs);
    expect(figures.waitsMs.at(-1)).toBeLessThanOrEqual(worstMaxMs);
  },
);

test.each([NEAR_MS, SQS_MS])("a backlog fills its batches and its requests, at %d ms", async (latencyMs) => {
  const count = 20_000;
  const figures = await figuresOf(latencyMs, (_clock, queue) => queue.send(count), count);
  expect(figures.requestsPer1000).toBeLessThanOrEqual(205);
  // The first has waited for the linger while the polls became more.
  expect(figures.batchRows[0]).toBeGreaterThanOrEqual(100);
  expect(figures.batchRows.length).toBeLessThanOrEqual(count / ROWS + 2);
});

test("an idle queue costs three receives a minute", async () => {
  const minutes = 10;
  const send = (clock: SimClock, queue: TimedQueue): void => {
    clock.after(minutes * 60_000, () => queue.send());
  };
  const figures = await figuresOf(SQS_MS, send, 1);
  expect(figures.receivesPer1000 / 1_000).toBeLessThanOrEqual(3 * minutes + 2);
});

test("a burst after a quiet time is received at full rate at once", async () => {
  const count = 10_000;
  const figures = await figuresOf(SQS_MS, (clock, queue) => clock.after(90_000, () => queue.send(count)), count);
  expect(figures.elapsedMs - 90_000).toBeLessThan(1_000);
});
