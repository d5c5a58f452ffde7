import { setMaxListeners } from "node:events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PiipeError } from "../../src/errors.ts";
import { carriedOver, Engine } from "../../src/pipeline/engine.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { MessageStates } from "./message-states.ts";
import type { MessageKind } from "./scenario.ts";
import { SimClock } from "./sim-clock.ts";
import { decode, mask, seal } from "./stages.ts";
import { type SettleEnd, SteppedSink, SteppedSource, type WriteEnd } from "./stepped-stages.ts";

const LIMITS = {
  inFlightMax: 12,
  inFlightBytesMax: 1_000_000,
  batchRowsMax: 4,
  batchBytesMax: 1_000_000,
  lingerMs: 50,
  writesInFlightMax: 3,
  giveUpAfterMs: null,
};
/** Longer than any wait of the engine: retries, judgements, the drain. */
const LONG_MS = 30_000;
const ROUNDS_MAX = 200;

/** An engine whose writes and settlements end on command. */
class Bench {
  readonly states = new MessageStates();
  readonly clock = new SimClock(new SeededRandom(1));
  readonly source: SteppedSource;
  readonly sink: SteppedSink;
  readonly engine: Engine;
  readonly stop = new AbortController();
  readonly abort = new AbortController();
  hasHalted = false;
  /** What the run came to; null: it goes on. */
  end: { readonly failure: unknown } | null = null;

  constructor(ordered: boolean) {
    this.source = new SteppedSource(this.states, ordered);
    this.sink = new SteppedSink(this.states, ordered);
    this.engine = new Engine(
      { source: this.source, decode, mask, sink: this.sink, seal },
      LIMITS,
      carriedOver(1, this.clock),
      this.clock,
      () => {},
    );
    setMaxListeners(0, this.abort.signal);
    this.engine.run({ stop: this.stop.signal, abort: this.abort.signal, emptyConfirmations: null }).then(
      () => (this.end = { failure: null }),
      (failure: unknown) => (this.end = { failure }),
    );
  }

  async pass(ms: number): Promise<void> {
    let isOver = false;
    this.clock.after(ms, () => (isOver = true));
    while (!isOver) {
      await this.clock.settle();
      this.clock.advance();
    }
    await this.clock.settle();
  }

  /** Stops, and ends each write that way until the run has ended. */
  async finish(writes: WriteEnd): Promise<void> {
    this.states.mayRelease = true;
    this.stop.abort();
    for (let round = 0; round < ROUNDS_MAX && this.end === null; round += 1) {
      this.sink.writing[0]?.end(writes);
      this.source.settling[0]?.end("succeeds");
      await this.pass(LONG_MS);
    }
  }
}

/** Checks what holds at any time. */
function expectSound({ states, source, sink, engine, abort }: Bench): void {
  states.check();
  const { inFlight } = states;
  if (!abort.signal.aborted) expect(engine.inFlight).toBe(inFlight);
  expect(inFlight).toBeLessThanOrEqual(LIMITS.inFlightMax);
  expect(sink.writing.length).toBeLessThanOrEqual(source.ordered ? 1 : LIMITS.writesInFlightMax);
  const committed = [...sink.rows, ...sink.quarantine];
  expect(new Set(committed).size).toBe(committed.length);
  for (const id of states.idsIn("gone", "written", "deleting")) expect(committed).toContain(id);
  if (source.ordered) expect(sink.rows).toEqual(sink.rows.toSorted());
}

type Command = fc.AsyncCommand<MessageStates, Bench>;

function command(name: string, isPossible: (states: MessageStates) => boolean, run: (bench: Bench) => void): Command {
  return {
    toString: () => name,
    check: isPossible,
    async run(_states, bench) {
      run(bench);
      await bench.clock.settle();
      expectSound(bench);
    },
  };
}

const always = (): boolean => true;
const isWriting = (states: MessageStates): boolean => states.idsIn("writing").length > 0;
const isSettling = (states: MessageStates): boolean => states.idsIn("deleting", "releasing").length > 0;

