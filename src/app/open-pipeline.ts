import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { hostname } from "node:os";
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { compileDecoder } from "../decode/compile-decoder.ts";
import { PiipeError } from "../errors.ts";
import type { Sink, Source } from "../pipeline/contracts.ts";
import { Engine } from "../pipeline/engine.ts";
import { JUDGED_FROM_EVENTS } from "../pipeline/refusal-guard.ts";
import type { Totals } from "../pipeline/totals.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { ENCODING_REMEDY, encodingWarning, readEncoding } from "../postgres/encoding.ts";
import { showTable } from "../postgres/identifiers.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import { keepLedger } from "../storage/ledger/keep-ledger.ts";
import { sourceIdOf } from "../storage/ledger/ledger-key.ts";
import { describeMalformedChecks, noteKeys } from "../storage/rotation/key-checks.ts";
import { checkMigrated } from "../storage/schema/check-migrated.ts";
import type { LiveWorker, WorkerIdentity } from "../storage/workers.ts";
import type { Emit } from "../telemetry/events.ts";
import { WorkerCounters } from "../telemetry/worker-counters.ts";
import { boundsOf } from "../write/check-table.ts";
import { PostgresSink } from "../write/postgres-sink.ts";
import { columnKeysOf } from "./column-keys.ts";
import { DryRunSink } from "./dry-run-sink.ts";
import { keepHeartbeat } from "./keep-heartbeat.ts";
import { createMissing } from "./migrate-database.ts";
import { openDatabase } from "./open-database.ts";
import { openMask } from "./open-mask.ts";
import { GIVE_UP_AFTER_MS, openSource } from "./open-source.ts";
import { openTable } from "./open-table.ts";
import { packageVersion } from "./package-version.ts";
import { pathRemarks } from "./path-remarks.ts";
import { QuarantineRoom } from "./quarantine-room.ts";
import { requireRunRights } from "./require-own-rights.ts";

export interface PipelineOptions {
  /** The keyring's JSON, as `PIIPE_KEYS` holds it; undefined: only the configured file. */
  readonly keysJson: string | undefined;
  readonly emit: Emit;
  /** Ends the start early; `run` takes its own signals. */
  readonly stop: AbortSignal;
  /** End by itself when the queue is empty, instead of waiting for more. */
  readonly untilEmpty: boolean;
  /** Only for the demo's local queue; null: the standard AWS chain. */
  readonly credentials: StaticCredentials | null;
  /** For `piipe.workers`; `number` is null when it is none of several. Left out: the pipeline is run from code. */
  readonly process?: { readonly pid: number; readonly number: number | null };
}

export interface Pipeline {
  /** The queue's ARN. */
  readonly source: string;
  /** Deliveries received but not settled. */
  readonly inFlight: () => number;
  readonly totals: Readonly<Totals>;
  /** What it did so far, and how it is. */
  readonly worker: () => LiveWorker;
  /** Messages in the queue, in whatever state. Approximate on SQS. */
  readonly depth: (signal: AbortSignal) => Promise<number>;
  /** Runs once. `stop` drains, `abort` cancels; see the engine. */
  readonly run: (signals: { readonly stop: AbortSignal; readonly abort: AbortSignal }) => Promise<Totals>;
  /** Safe twice. */
  readonly close: () => Promise<void>;
}

/** In what a pipeline may differ from that of a run. */
export interface PipelineWay {
  /** Called once everything else is in order. The name of what it gives is what the ledger is asked under. */
  readonly openSource: (pool: PostgresPool, emit: Emit) => Promise<Source>;
  /** Before anything is received; what it throws ends the run. */
  readonly announce: (pool: PostgresPool, abort: AbortSignal) => Promise<void>;
  /** Goes the whole way but for the writing: no table is changed, piipe's own included. */
  readonly isDryRun: boolean;
}

/** Write transactions under way at once; maintenance and checks take a connection of their own. */
const WRITES_IN_FLIGHT_MAX = 3;
/** Several batches' worth, so that receiving goes on while batches are written. */
const IN_FLIGHT_BATCHES = 5;
/** Bodies of up to 1 MiB must not add up to gigabytes. */
const IN_FLIGHT_BYTES_MAX = 48 * 1024 * 1024;
/** Halving costs some twenty transactions for each refused row: before more are looked for, the share is judged. */
const REJECTED_MAX = 100;
/** SQS counts its messages approximately: one answer of zero is not enough. */
const EMPTY_CONFIRMATIONS = 2;

/**
 * Checks everything that a run needs, then puts the stages together. Nothing is received before `run`.
 * @throws {PiipeError} what is missing or wrong, before anything was touched
 */
