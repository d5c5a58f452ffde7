import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { hostname } from "node:os";
import { systemClock } from "../clock.ts";
import { BODY_BYTES_MAX } from "../decode/limits.ts";
import { type KeyMarks, keyMarksOf } from "../keys/key-marks.ts";
import type { Source } from "../pipeline/contracts.ts";
import { Engine, type EngineLimits } from "../pipeline/engine.ts";
import { JUDGED_FROM_EVENTS } from "../pipeline/refusal-judge.ts";
import type { Totals } from "../pipeline/totals.ts";
import { showTable } from "../postgres/identifiers.ts";
import { type ClaimName, sourceIdOf } from "../storage/ledger/claim.ts";
import { keepLedger } from "../storage/ledger/ledger-maintenance.ts";
import { noteKeys } from "../storage/rotation/key-checks.ts";
import type { LiveWorker, WorkerIdentity } from "../storage/workers.ts";
import type { Emit } from "../telemetry/events.ts";
import { PostgresSink } from "../write/postgres-sink.ts";
import { firstOf, showTables } from "../write/written-tables.ts";
import { batchLimits } from "./batch-limits.ts";
import { keepHeartbeat } from "./keep-heartbeat.ts";
import { keepKeyring } from "./keep-keyring.ts";
import { columnKeysOf, type Keys, sealKeyMissing } from "./open-mask.ts";
import { GIVE_UP_AFTER_MS } from "./open-source.ts";
import { PACKAGE_VERSION } from "./package-version.ts";
import type { Prepared } from "./prepare.ts";
import { QuarantineRoom } from "./quarantine-room.ts";

export interface RunOptions {
  /** End by itself when the queue is empty, instead of waiting for more. */
  readonly untilEmpty: boolean;
  /** For `piipe.workers`; `number` is null when it is none of several. Left out: the pipeline is run from code. */
  readonly process?: { readonly pid: number; readonly number: number | null };
  /** How the source's messages are claimed. Default: in the ledger. */
  readonly claim?: ClaimName;
  /** Before anything is received; what it throws ends the run. */
  readonly announce?: (abort: AbortSignal) => Promise<void>;
}

/** What becomes of the messages of one source. */
export interface Run {
  /** The queue's ARN. */
  readonly source: string;
  /** Deliveries received but not settled. */
  readonly inFlight: () => number;
  /** Of all runs of what was prepared. */
  readonly totals: Readonly<Totals>;
  /** What it did so far, and how it is. */
  readonly worker: () => LiveWorker;
  /** Messages in the queue, in whatever state. Approximate on SQS. */
  readonly depth: (signal: AbortSignal) => Promise<number>;
  /** Runs once. `stop` drains, `abort` cancels; see the engine. */
  readonly run: (signals: { readonly stop: AbortSignal; readonly abort: AbortSignal }) => Promise<Totals>;
}

/** Write transactions under way at once; maintenance and checks take a connection of their own. */
const WRITES_IN_FLIGHT_MAX = 3;
/** Several batches' worth, so that receiving goes on while batches are written. */
const IN_FLIGHT_BATCHES = 5;
/** Messages of up to 1 MiB must not add up to gigabytes. */
const IN_FLIGHT_BYTES_MAX = 48 * 1024 * 1024;
/** Halving costs some twenty transactions for each refused row: before more are looked for, the share is judged. */
const REJECTED_MAX = 100;
/** SQS counts its messages approximately: one answer of zero is not enough. */
const EMPTY_CONFIRMATIONS = 2;

/** The stages over one source. */
export interface OverSource {
  readonly engine: Engine;
  /** Other keys for all events from now on. */
  readonly take: (keys: Keys) => void;
}

/** What all runs of a pipeline from one queue share. */
export interface Stages {
  readonly room: QuarantineRoom;
  readonly engineOver: (
    source: Source,
    limits: Pick<EngineLimits, "giveUpAfterMs" | "startsSmall">,
    emit?: Emit,
  ) => OverSource;
}

/**
 * Puts the stages together, but for the source.
 * @throws {PiipeError} what the queue asks for and is not there
 */
