import { setMaxListeners } from "node:events";
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import { openSqsSource, type StaticCredentials } from "../pipeline/consume/open-sqs-source.ts";
import type { SqsSource } from "../pipeline/consume/sqs-source.ts";
import { compileDecoder } from "../pipeline/decode/compile-decoder.ts";
import { Engine } from "../pipeline/engine.ts";
import type { Totals } from "../pipeline/totals.ts";
import { boundsOf } from "../pipeline/write/check-table.ts";
import { PostgresSink } from "../pipeline/write/postgres-sink.ts";
import { showTable } from "../postgres/identifiers.ts";
import { checkMigrated } from "../store/check-migrated.ts";
import { noteKeys } from "../store/key-checks.ts";
import { keepLedger } from "../store/keep-ledger.ts";
import type { Emit } from "../telemetry/events.ts";
import { createMissing } from "./migrate-database.ts";
import { openDatabase } from "./open-database.ts";
import { columnKeysOf } from "./column-keys.ts";
import { openMask } from "./open-mask.ts";
import { openTable } from "./open-table.ts";
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
}

export interface Pipeline {
  /** The queue's ARN. */
  readonly source: string;
  /** Deliveries received but not settled. */
  readonly inFlight: () => number;
  readonly totals: Readonly<Totals>;
  /** Messages in the queue, in whatever state. Approximate on SQS. */
  readonly depth: (signal: AbortSignal) => Promise<number>;
  /** Runs once. `stop` drains, `abort` cancels; see the engine. */
  readonly run: (signals: { readonly stop: AbortSignal; readonly abort: AbortSignal }) => Promise<Totals>;
  /** Safe twice. */
  readonly close: () => Promise<void>;
}

/** Write transactions under way at once; maintenance and checks take a connection of their own. */
const WRITES_IN_FLIGHT_MAX = 3;
/** Several batches' worth, so that receiving goes on while batches are written. */
const IN_FLIGHT_BATCHES = 5;
/** Bodies of up to 1 MiB must not add up to gigabytes. */
const IN_FLIGHT_BYTES_MAX = 48 * 1024 * 1024;
/** Halving costs some twenty transactions for each refused row: before more are looked for, the share is judged. */
const REJECTED_MAX = 100;
/** A run that is to end must not wait for ever for a database that is gone. */
const GIVE_UP_AFTER_MS = 60_000;
/** SQS counts its messages approximately: one answer of zero is not enough. */
const EMPTY_CONFIRMATIONS = 2;

export async function openSource(config: Config, options: PipelineOptions): Promise<SqsSource> {
  const { queue, region, endpoint, visibilityTimeoutSeconds } = config.source.sqs;
  return openSqsSource({
    queue,
    region,
    endpoint,
    visibilityTimeoutSeconds,
    attributeNames: attributeNamesOf(config),
    // A run that is to end asks in short turns; 20 s, SQS's longest wait, makes an idle service cheap.
    waitSeconds: options.untilEmpty ? 1 : 20,
    // It is to end: messages that come later need not come together.
    lingerMs: options.untilEmpty ? 0 : config.batch.lingerMs,
    giveUpAfterMs: options.untilEmpty ? GIVE_UP_AFTER_MS : null,
    signal: options.stop,
    credentials: options.credentials,
    clock: systemClock,
    emit: options.emit,
  });
}

/**
 * Checks everything that a run needs, then puts the stages together. Nothing is received before `run`.
 * @throws {PiipeError} what is missing or wrong, before anything was touched
 */
export async function openPipeline(config: Config, options: PipelineOptions): Promise<Pipeline> {
  const { emit } = options;
  for (const message of config.warnings) emit({ type: "config.warning", message });
  const { keyring, seal, mask } = await openMask(config, options.keysJson);
  const pool = openDatabase(config);
  try {
    if (config.sink.postgres.createTable) {
      const { warnings } = await createMissing(config, pool);
      for (const message of warnings) emit({ type: "config.warning", message });
    } else await checkMigrated(pool);
    const table = await openTable(config, keyring, pool);
    await requireRunRights(config, pool);
    const decode = compileDecoder(config.columns, boundsOf(table, config.columns), {
      unknownFields: config.unknownFields,
      dedupeBy: config.dedupeBy,
    });
    const source = await openSource(config, options);
    try {
      if (source.ordered && !seal) throw sealKeyMissing();
      await noteKeys(pool, columnKeysOf(config, keyring));
    } catch (error) {
      await source.close();
      throw error;
    }
    const sink = new PostgresSink({
      pool,
      table,
      columns: config.columns,
      sourceName: source.name,
      claim: "ledger",
      rejectedMax: source.ordered ? 1 : REJECTED_MAX,
    });
    const engine = new Engine(
      { source, decode, mask, sink, seal },
      {
        inFlightMax: IN_FLIGHT_BATCHES * config.batch.rows,
        inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
        batchRowsMax: config.batch.rows,
        batchBytesMax: config.batch.bytes,
        lingerMs: config.batch.lingerMs,
        writesInFlightMax: Math.min(WRITES_IN_FLIGHT_MAX, config.sink.postgres.maxConnections),
        haltAboveShare: config.quarantine.haltAboveShare,
        giveUpAfterMs: options.untilEmpty ? GIVE_UP_AFTER_MS : null,
      },
      systemClock,
      emit,
    );
    return {
      source: source.name,
      totals: engine.totals,
      inFlight: () => engine.inFlight,
      depth: (signal) => source.depth(signal),
      async run({ stop, abort }) {
        // Every request and transaction under way listens to it, some dozens at once.
        setMaxListeners(0, abort);
        emit({ type: "pipeline.started", source: source.name, table: showTable(table.name) });
        const ended = new AbortController();
        const keeping = keepLedger(pool, systemClock, emit, AbortSignal.any([ended.signal, abort]));
        // Awaited at the end: until then its failure, a bug, must not end the process unseen.
        keeping.catch(() => {});
        try {
          return await engine.run({ stop, abort, emptyConfirmations: options.untilEmpty ? EMPTY_CONFIRMATIONS : null });
        } finally {
          ended.abort();
          await keeping;
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

const attributeNamesOf = ({ columns, dedupeBy }: Config): readonly string[] =>
  [...columns, ...(dedupeBy === null ? [] : [dedupeBy])].flatMap(({ origin }) =>
    origin.kind === "attribute" ? [origin.name] : [],
  );

const sealKeyMissing = (): PiipeError =>
  new PiipeError("keys.missing", "a FIFO queue needs a keyring with a key for sealing", {
    hint:
      "Without one, a refused message would stay in the queue while later ones of its group are stored. " +
      "`piipe keys new` makes a keyring with such a key.",
  });