function send(kinds: readonly MessageKind[]): Command {
  return command(`send ${kinds.join(", ")}`, always, (bench) => {
    for (const kind of kinds) bench.states.send(`m${String(bench.states.kinds.size).padStart(4, "0")}`, kind);
    bench.source.wake();
  });
}

function endWrite(how: WriteEnd): Command {
  return command(`a write ${how}`, isWriting, (bench) => {
    if (how === "halts") {
      bench.hasHalted = true;
      bench.states.mayRelease = true;
    }
    bench.sink.writing[0]?.end(how);
  });
}

function endSettle(how: SettleEnd): Command {
  return command(`a settlement ${how}`, isSettling, (bench) => bench.source.settling[0]?.end(how));
}

const redeliver = command(
  "deliver again",
  (states) => states.idsIn("gone").length > 0,
  (bench) => {
    const [id] = bench.states.idsIn("gone");
    if (id !== undefined) bench.states.apply("redeliver", id);
    bench.source.wake();
  },
);
function haveMore(hasMore: boolean): Command {
  return command(hasMore ? "more is known to wait" : "no more is known to wait", always, ({ source }) => {
    source.hasMore = hasMore;
  });
}

const stop = command("stop", always, (bench) => {
  bench.states.mayRelease = true;
  bench.stop.abort();
});
const abort = command("abort", always, (bench) => bench.abort.abort());

function pass(ms: number): Command {
  return {
    toString: () => `${ms} ms pass`,
    check: always,
    async run(_states, bench) {
      await bench.pass(ms);
      expectSound(bench);
    },
  };
}

const kind = fc.oneof(
  { weight: 6, arbitrary: fc.constant<MessageKind>("good") },
  { weight: 1, arbitrary: fc.constant<MessageKind>("bad") },
  { weight: 1, arbitrary: fc.constant<MessageKind>("unfit") },
);
const commands = fc.commands(
  [
    fc.array(kind, { minLength: 1, maxLength: 8 }).map(send),
    fc.array(kind, { minLength: 1, maxLength: 8 }).map(send),
    fc.constantFrom(1, 60, 2_500).map(pass),
    fc.constantFrom<WriteEnd>("succeeds", "succeeds", "succeeds", "fails", "loses its reply").map(endWrite),
    fc.constantFrom<WriteEnd>("succeeds", "succeeds", "succeeds", "fails", "loses its reply").map(endWrite),
    fc.constantFrom<SettleEnd>("succeeds", "succeeds", "fails").map(endSettle),
    fc.boolean().map(haveMore),
    fc.constant(redeliver),
    fc.constant(endWrite("halts")),
    fc.constant(stop),
    fc.constant(abort),
  ],
  { maxCommands: 60, size: "max" },
);

/** A database that is away must not keep a stopped engine either. */
const lastWrites = fc.constantFrom<WriteEnd>("succeeds", "succeeds", "fails");

test.each([
  ["a standard queue", false],
  ["a FIFO queue", true],
])(
  "of %s each message takes its way from state to state, and is stored once, whatever the order of events",
  async (_, ordered) => {
    await fc.assert(
      fc.asyncProperty(commands, lastWrites, async (sequence, writes) => {
        let bench: Bench | null = null;
        await fc.asyncModelRun(() => {
          bench = new Bench(ordered);
          return { model: bench.states, real: bench };
        }, sequence);
        if (bench !== null) await checkEnd(bench, writes);
      }),
      { numRuns: 150 },
    );
  },
);

async function checkEnd(bench: Bench, writes: WriteEnd): Promise<void> {
  await bench.finish(writes);
  expectSound(bench);
  expect(bench.end).not.toBeNull();
  const { states, sink, abort: aborted, end } = bench;
  const failure = end?.failure;
  if (failure !== null) expect(failure).toBeInstanceOf(PiipeError);
  if (!aborted.signal.aborted) {
    expect(states.inFlight).toBe(0);
    if (failure !== null) expect(bench.hasHalted || (failure as PiipeError).retryable).toBe(true);
  }
  for (const [id, sent] of states.kinds) {
    if (sent === "good") expect(sink.quarantine).not.toContain(id);
    else expect(sink.rows).not.toContain(id);
  }
}