export async function openStages(
  prepared: Prepared,
  queue: Pick<Source, "name" | "ordered">,
  claim: ClaimName = "ledger",
): Promise<Stages> {
  const { config, pool, written, decode, isDryRun, carried } = prepared;
  const { keyring, seal: ofStart } = prepared.keys;
  if (queue.ordered && !ofStart) throw sealKeyMissing();
  if (!isDryRun) await noteKeys(pool, columnKeysOf(config, keyring));
  const sink = new PostgresSink({
    pool,
    written,
    sourceName: queue.name,
    claim,
    rejectedMax: queue.ordered ? 1 : REJECTED_MAX,
    isTrial: isDryRun,
    random: () => systemClock.random(),
  });
  const batch = batchLimits(config, await pool.dialect());
  const room = new QuarantineRoom(pool, sourceIdOf(queue.name));
  const engineOver: Stages["engineOver"] = (source, limits, emit = prepared.emit) => {
    const { mask, seal } = prepared.keys;
    const stages = { source, decode, mask, sink, seal, ...(!isDryRun && { takeRoom: room.take }) };
    const engine = new Engine(
      stages,
      {
        inFlightMax: Math.max(JUDGED_FROM_EVENTS, IN_FLIGHT_BATCHES * batch.rows),
        inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
        ...(config.source.unwrap.includes("gzip") && { unpackedBytesMax: BODY_BYTES_MAX }),
        batchRowsMax: batch.rows,
        batchBytesMax: batch.bytes,
        lingerMs: config.batch.lingerMs,
        writesInFlightMax: Math.min(WRITES_IN_FLIGHT_MAX, config.sink.postgres.maxConnections),
        ...limits,
      },
      carried,
      systemClock,
      emit,
    );
    const take = (keys: Keys): void => {
      stages.mask = keys.mask;
      stages.seal = keys.seal;
    };
    return { engine, take };
  };
  return { room, engineOver };
}

/**
 * A run over a source, which stays the caller's. Nothing is received before `run`.
 * @throws {PiipeError} what the source asks for and is not there
 */
export async function openRun(prepared: Prepared, source: Source, options: RunOptions): Promise<Run> {
  const { config, pool, written, isDryRun, emit, counters, carried } = prepared;
  const { untilEmpty, announce } = options;
  const { room, engineOver } = await openStages(prepared, source, options.claim);
  const { engine, take } = engineOver(source, { giveUpAfterMs: untilEmpty ? GIVE_UP_AFTER_MS : null });
  const identity: WorkerIdentity = {
    id: randomUUID(),
    pipeline: config.name,
    source: source.name,
    target: showTable(firstOf(written).name),
    host: hostname(),
    pid: options.process?.pid ?? null,
    number: options.process?.number ?? null,
    version: PACKAGE_VERSION,
  };
  const marksOf = ({ keyring: known }: Keys): KeyMarks => (known === null ? {} : keyMarksOf(known, config.keys.domain));
  let marks = marksOf(prepared.keys);
  const adopt = (keys: Keys): void => {
    prepared.keys = keys;
    take(keys);
    marks = marksOf(keys);
  };
  const worker = (): LiveWorker => ({
    identity,
    figures: counters.figures(engine.inFlight, systemClock.nowMs()),
    keys: marks,
  });
  return {
    source: source.name,
    totals: carried.totals,
    inFlight: () => engine.inFlight,
    worker,
    depth: (signal) => source.depth(signal),
    async run({ stop, abort }) {
      // Every request and transaction under way listens to it, some dozens at once.
      setMaxListeners(0, abort);
      await announce?.(abort);
      if (!isDryRun) await room.read(abort);
      emit({ type: "pipeline.started", source: source.name, table: showTables(written) });
      const ended = new AbortController();
      const upkeep = isDryRun
        ? []
        : [
            keepLedger(pool, systemClock, emit, AbortSignal.any([ended.signal, abort])),
            room.keep(systemClock, AbortSignal.any([ended.signal, abort])),
            keepKeyring(prepared, {
              clock: systemClock,
              stop: AbortSignal.any([ended.signal, abort]),
              needsSeal: source.ordered,
              adopt,
            }),
            keepHeartbeat(pool, worker, { clock: systemClock, emit, stop: ended.signal, abort }),
          ];
      // Awaited at the end: until then a failure, a bug, must not end the process unseen.
      for (const work of upkeep) work.catch(() => {});
      try {
        return await engine.run({ stop, abort, emptyConfirmations: untilEmpty ? EMPTY_CONFIRMATIONS : null });
      } finally {
        ended.abort();
        await Promise.all(upkeep);
      }
    },
  };
}
