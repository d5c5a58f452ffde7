/** The composition root: the only place where the adapters meet. */
import { setMaxListeners } from "node:events";
import { systemClock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import { PiipeError } from "./errors.ts";
import { loadKeyring } from "./keys/load-keyring.ts";
import type { Keyring } from "./keys/keyring.ts";
import type { PrivateKey } from "./keys/private-key.ts";
import { createSeal, openSealed } from "./keys/seal.ts";
import { queuesNamed } from "./pipeline/consume/queues-named.ts";
import { SqsSource, type StaticCredentials } from "./pipeline/consume/sqs-source.ts";
import type { Column, Mask, Open, Seal } from "./pipeline/contracts.ts";
import { compileDecoder } from "./pipeline/decode/compile-decoder.ts";
import { Engine } from "./pipeline/engine.ts";
import type { ReplayStages } from "./pipeline/replay.ts";
import type { Totals } from "./pipeline/totals.ts";
import type { MigrationReport } from "./store/migration-report.ts";
import { compileMask } from "./pipeline/mask/compile-mask.ts";
import { duplicateColumns } from "./pipeline/mask/duplicate-columns.ts";
import { tokenCharsOf } from "./pipeline/mask/token-chars.ts";
import { allowedForms, writtenForms } from "./pipeline/mask/token-form.ts";
import { boundsOf, checkTable } from "./pipeline/write/check-table.ts";
import { PostgresSink } from "./pipeline/write/postgres-sink.ts";
import { readTargetTable, type TargetTable } from "./pipeline/write/target-table.ts";
import { openPool, type PoolOptions, type PostgresPool } from "./postgres/connection.ts";
import { showTable } from "./postgres/identifiers.ts";
import { checkMigrated } from "./store/check-migrated.ts";
import { createTable } from "./store/create-table.ts";
import { updateDuplicatesView } from "./store/duplicates-view.ts";
import { keepLedger } from "./store/keep-ledger.ts";
import { maintainLedger } from "./store/ledger-maintenance.ts";
import { migrate } from "./store/migrate.ts";
import { addTokenChecks, checkTokenChecks, type ColumnForms, type TokenCheckReport } from "./store/token-checks.ts";
import { type QuarantinedQueue, quarantinedQueues } from "./store/quarantine.ts";
import type { Emit } from "./telemetry/events.ts";

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
/** A run that is to end must not wait for ever for a database that is gone. */
const GIVE_UP_AFTER_MS = 60_000;
/** SQS counts its messages approximately: one answer of zero is not enough. */
const EMPTY_CONFIRMATIONS = 2;

/** @throws {PiipeError} `keys.*` when a mask needs a key that is not there: never an unkeyed fallback */
export async function openMask(
  config: Config,
  keysJson: string | undefined,
): Promise<{ readonly keyring: Keyring | null; readonly seal: Seal | null; readonly mask: Mask }> {
  const keyring = await loadKeyring({ file: config.keys.file, environment: keysJson });
  const publicKey = keyring?.sealingPublicKey ?? null;
  const seal = publicKey === null ? null : createSeal(publicKey);
  return { keyring, seal, mask: compileMask(config.columns, { keyring, domain: config.keys.domain, seal }) };
}

/** @throws {PiipeError} when the table is missing, or its columns cannot hold what the configuration writes */
export async function openTable(config: Config, keyring: Keyring | null, pool: PostgresPool): Promise<TargetTable> {
  const table = await readTargetTable(pool, config.sink.postgres.table);
  checkTable(table, config.columns, tokenChars(config.columns, keyring));
  await checkTokenChecks(
    pool,
    table.name,
    formsOf(config.columns, (column) => writtenForms(column, keyring)),
  );
  return table;
}

/** Lets the database itself refuse what is no token. Idempotent; needed again after a key version was added. */
export async function migrateTokenChecks(
  config: Config,
  keyring: Keyring | null,
  pool: PostgresPool,
  stop: AbortSignal,
): Promise<readonly TokenCheckReport[]> {
  const table = await readTargetTable(pool, config.sink.postgres.table);
  const forms = formsOf(config.columns, (column) => allowedForms(column, keyring));
  return addTokenChecks(pool, table.name, forms, { clock: systemClock, stop });
}

/** Brings piipe's own tables and views up to date and creates the target table when it is missing. Idempotent. */
export async function migrateDatabase(config: Config, pool: PostgresPool): Promise<MigrationReport> {
  const report = await createMissing(config, pool);
  const { failure } = await maintainLedger(pool, systemClock.nowMs());
  if (failure) throw failure;
  return report;
}

/** Without the ledger's partitions: a run makes them beside its work, and until then the default one takes the claims. */
async function createMissing(config: Config, pool: PostgresPool): Promise<MigrationReport> {
  const { table } = config.sink.postgres;
  const applied = await migrate(pool);
  const tableCreated = await createTable(pool, table, config.columns);
  const { masked, user, time } = duplicateColumns(config.columns);
  const { changed, warning } = await updateDuplicatesView(pool, {
    table,
    columns: masked.map(({ name }) => name),
    userColumn: user?.name ?? null,
    timeColumn: time?.name ?? null,
  });
  return { applied, tableCreated, viewChanged: changed, warnings: warning === null ? [] : [warning] };
}

/** @param options `replyTimeoutMs`: for statements that take longer than those of a run */
export function openDatabase(config: Config, options: Pick<PoolOptions, "replyTimeoutMs"> = {}): PostgresPool {
  const { url, maxConnections } = config.sink.postgres;
  return openPool({ url, connectionsMax: maxConnections, ...options });
}

export async function openSource(config: Config, options: PipelineOptions): Promise<SqsSource> {
  const { queue, region, endpoint, visibilityTimeoutSeconds } = config.source.sqs;
  return SqsSource.open({
    queue,
    region,
    endpoint,
    visibilityTimeoutSeconds,
    attributeNames: config.columns.flatMap(({ origin }) => (origin.kind === "attribute" ? [origin.name] : [])),
    // A run that is to end asks in short turns; 20 s, SQS's longest wait, makes an idle service cheap.
    waitSeconds: options.untilEmpty ? 1 : 20,
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
    const decode = compileDecoder(config.columns, boundsOf(table, config.columns), {
      unknownFields: config.unknownFields,
    });
    const source = await openSource(config, options);
    if (source.ordered && !seal) {
      await source.close();
      throw new PiipeError("keys.missing", "a FIFO queue needs a keyring with a key for sealing", {
        hint:
          "Without one, a refused message would stay in the queue while later ones of its group are stored. " +
          "`piipe keys new` makes a keyring with such a key.",
      });
    }
    const sink = new PostgresSink({ pool, table, columns: config.columns, sourceName: source.name, claim: "ledger" });
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

/** The queues of the quarantine that the configuration means: events of other pipelines do not fit its columns. */
export async function ownQueues(config: Config, pool: PostgresPool): Promise<readonly QuarantinedQueue[]> {
  const queues = await quarantinedQueues(pool);
  const arns = queuesNamed(
    config.source.sqs,
    queues.map(({ arn }) => arn),
  );
  return queues.filter(({ arn }) => arns.includes(arn));
}

/** What refused events go through again. */
export type SecondWay = Pick<ReplayStages, "open" | "decode" | "mask" | "sink">;

/**
 * Checks everything that a replay needs, as `openPipeline` does for a run. Asks no queue. Gives the stages for the events
 * of a queue; `isDryRun` leaves out the sink. The pool stays the caller's.
 * @throws {PiipeError} what is missing or wrong, before anything was opened
 */
export async function openReplay(
  config: Config,
  pool: PostgresPool,
  options: { readonly keysJson: string | undefined; readonly privateKey: PrivateKey; readonly isDryRun: boolean },
): Promise<(queue: QuarantinedQueue) => SecondWay> {
  const { privateKey, isDryRun } = options;
  const { keyring, mask } = await openMask(config, options.keysJson);
  const table = await openTable(config, keyring, pool);
  const { columns, unknownFields } = config;
  const decode = compileDecoder(columns, boundsOf(table, columns), { unknownFields });
  const open: Open = (sealed, boundTo) => openSealed(privateKey, sealed, boundTo);
  return ({ arn }) => ({
    open,
    decode,
    mask,
    sink: isDryRun ? null : new PostgresSink({ pool, table, columns, sourceName: arn, claim: "quarantine" }),
  });
}

function formsOf(
  columns: readonly Column[],
  formsOfColumn: (column: Column) => ColumnForms["forms"],
): readonly ColumnForms[] {
  return columns.map((column) => ({ column: column.name, forms: formsOfColumn(column) }));
}

function tokenChars(columns: readonly Column[], keyring: Keyring | null): ReadonlyMap<string, number> {
  const version = keyring?.primary?.version ?? 1;
  return new Map(
    columns.flatMap(({ name, mask }) => {
      const chars = mask === null ? null : tokenCharsOf(mask, version);
      return chars === null ? [] : [[name, chars] as const];
    }),
  );
}
