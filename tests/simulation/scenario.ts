import fc from "fast-check";
import type { EngineLimits } from "../../src/pipeline/engine.ts";
import { FAULTS, type PlannedFault, type Step } from "./fault-plan.ts";

/**
 * `bad`: decoding refuses it. `unfit`: the database refuses its row, some only at COMMIT, as a deferred constraint does.
 * `barred`: it refuses the row under a code that may be the table's fault as well, as a trigger does.
 */
export type MessageKind = "good" | "bad" | "unfit" | "unfit at COMMIT" | "barred";

export interface PlannedMessage {
  readonly kind: MessageKind;
  readonly bytes: number;
  /** From the start of the simulation. */
  readonly sentAfterMs: number;
  /** Of a FIFO queue. */
  readonly group: number;
}

export interface PlannedQueue {
  readonly isFifo: boolean;
  readonly visibilitySeconds: number;
  /** What SQS does with a handle that a newer receipt has replaced: says yes and does nothing, or says no. */
  readonly staleHandles: "ignored" | "refused";
  /** Receipts after which a message goes to the dead-letter queue; null: there is none. */
  readonly receivesMax: number | null;
  /** A FIFO group waits for all its hidden messages, as in SQS; else only for those before. */
  readonly locksWholeGroup: boolean;
  /** A poll that was cut off may be given messages, which it then has received in vain. */
  readonly servesTheGone: boolean;
}

export interface PlannedSignal {
  readonly kind: "crash" | "stop" | "abort";
  readonly afterMs: number;
  /** Modulo the number of workers. */
  readonly worker: number;
  /** How long the worker stays away. */
  readonly awayMs: number;
}

/** All of a simulation, as plain data: the same scenario runs the same way. */
export interface Scenario {
  /** Of the chance within the models: latencies, orders, which entries of a batch. */
  readonly seed: number;
  readonly queue: PlannedQueue;
  readonly messages: readonly PlannedMessage[];
  /** When each worker starts. */
  readonly workerStartsMs: readonly number[];
  readonly hasSealingKey: boolean;
  readonly untilEmpty: boolean;
  /** As in EngineLimits. */
  readonly haltAboveShare: number;
  readonly limits: Pick<
    EngineLimits,
    "inFlightMax" | "inFlightBytesMax" | "batchRowsMax" | "lingerMs" | "writesInFlightMax"
  >;
  readonly signals: readonly PlannedSignal[];
  readonly faults: readonly PlannedFault[];
}

const ROOM_FOR_DOUBT = 30;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

function weighted<T>(...choices: ReadonlyArray<readonly [weight: number, value: T]>): fc.Arbitrary<T> {
  return fc.oneof(...choices.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));
}

/** Arrays as long as they may be, not as short as fast-check makes them by default. */
function listOf<T>(item: fc.Arbitrary<T>, minLength: number, maxLength: number): fc.Arbitrary<T[]> {
  return fc.array(item, { minLength, maxLength, size: "max" });
}

function allOf(count: number, kind: MessageKind, sentAfterMs: number): PlannedMessage[] {
  return Array.from({ length: count }, () => ({ kind, bytes: 30, sentAfterMs, group: 0 }));
}

const message: fc.Arbitrary<PlannedMessage> = fc.record({
  kind: weighted<MessageKind>([82, "good"], [6, "bad"], [6, "unfit"], [3, "unfit at COMMIT"], [3, "barred"]),
  bytes: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 20, max: 300 }) }, { weight: 1, arbitrary: fc.nat(9_000) }),
  sentAfterMs: fc.oneof(fc.constant(0), fc.nat(MINUTE_MS)),
  group: fc.nat(3),
});

const queue: fc.Arbitrary<PlannedQueue> = fc.record({
  isFifo: fc.boolean(),
  visibilitySeconds: weighted([12, 5], [12, 30], [5, 120], [5, 600], [1, 43_200]),
  staleHandles: fc.constantFrom("ignored", "refused"),
  receivesMax: weighted<number | null>([5, null], [1, 10], [1, 3], [1, 1]),
  locksWholeGroup: weighted([2, true], [1, false]),
  servesTheGone: fc.constant(true),
});

/** FIFO queues deliver again only what was neither extended nor deleted in time. */
const STANDARD_QUEUES_ONLY: ReadonlySet<string> = new Set(["duplicate", "resurrection"]);

const EACH_FAULT = (Object.keys(FAULTS) as Step[]).flatMap((step) => FAULTS[step].map((kind) => ({ step, kind })));
/** What strikes too rarely otherwise, and a database that is slower than the visibility timeout. */
const TWICE_AS_FREQUENT = EACH_FAULT.filter(
  ({ step, kind }) => step === "depth" || step === "change of visibility" || (step === "commit" && kind === "slow"),
);
/** What SQS does to everybody every day. */
const EVERYDAY = EACH_FAULT.filter(({ kind }) => STANDARD_QUEUES_ONLY.has(kind));

const LASTS_MS = weighted([2, 200], [2, 3 * SECOND_MS], [2, 20 * SECOND_MS], [2, 90 * SECOND_MS], [1, 10 * MINUTE_MS]);
/** The last outlasts SQS's 12 hours. */
const SLOW_COMMIT_MS = weighted([2, 3 * SECOND_MS], [2, 20 * SECOND_MS], [2, 2 * MINUTE_MS], [3, 13 * HOUR_MS]);

