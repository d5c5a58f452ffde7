import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { queuesNamed } from "../sources/sqs/client/queue-address.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import { countReasons } from "../storage/quarantine/quarantine.ts";
import { checkMigrated } from "../storage/schema/migrations.ts";
import { type LiveWorker, type ReportedWorker, listWorkers } from "../storage/workers.ts";
import { firstTable, showConfigured } from "./configured-tables.ts";
import { SILENT_AFTER_MS } from "./keep-heartbeat.ts";
import { openDatabase, withConnections } from "./open-database.ts";
import { ownQueues } from "./own-queues.ts";
import { deadLetterDepth, queueDepth } from "./queue-depth.ts";
import type { Part, QueueParts, Snapshot, StoredParts, WorkerStatus } from "./snapshot.ts";

export interface ObserverOptions {
  /** Only for the demo's local queue; null: the standard AWS chain. */
  readonly credentials: StaticCredentials | null;
  /** Workers of this very program: what they tell is newer than what the database knows, and is there without it. */
  readonly ownWorkers: () => readonly LiveWorker[];
}

/** Looks at a pipeline from outside, without receiving a message or opening an event. */
export interface Observer {
  /** Of one connection. For the pages that show more than the snapshot. */
  readonly pool: PostgresPool;
  /** The parts of `read`, for who reads them at different times. Of each, one call at a time. */
  readDepth(signal: AbortSignal): Promise<Snapshot["depth"]>;
  readDeadLetters(signal: AbortSignal): Promise<Snapshot["deadLetters"]>;
  readStored(): Promise<StoredParts>;
  /** Own workers as they are now among what was read. */
  snapshot(parts: StoredParts & QueueParts): Snapshot;
  /** Takes seconds at most: what does not answer in time is a part that says so. One call at a time. */
  read(signal: AbortSignal): Promise<Snapshot>;
  /** Safe twice. */
  close(): Promise<void>;
}

const READ_TIMEOUT_MS = 5_000;
const WORKERS_MAX = 200;

/** Opens nothing yet: services that are away are told of by each `read`. */
export function openObserver(config: Config, { credentials, ownWorkers }: ObserverOptions): Observer {
  // By the first table, as workers report themselves.
  const { name: table } = firstTable(config);
  const target = showConfigured(config);
  const pool = openDatabase(withConnections(config, 1), { replyTimeoutMs: READ_TIMEOUT_MS });
  const queue = queueDepth(config, credentials);
  const deadLetterQueue = deadLetterDepth(config, credentials);

  async function readWorkers(onMalformed: (rows: number) => void): Promise<readonly WorkerStatus[]> {
    const reports = await listWorkers(pool, table, WORKERS_MAX, onMalformed);
    const sources = queuesNamed(config.source.sqs, [...new Set(reports.map((report) => report.source))]);
    return reports.filter((report) => sources.includes(report.source)).map(statusOf);
  }

  /** With what own workers know of themselves now. */
  function withOwn(workers: Snapshot["workers"]): Snapshot["workers"] {
    const own = new Map(ownWorkers().map((worker) => [worker.identity.id, worker]));
    if (own.size === 0) return workers;
    const known = (workers.ok ? workers.value : []).map((status) => {
      const live = own.get(status.id);
      own.delete(status.id);
      return live === undefined ? status : liveStatus(live, status);
    });
    return { ok: true, value: [...[...own.values()].map((live) => liveStatus(live, NEVER_REPORTED)), ...known] };
  }

  async function readQuarantine() {
    const queues = await ownQueues(config, pool);
    const reasons = await countReasons(pool, { queues, code: null, state: "pending" });
    return { pending: reasons.reduce((sum, { count }) => sum + count, 0), reasons };
  }

  const observer: Observer = {
    pool,
    readDepth: (signal) => partOf(() => queue.read(inTime(signal))),
    readDeadLetters: (signal) => partOf(() => deadLetterQueue.read(inTime(signal))),
    async readStored() {
      const migrated = await partOf(() => checkMigrated(pool));
      if (!migrated.ok) return { workers: migrated, quarantine: migrated };
      let malformedWorkers: number | undefined;
      // One after the other, as they share a connection.
      const workers = await partOf(() => readWorkers((rows) => void (malformedWorkers = rows)));
      return { workers, malformedWorkers, quarantine: await partOf(readQuarantine) };
    },
    snapshot: ({ depth, deadLetters, workers, malformedWorkers, quarantine }) => ({
      at: new Date(systemClock.nowMs()).toISOString(),
      pipeline: config.name,
      queue: config.source.sqs.queue,
      table: target,
      depth,
      deadLetters,
      workers: withOwn(workers),
      malformedWorkers,
      quarantine,
    }),
    async read(signal) {
      const [depth, deadLetters, stored] = await Promise.all([
        observer.readDepth(signal),
        observer.readDeadLetters(signal),
        observer.readStored(),
      ]);
      return observer.snapshot({ depth, deadLetters, ...stored });
    },
    async close() {
      await Promise.all([queue.close(), deadLetterQueue.close(), pool.close()]);
    },
  };
  return observer;
}

const inTime = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, AbortSignal.timeout(READ_TIMEOUT_MS)]);

function statusOf({ startedAt, silentMs, stoppedAt, keys: _keys, ...report }: ReportedWorker): WorkerStatus {
  const isSilent = silentMs > SILENT_AFTER_MS;
  return { ...report, startedAt, silentMs, state: stoppedAt !== null ? "stopped" : isSilent ? "silent" : "running" };
}

type ReportTimes = Pick<WorkerStatus, "startedAt" | "seenAt">;
const NEVER_REPORTED: ReportTimes = { startedAt: null, seenAt: null };

function liveStatus({ identity, figures }: LiveWorker, { startedAt, seenAt }: ReportTimes): WorkerStatus {
  return { ...identity, figures, startedAt, seenAt, silentMs: 0, state: "running" };
}

async function partOf<T>(work: () => Promise<T>): Promise<Part<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (!(error instanceof PiipeError)) throw error;
    const { code, message, hint } = error;
    return { ok: false, error: { code, message, hint } };
  }
}
