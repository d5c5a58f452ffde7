import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { inTransaction } from "../postgres/transaction.ts";
import { utcDay } from "../postgres/utc-day.ts";
import { DeadLetterSource, type LeftAlone } from "../sources/dead-letter-source.ts";
import { isAwsHost, parseQueue } from "../sources/sqs/client/queue-address.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import { writeAudit } from "../storage/audit.ts";
import { findClaims, messageKeyOf, sourceIdOf } from "../storage/ledger/claim.ts";
import { retryDatabase } from "../storage/retry-database.ts";
import type { Emit } from "../telemetry/events.ts";
import { showConfigured } from "./configured-tables.ts";
import { type Pipeline, type PipelineOptions, onOwnPool } from "./open-pipeline.ts";
import { openQueueInspector } from "./open-queue-inspector.ts";
import { openRun } from "./open-run.ts";
import { openSource } from "./open-source.ts";
import { prepare } from "./prepare.ts";
import { requireRedriveRights } from "./require-own-rights.ts";
import { withObjects } from "./with-objects.ts";

export interface RedriveOptions {
  /** The keyring's JSON, as `PIIPE_KEYS` holds it; undefined: only the configured file. */
  readonly keysJson: string | undefined;
  readonly process: NonNullable<PipelineOptions["process"]>;
  readonly credentials: StaticCredentials | null;
  /** The dead-letter queue: a name, URL or ARN. null: the one that the configured queue's redrive policy names. */
  readonly from: string | null;
  /** Rolls back what is written, and leaves every message in the dead-letter queue. */
  readonly isDryRun: boolean;
  /** For the audit. */
  readonly operator: string;
  readonly reason: string | null;
  readonly emit: Emit;
  /** Ends the start early; `run` takes its own signals. */
  readonly stop: AbortSignal;
  /** Cuts short what gives messages back at the end. */
  readonly abort: AbortSignal;
}

/** A pipeline from the dead-letter queue; ends by itself. Its `source` is the queue that the messages come from. */
export interface Redrive extends Pipeline {
  /** ARN of the dead-letter queue. */
  readonly from: string;
  /** Other servers may not say which queue a dead letter comes from. */
  readonly isAws: boolean;
  readonly leftAlone: Readonly<LeftAlone>;
}

const MS_PER_DAY = 86_400_000;
/** The days of which the ledger keeps ids, and one for clocks that differ. */
const LEDGER_DAYS = 18;

/**
 * Checks everything that a redrive needs, as `openPipeline` does for a run. Nothing is received before `run`, which
 * notes in `piipe.audit` who redrives unless it is a dry run.
 * @throws {PiipeError} what is missing or wrong, before anything was touched
 */
export async function openRedrive(config: Config, options: RedriveOptions): Promise<Redrive> {
  const { from, isDryRun, abort } = options;
  const { origin, deadLetter, isAws } = await findQueues(config, options);
  const leftAlone: LeftAlone = { foreign: 0, unmarked: 0, unseen: 0, hidden: 0 };
  return onOwnPool(config, async (pool, owned) => {
    const prepared = await prepare(config, pool, options);
    if (!isDryRun) await requireRedriveRights(pool);
    const sourceOptions = { ...options, untilEmpty: true, emit: prepared.emit };
    const deadLetters = owned(await openSource(config, sourceOptions, deadLetter));
    if (deadLetters.name === origin) throw notDeadLetter(config);
    const ofOrigin = owned(
      new DeadLetterSource({
        source: deadLetters,
        origin,
        takesUnmarked: from !== null,
        isDryRun,
        sentAtOf: (ids) => sentAtOf(ids, { pool, origin, abort }),
        leftAlone,
        abort,
        clock: systemClock,
      }),
    );
    const source = owned(await withObjects(config, ofOrigin, { ...sourceOptions, isDryRun }));
    const run = await openRun(prepared, source, {
      process: options.process,
      untilEmpty: true,
      async announce(signal) {
        if (!isDryRun) await note(pool, config, options, { from: deadLetters.name, queue: origin, abort: signal });
      },
    });
    return { ...run, from: deadLetters.name, isAws, leftAlone };
  });
}

interface Queues {
  /** ARN of the configured queue. */
  readonly origin: string;
  readonly deadLetter: { readonly queue: string; readonly region: string | null };
  readonly isAws: boolean;
}

async function findQueues(config: Config, options: RedriveOptions): Promise<Queues> {
  const { from, credentials, stop } = options;
  const { queue, region } = config.source.sqs;
  if (from !== null) checkAddress(from);
  const inspector = await openQueueInspector(config, { credentials, signal: stop });
  try {
    const { arn, redrive } = await inspector.attributes(stop);
    const deadLetter = from ?? redrive?.deadLetterArn ?? null;
    if (deadLetter === null) throw deadLetterMissing(queue);
    // A queue and its dead-letter queue are in one region; an address of its own says which.
    const isName = !deadLetter.includes(":");
    return {
      origin: arn,
      deadLetter: { queue: deadLetter, region: isName ? (region ?? regionOf(arn)) : region },
      isAws: isAwsHost(inspector.endpoint.hostname),
    };
  } finally {
    await inspector.close();
  }
}

const regionOf = (arn: string): string | null => arn.split(":")[3] || null;

/** The message of `parseQueue` names the configuration. */
function checkAddress(from: string): void {
  try {
    parseQueue(from);
  } catch (error) {
    if (!(error instanceof PiipeError)) throw error;
    throw new PiipeError("usage.invalid", "--from names no queue", { ...(error.hint && { hint: error.hint }) });
  }
}

/** A FIFO queue dates a message anew when it moves it: the ledger may have it under an earlier day. */
async function sentAtOf(
  ids: readonly string[],
  { pool, origin, abort }: { readonly pool: PostgresPool; readonly origin: string; readonly abort: AbortSignal },
): Promise<ReadonlyMap<string, number>> {
  const tomorrowMs = systemClock.nowMs() + MS_PER_DAY;
  const days = Array.from({ length: LEDGER_DAYS }, (_, index) => utcDay(tomorrowMs - index * MS_PER_DAY));
  const claims = ids.flatMap((id) => days.map((day) => ({ id, day, messageKey: messageKeyOf(id) })));
  const work = () => findClaims(pool, sourceIdOf(origin), claims, abort);
  const found = await retryDatabase(work, { clock: systemClock, stop: abort });
  return new Map(found.map(({ id, day }) => [id, Date.parse(day)]));
}

async function note(
  pool: PostgresPool,
  config: Config,
  { operator, reason, from: given }: RedriveOptions,
  { from, queue, abort }: { readonly from: string; readonly queue: string; readonly abort: AbortSignal },
): Promise<void> {
  const details = { from, queue, table: showConfigured(config), takesUnmarked: given !== null };
  await inTransaction(pool, { doing: "noting in piipe.audit who redrives messages", abort }, (run) =>
    writeAudit(run, { action: "redrive", operator, reason, details }),
  );
}

const deadLetterMissing = (queue: string): PiipeError =>
  new PiipeError("usage.invalid", `the queue ${queue} has no redrive policy: it names no dead-letter queue`, {
    hint: "Name the dead-letter queue with --from: a name, a URL or an ARN.",
  });

const notDeadLetter = (config: Config): PiipeError =>
  new PiipeError("usage.invalid", `--from names the configured queue itself, ${config.source.sqs.queue}`, {
    hint: "Name its dead-letter queue. What is in the queue itself is stored by `piipe run`.",
  });
