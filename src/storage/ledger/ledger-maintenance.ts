import { PiipeError } from "../../errors.ts";
import type { Clock } from "../../pipeline/contracts.ts";
import type { PostgresPool } from "../../postgres/connection.ts";
import { DatabaseFailure } from "../../postgres/database-failure.ts";
import { type Dialect, hasPartitions } from "../../postgres/dialect.ts";
import { TIMEOUTS, type RunStatement, inTransaction } from "../../postgres/transaction.ts";
import { utcDay } from "../../postgres/utc-day.ts";
import type { Emit } from "../../telemetry/events.ts";
import { LEDGER_MAINTENANCE_LOCK, tryTakeLock } from "../locks.ts";

const MS_PER_DAY = 86_400_000;

export function addDays(day: string, days: number): string {
  return utcDay(Date.parse(day) + days * MS_PER_DAY);
}

/** `piipe.ledger_20260131`. */
export function partitionOf(day: string): string {
  return `piipe.ledger_${day.replaceAll("-", "")}`;
}

/** The day of a partition's name without schema; null for the default partition. */
function partitionDay(name: string): string | null {
  const match = /^ledger_(\d{4})(\d{2})(\d{2})$/.exec(name);
  return match === null ? null : `${match[1]}-${match[2]}-${match[3]}`;
}

export interface LedgerMaintenance {
  /** Partitions. */
  readonly created: number;
  readonly dropped: number;
  /** Rows deleted: business ids, and where there was no partition to drop. */
  readonly pruned: number;
  /** Rows to delete are probably left: call again soon. False when another worker is at it. */
  readonly hasMore: boolean;
  /** What could not be done, such as `database.denied` without DDL rights. Claims go on: the default partition takes them. */
  readonly failure: PiipeError | null;
}

/** SQS keeps a message 14 days at most; two days are for clocks and time zones. */
export const RETENTION_DAYS = 16;
const DAYS_BEFORE = 15;
const DAYS_AHEAD = 3;
/** For whoever's workers may make none, and who runs `piipe migrate` instead, once a week. */
export const MIGRATED_DAYS_AHEAD = 14;

const PRUNE_ROWS_MAX = 10_000;
const PRUNE_ROUNDS_MAX = 50;

/** The lock may be a row as well. */
const pruneRowsOf = ({ transactionMax }: Dialect): number =>
  transactionMax === null ? PRUNE_ROWS_MAX : transactionMax.rows - 1;

/**
 * Makes the ledger's partitions ahead of time, and drops what is older than the retention, business ids too. Called at
 * start and every hour by every worker: only one works at a time, the others do nothing.
 * The earlier of `nowMs` and the database's clock counts: a clock that runs ahead must not drop live days.
 * @throws {PiipeError} when the ledger cannot be read or does not exist; `interrupted` when `abort` fired
 */