const fault: fc.Arbitrary<PlannedFault> = fc
  .tuple(
    fc.constantFrom(...EACH_FAULT, ...TWICE_AS_FREQUENT, ...EVERYDAY, ...EVERYDAY, ...EVERYDAY),
    fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }) },
    ),
    LASTS_MS,
    SLOW_COMMIT_MS,
  )
  .map(([strike, passing, lastsMs, slowCommitMs]) => {
    const isSlowCommit = strike.step === "commit" && strike.kind === "slow";
    // Only a run that has found nothing asks for the depth: it rarely does so twice.
    const isRare = strike.step === "depth";
    return { ...strike, passing: isRare ? 1 : passing, lastsMs: isSlowCommit ? slowCommitMs : lastsMs };
  });

/** Of the visibility timeout: more would only be more of the same. */
const LASTS_MAX_MS_PER_SECOND = 400_000;
const signal: fc.Arbitrary<PlannedSignal> = fc.record({
  kind: weighted<PlannedSignal["kind"]>([2, "crash"], [3, "stop"], [1, "abort"]),
  afterMs: fc.oneof(fc.nat(3 * SECOND_MS), fc.nat(2 * MINUTE_MS)),
  worker: fc.nat(2),
  awayMs: fc.nat(30 * SECOND_MS),
});

/** Rows that follow each other and are all in doubt. */
const BURST_MESSAGES = 150;
const BURST_AFTER_MS = 5 * SECOND_MS;

/** What makes runs halt and hold, and nothing else: no message is received in vain but for that. */
export const haltingScenarios: fc.Arbitrary<Scenario> = fc
  .record({
    seed: fc.nat(0xffff_ffff),
    count: fc.integer({ min: 120, max: 240 }),
    refused: fc.constantFrom<MessageKind>("bad", "unfit", "barred"),
    shape: fc.constantFrom("few", "most", "burst"),
    untilEmpty: fc.boolean(),
    workerStartsMs: listOf(fc.nat(20 * SECOND_MS), 1, 2),
    batchRowsMax: fc.constantFrom(1, 20, 1_000),
    outages: listOf(fc.record({ passing: fc.integer({ min: 1, max: 20 }), lastsMs: LASTS_MS }), 1, 3),
  })
  .map(({ count, refused, shape, outages, batchRowsMax, ...rest }) => ({
    ...rest,
    queue: {
      isFifo: false,
      visibilitySeconds: 30,
      staleHandles: "ignored",
      receivesMax: 3,
      locksWholeGroup: true,
      // That spends receives at every stop, whatever the worker does.
      servesTheGone: false,
    },
    messages:
      shape === "burst"
        ? [
            ...allOf(1, "good", 0),
            ...allOf(BURST_MESSAGES, "barred", BURST_AFTER_MS),
            ...allOf(count - BURST_MESSAGES / 2, "good", BURST_AFTER_MS + SECOND_MS),
          ]
        : Array.from({ length: count }, (_, index) => ({
            kind: index % 10 < (shape === "most" ? 7 : 1) ? refused : "good",
            bytes: 30,
            sentAfterMs: 0,
            group: 0,
          })),
    hasSealingKey: true,
    haltAboveShare: 0.5,
    limits: {
      // A burst fits, and what tells more of it.
      inFlightMax: shape === "burst" ? 250 : 150,
      inFlightBytesMax: 1_000_000,
      batchRowsMax,
      lingerMs: 50,
      writesInFlightMax: 3,
    },
    signals: [],
    // A run that ends by itself also ends when nothing can be written.
    faults: rest.untilEmpty ? [] : outages.map((each) => ({ ...each, step: "begin" as const, kind: "halt" as const })),
  }));

export const scenarios: fc.Arbitrary<Scenario> = fc
  .record({
    seed: fc.nat(0xffff_ffff),
    queue,
    messages: listOf(message, 1, 120),
    workerStartsMs: listOf(fc.oneof(fc.constant(0), fc.nat(20 * SECOND_MS)), 1, 3),
    hasSealingKey: weighted([4, true], [1, false]),
    untilEmpty: fc.boolean(),
    haltAboveShare: fc.constant(1),
    limits: fc.record({
      inFlightMax: fc.integer({ min: 1, max: 100 }),
      inFlightBytesMax: weighted([3, 1_000_000], [1, 2_000]),
      batchRowsMax: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 50 })),
      lingerMs: weighted([4, 50], [1, 0], [1, 2 * SECOND_MS]),
      writesInFlightMax: fc.integer({ min: 1, max: 4 }),
    }),
    signals: listOf(signal, 0, 4),
    faults: listOf(fault, 0, 14),
  })
  .map((scenario) => {
    const { isFifo, visibilitySeconds } = scenario.queue;
    const faults = scenario.faults
      .filter(({ kind }) => !isFifo || !STANDARD_QUEUES_ONLY.has(kind))
      .map((each) => ({ ...each, lastsMs: Math.min(each.lastsMs, visibilitySeconds * LASTS_MAX_MS_PER_SECOND) }));
    // While rows are in doubt others must find room, as in a pipeline: there 100 messages do.
    const hasRoom = scenario.limits.inFlightMax >= ROOM_FOR_DOUBT && scenario.limits.inFlightBytesMax > 2_000;
    const messages = scenario.messages.map((each) =>
      each.kind === "barred" && !hasRoom ? { ...each, kind: "unfit" as const } : each,
    );
    // A FIFO queue without a sealing key is refused at the start.
    return { ...scenario, hasSealingKey: isFifo || scenario.hasSealingKey, messages, faults };
  });