export async function openPipeline(
  config: Config,
  options: PipelineOptions,
  way: PipelineWay = runWay(config, options),
): Promise<Pipeline> {
  const { isDryRun } = way;
  const counters = new WorkerCounters();
  const emit: Emit = (event) => {
    counters.count(event, systemClock.nowMs());
    options.emit(event);
  };
  for (const message of config.warnings) emit({ type: "config.warning", message });
  const { keyring, seal, mask } = await openMask(config, options.keysJson);
  const pool = openDatabase(config);
  try {
    if (config.sink.postgres.createTable && !isDryRun) {
      const { warnings } = await createMissing(config, pool);
      for (const message of warnings) emit({ type: "config.warning", message });
    } else await checkMigrated(pool);
    const table = await openTable(config, keyring, pool);
    // Triggers that do no harm are common: a run tells of them once they keep a row out.
    const rules = table.path.hooks.filter(({ kind }) => kind === "rule");
    for (const { text, remedy } of pathRemarks({ ...table.path, hooks: rules })) {
      emit({ type: "config.warning", message: `${text}. ${remedy}` });
    }
    await requireRunRights(config, pool);
    const malformed = await describeMalformedChecks(pool, columnKeysOf(config, keyring));
    if (malformed !== null) emit({ type: "config.warning", message: `${malformed.text}. ${malformed.hint}` });
    const message = encodingWarning(await readEncoding(pool));
    if (message !== null) emit({ type: "config.warning", message: `${message}. ${ENCODING_REMEDY}` });
    const decode = compileDecoder(config.columns, boundsOf(table, config.columns), {
      unknownFields: config.unknownFields,
      dedupeBy: config.dedupeBy,
    });
    const source = await way.openSource(pool, emit);
    try {
      if (source.ordered && !seal) throw sealKeyMissing();
      if (!isDryRun) await noteKeys(pool, columnKeysOf(config, keyring));
    } catch (error) {
      await source.close();
      throw error;
    }
    const sink: Sink = isDryRun
      ? new DryRunSink(pool, source.name)
      : new PostgresSink({
          pool,
          table,
          columns: config.columns,
          sourceName: source.name,
          claim: "ledger",
          rejectedMax: source.ordered ? 1 : REJECTED_MAX,
        });
    const room = new QuarantineRoom(pool, sourceIdOf(source.name));
    const engine = new Engine(
      { source, decode, mask, sink, seal, ...(!isDryRun && { takeRoom: room.take }) },
      {
        inFlightMax: Math.max(JUDGED_FROM_EVENTS, IN_FLIGHT_BATCHES * config.batch.rows),
        inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
        batchRowsMax: config.batch.rows,
        batchBytesMax: config.batch.bytes,
        lingerMs: config.batch.lingerMs,
        writesInFlightMax: Math.min(WRITES_IN_FLIGHT_MAX, config.sink.postgres.maxConnections),
        // A dry run carries nothing into the quarantine, and is to tell of everything.
        haltAboveShare: isDryRun ? 1 : config.quarantine.haltAboveShare,
        giveUpAfterMs: options.untilEmpty ? GIVE_UP_AFTER_MS : null,
      },
      systemClock,
      emit,
    );
    const identity: WorkerIdentity = {
      id: randomUUID(),
      pipeline: config.name,
      source: source.name,
      target: showTable(table.name),
      host: hostname(),
      pid: options.process?.pid ?? null,
      number: options.process?.number ?? null,
      version: packageVersion(),
    };
    const worker = (): LiveWorker => ({
      identity,
      figures: counters.figures(engine.inFlight, systemClock.nowMs()),
    });
    return {
      source: source.name,
      totals: engine.totals,
      inFlight: () => engine.inFlight,
      worker,
      depth: (signal) => source.depth(signal),
      async run({ stop, abort }) {
        // Every request and transaction under way listens to it, some dozens at once.
        setMaxListeners(0, abort);
        await way.announce(pool, abort);
        if (!isDryRun) await room.read(abort);
        emit({ type: "pipeline.started", source: source.name, table: showTable(table.name) });
        const ended = new AbortController();
        const upkeep = isDryRun
          ? []
          : [
              keepLedger(pool, systemClock, emit, AbortSignal.any([ended.signal, abort])),
              room.keep(systemClock, AbortSignal.any([ended.signal, abort])),
              keepHeartbeat(pool, worker, { clock: systemClock, emit, stop: ended.signal, abort }),
            ];
        // Awaited at the end: until then a failure, a bug, must not end the process unseen.
        for (const work of upkeep) work.catch(() => {});
        try {
          return await engine.run({ stop, abort, emptyConfirmations: options.untilEmpty ? EMPTY_CONFIRMATIONS : null });
        } finally {
          ended.abort();
          await Promise.all(upkeep);
        }
      },
      async close() {
        try {
          await source.close();
        } finally {
          await sink.close();
        }
      },
    };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

const runWay = (config: Config, options: PipelineOptions): PipelineWay => ({
  openSource: (_pool, emit) => openSource(config, { ...options, emit }),
  announce: () => Promise.resolve(),
  isDryRun: false,
});

export const sealKeyMissing = (): PiipeError =>
  new PiipeError("keys.missing", "a FIFO queue needs a keyring with a key for sealing", {
    hint:
      "Without one, a refused message would stay in the queue while later ones of its group are stored. " +
      "`piipe keys new` makes a keyring with such a key.",
  });