export async function maintainLedger(
  pool: PostgresPool,
  nowMs: number,
  abort?: AbortSignal,
  daysAhead = DAYS_AHEAD,
): Promise<LedgerMaintenance> {
  const { isPartitioned, partitions, serverNowMs, mayClaimBusinessIds } = await readLedger(pool, abort);
  const today = utcDay(Math.min(nowMs, serverNowMs));
  const oldest = addDays(today, -RETENTION_DAYS);
  const missing: string[] = [];
  for (let offset = -DAYS_BEFORE; isPartitioned && offset <= daysAhead; offset += 1) {
    const day = addDays(today, offset);
    if (!partitions.has(day)) missing.push(day);
  }
  const expired = [...partitions].filter((day) => day < oldest);

  const counts = { created: 0, dropped: 0, pruned: 0 };
  let hasMore = false;
  let failure: PiipeError | null = null;
  /** Runs one kind of step over and over until one does not work; the other kinds still get their turn. */
  const attempt = async (steps: () => Promise<void>): Promise<void> => {
    try {
      await steps();
    } catch (error) {
      if (!(error instanceof PiipeError) || error.code === "interrupted") throw error;
      failure ??= error;
    }
  };
  const dialect = await pool.dialect(abort);
  const pruneRowsMax = pruneRowsOf(dialect);
  const locked = (work: (run: RunStatement) => Promise<number>): Promise<number> =>
    underLock(pool, dialect, abort, work);

  await attempt(async () => {
    for (const day of missing) {
      counts.created += await locked((run) => createPartition(run, day)).catch(unlessClaimed);
    }
  });
  await attempt(async () => {
    for (const day of expired) counts.dropped += await locked((run) => dropPartition(run, day));
  });
  for (const prune of mayClaimBusinessIds ? [pruneClaims, pruneBusinessIds] : [pruneClaims]) {
    let isFull = false;
    await attempt(async () => {
      for (let round = 0; round < PRUNE_ROUNDS_MAX; round += 1) {
        const pruned = await locked((run) => prune(run, oldest, pruneRowsMax));
        counts.pruned += pruned;
        isFull = pruned === pruneRowsMax;
        if (!isFull) break;
      }
    });
    hasMore ||= isFull;
  }
  return { ...counts, hasMore, failure };
}

const READ_LEDGER = `
SELECT relkind AS kind, (extract(epoch FROM now()) * 1000)::bigint AS now_ms, (
  SELECT coalesce(json_agg(child.relname), '[]')::text
  FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class child ON child.oid = i.inhrelid
  WHERE i.inhparent = ledger.oid
) AS partitions, has_table_privilege(to_regclass('piipe.business_ids')::oid, 'INSERT') AS may_claim_business_ids,
  pg_has_role(ledger.relowner, 'USAGE') AND has_schema_privilege(ledger.relnamespace, 'CREATE') AS may_make_partitions
FROM pg_catalog.pg_class ledger WHERE ledger.oid = to_regclass('piipe.ledger')`;

export interface Ledger {
  readonly isPartitioned: boolean;
  /** Their days. */
  readonly partitions: ReadonlySet<string>;
  readonly serverNowMs: number;
  /** Whoever claims them prunes them. A worker without `dedupeBy` may have no rights to them, and needs none. */
  readonly mayClaimBusinessIds: boolean;
  /** Only the ledger's owner may, and others that have this role. */
  readonly mayMakePartitions: boolean;
}

/** @throws {PiipeError} when the ledger cannot be read or does not exist; `interrupted` when `abort` fired */
export async function readLedger(pool: PostgresPool, abort?: AbortSignal): Promise<Ledger> {
  const { rows } = await pool.query("reading the ledger's partitions", READ_LEDGER, undefined, abort);
  const row = rows[0];
  if (row === undefined) {
    throw new PiipeError("database.not-migrated", "piipe's ledger does not exist in the database", {
      hint: "Run `piipe migrate`.",
    });
  }
  const days = (JSON.parse(row["partitions"] ?? "[]") as string[]).flatMap((name) => partitionDay(name) ?? []);
  return {
    isPartitioned: hasPartitions(row["kind"]),
    partitions: new Set(days),
    serverNowMs: Number(row["now_ms"]),
    mayClaimBusinessIds: row["may_claim_business_ids"] === "t",
    mayMakePartitions: row["may_make_partitions"] === "t",
  };
}

/** One step in its own short transaction. 0 when another worker is at it. */
async function underLock(
  pool: PostgresPool,
  dialect: Dialect,
  abort: AbortSignal | undefined,
  work: (run: RunStatement) => Promise<number>,
): Promise<number> {
  const options = { doing: "maintaining the ledger", ...TIMEOUTS.lockingTable, abort };
  try {
    return await inTransaction(pool, options, async (run) => {
      return (await tryTakeLock(run, dialect, LEDGER_MAINTENANCE_LOCK)) ? work(run) : 0;
    });
  } catch (error) {
    if (!dialect.hasAdvisoryLocks && error instanceof DatabaseFailure && error.sqlState === GAVE_WAY) return 0;
    throw error;
  }
}

/** Serialization failure: the other worker's lock was committed first. */
const GAVE_WAY = "40001";

/** A day whose claims are in the default partition already stays there: PostgreSQL refuses a partition for it. */
async function createPartition(run: RunStatement, day: string): Promise<number> {
  const { rowCount } = await run("SELECT 1 FROM piipe.ledger_default WHERE sent_day = $1::date LIMIT 1", [day]);
  if (rowCount > 0) return 0;
  const partition = partitionOf(day);
  const { rows } = await run("SELECT to_regclass($1::text)::text AS found", [partition]);
  if (typeof rows[0]?.["found"] === "string") return 0;
  await run(`CREATE TABLE ${partition} PARTITION OF piipe.ledger FOR VALUES FROM ('${day}') TO ('${addDays(day, 1)}')`);
  return 1;
}

/** A claim of the day came into the default partition just now, and PostgreSQL refused the new one. */
function unlessClaimed(error: unknown): number {
  if (error instanceof DatabaseFailure && error.sqlState === "23514") return 0;
  throw error;
}

async function dropPartition(run: RunStatement, day: string): Promise<number> {
  const partition = partitionOf(day);
  const { rows } = await run("SELECT to_regclass($1::text)::text AS found", [partition]);
  if (typeof rows[0]?.["found"] !== "string") return 0;
  await run(`DROP TABLE ${partition}`);
  return 1;
}

/** The condition stands twice so that the live partitions are left out of both sides. */
async function pruneClaims(run: RunStatement, oldest: string, rowsMax: number): Promise<number> {
  const { rowCount } = await run(
    `DELETE FROM piipe.ledger AS ledger USING (
       SELECT sent_day, source_id, message_id FROM piipe.ledger WHERE sent_day < $1::date
       ORDER BY sent_day, source_id, message_id LIMIT ${rowsMax}
     ) AS expired
     WHERE ledger.sent_day < $1::date AND ledger.sent_day = expired.sent_day
       AND ledger.source_id = expired.source_id AND ledger.message_id = expired.message_id`,
    [oldest],
  );
  return rowCount;
}

async function pruneBusinessIds(run: RunStatement, oldest: string, rowsMax: number): Promise<number> {
  const { rowCount } = await run(
    `DELETE FROM piipe.business_ids WHERE (table_id, business_key) IN (
       SELECT table_id, business_key FROM piipe.business_ids WHERE claimed_day < $1::date
       ORDER BY claimed_day LIMIT ${rowsMax}
     )`,
    [oldest],
  );
  return rowCount;
}

const HOUR_MS = 3_600_000;
/** Between two turns of pruning a backlog: 100,000 rows a second at most, and room for the writers. */
const BACKLOG_PAUSE_MS = 5_000;

/**
 * Maintains the ledger at once and then every hour, sooner while rows to prune are left, until `stop` fires. Never
 * throws: the pipeline's writes do not depend on it, and what failed is reported and tried again.
 */
export async function keepLedger(pool: PostgresPool, clock: Clock, emit: Emit, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    let pauseMs = HOUR_MS;
    try {
      const { created, dropped, pruned, hasMore, failure } = await maintainLedger(pool, clock.nowMs(), stop);
      // What waited for a lock in vain held up the writers meanwhile: once an hour is enough.
      if (hasMore && failure?.code !== "database.busy") pauseMs = BACKLOG_PAUSE_MS;
      if (created + dropped + pruned > 0) emit({ type: "ledger.maintained", created, dropped, pruned });
      if (failure) throw failure;
    } catch (error) {
      if (!(error instanceof PiipeError)) throw error;
      if (error.code !== "interrupted") {
        emit({ type: "ledger.maintenance-failed", code: error.code, sqlState: error.sqlState });
      }
    }
    await clock.sleep(pauseMs, stop);
  }
}
