import { setMaxListeners } from "node:events";
import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { attributeNamesOf } from "../decode/compile-decoder.ts";
import { PiipeError } from "../errors.ts";
import { interruptible } from "../interruptible.ts";
import type { Transform } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { InvocationSource } from "../sources/lambda/invocation-source.ts";
import { foreignEvent, type Invocation, parseInvocation } from "../sources/lambda/parse-invocation.ts";
import { mayMeanQueue } from "../sources/sqs/client/queue-address.ts";
import type { Emit, TelemetryEvent } from "../telemetry/events.ts";
import { showTables } from "../write/written-tables.ts";
import { openDatabase, withConnections } from "./open-database.ts";
import { openStages, type Stages } from "./open-run.ts";
import { GIVE_UP_AFTER_MS } from "./open-source.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { shareObjects, type SharedObjects } from "./with-objects.ts";

export interface FunctionOptions {
  readonly loadConfig: () => Promise<Config>;
  /** The keyring's JSON; undefined: only the configured file. */
  readonly keysJson: string | undefined;
  readonly transform: Transform | undefined;
  readonly emit: Emit;
}

/** What is kept from one invocation to the next. */
interface Opened {
  readonly config: Config;
  readonly pool: PostgresPool;
  readonly prepared: Prepared;
  readonly objects: SharedObjects;
  /** By the queue's ARN. */
  readonly stages: Map<string, Stages>;
}

/** So long before the end the write is cut: for the answer, on a processor of which the function has a small part. */
const MARGIN_MS = 2_000;
/** Of a short time. */
const MARGIN_SHARE = 0.2;
/** What stands between may have forgotten a connection without a word: an environment is frozen between invocations. */
const TRUSTED_IDLE_MS = 60_000;
/** After these nothing is looked at anew: neither the database nor the configuration was at fault. */
const KEEPS_OPEN: ReadonlySet<string> = new Set(["data.beyond-limit", "lambda.event", "interrupted"]);
/** It is said once for each environment, or of each invocation by AWS Lambda itself. */
const UNTOLD: ReadonlySet<string> = new Set(["pipeline.stopped", "pipeline.draining", "pipeline.aborted"]);

/**
 * One environment of an AWS Lambda function: checked and open from its start, for one invocation after the other. What was
 * refused is judged over all of them.
 */
export class FunctionEnvironment {
  readonly #options: FunctionOptions;
  #opening: Promise<Opened> | null = null;
  #endedAtMs = systemClock.nowMs();

  constructor(options: FunctionOptions) {
    this.#options = options;
  }

  /** Begins to open, so that it has begun when the first invocation comes. What fails here is tried again, and thrown, there. */
  open(): void {
    this.#opened().catch(() => {});
  }

  /**
   * Stores what an invocation brings.
   * @param remainingMs how long the invocation may take
   * @returns the ids of the messages that must come again; all others may be deleted
   * @throws {PiipeError} when all must come again, and fewer at a time: a service is away, too many events are refused, nothing
   * could be stored in time, or the event is none of the queue
   */
  async invoke(event: unknown, remainingMs: number): Promise<readonly string[]> {
    const invocation = parseInvocation(event);
    if (invocation === null) return [];
    const ended = new AbortController();
    const deadline = new AbortController();
    // Every request and transaction under way listens to it.
    setMaxListeners(0, deadline.signal);
    const marginMs = Math.min(MARGIN_MS, remainingMs * MARGIN_SHARE);
    void systemClock.sleep(remainingMs - marginMs, ended.signal).then(() => {
      if (!ended.signal.aborted) deadline.abort();
    });
    try {
      return await this.#store(invocation, deadline.signal);
    } catch (error) {
      const keepsOpen = error instanceof PiipeError && (error.retryable || KEEPS_OPEN.has(error.code));
      if (!keepsOpen) await this.close();
      throw error instanceof PiipeError && error.code === "interrupted"
        ? nothingInTime(invocation.messages.length)
        : error;
    } finally {
      ended.abort();
      this.#endedAtMs = systemClock.nowMs();
    }
  }

  /** The next invocation opens again. Safe twice. */
  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = null;
    const opened = await opening?.catch(() => null);
    await opened?.objects.close();
    await opened?.pool.close();
  }

  /** What began before the invocation may have failed for what has passed: the environment was frozen meanwhile. */
  async #openedNow(): Promise<Opened> {
    const begunBefore = this.#opening;
    if (begunBefore === null) return this.#opened();
    return begunBefore.catch(() => this.#opened());
  }

  #opened(): Promise<Opened> {
    if (this.#opening === null) {
      const opening = this.#open();
      this.#opening = opening;
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = null;
      });
    }
    return this.#opening;
  }

  async #open(): Promise<Opened> {
    const { keysJson, transform, emit } = this.#options;
    // There are many environments, and each does one thing at a time.
    const config = withConnections(await this.#options.loadConfig(), 1);
    const pool = openDatabase(config);
    try {
      const prepared = await prepare(config, pool, {
        keysJson,
        transform,
        emit: withoutUntold(emit),
        isDryRun: false,
      });
      const options = { emit: prepared.emit, stop: NEVER, untilEmpty: true, credentials: null };
      return { config, pool, prepared, objects: await shareObjects(config, options), stages: new Map() };
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  async #store(invocation: Invocation, abort: AbortSignal): Promise<readonly string[]> {
    const opened = await interruptible(this.#openedNow(), abort, "opening the pipeline");
    const { config, prepared, objects } = opened;
    if (!mayMeanQueue(config.source.sqs, invocation.arn)) {
      throw foreignEvent(`it comes from ${invocation.arn}, and source.sqs names ${describeQueue(config)}`);
    }
    await this.#renewConnection(opened.pool, abort);
    const { room, engineOver } = await interruptible(stagesOf(opened, invocation.arn), abort, "opening the pipeline");
    await room.refresh(abort);

    const trouble = new Trouble();
    const emit: Emit = (event) => {
      trouble.note(event);
      prepared.emit(event);
    };
    const messages = new InvocationSource(invocation, {
      attributeNames: attributeNamesOf(config.tables, config.dedupeBy),
      clock: systemClock,
      emit,
    });
    const source = await objects.over(messages, emit);
    try {
      const { engine } = engineOver(source, { giveUpAfterMs: GIVE_UP_AFTER_MS, startsSmall: false }, emit);
      await engine.run({ stop: NEVER, abort, emptyConfirmations: 0 });
    } catch (error) {
      if (!(error instanceof PiipeError) || error.code !== "interrupted") throw error;
    } finally {
      await source.close();
    }
    const { kept } = messages;
    if (!abort.aborted || kept.length === 0) return kept;
    // Whoever thrown errors slow down asks a service that is away, or too slow, for less.
    if (trouble.now !== null) throw awayTillEnd(trouble.now);
    if (kept.length === invocation.messages.length) throw nothingInTime(kept.length);
    return kept;
  }

  /** Of a dead one nothing would be heard before the end of the invocation. */
  async #renewConnection(pool: PostgresPool, abort: AbortSignal): Promise<void> {
    if (systemClock.nowMs() - this.#endedAtMs < TRUSTED_IDLE_MS) return;
    try {
      (await pool.connect(abort)).destroy();
    } catch (error) {
      // The write will tell.
      if (!(error instanceof PiipeError)) throw error;
    }
  }
}

const NEVER = new AbortController().signal;

function withoutUntold(emit: Emit): Emit {
  return (event) => {
    if (!UNTOLD.has(event.type)) emit(event);
  };
}

async function stagesOf({ prepared, stages }: Opened, arn: string): Promise<Stages> {
  const known = stages.get(arn);
  if (known !== undefined) return known;
  const opened = await openStages(prepared, { name: arn, ordered: arn.endsWith(".fifo") });
  await opened.room.read(NEVER);
  prepared.emit({ type: "pipeline.started", source: arn, table: showTables(prepared.written) });
  stages.set(arn, opened);
  return opened;
}

const describeQueue = ({ source }: Config): string =>
  source.sqs.region === null ? source.sqs.queue : `${source.sqs.queue} in ${source.sqs.region}`;

type Retried = Extract<TelemetryEvent, { type: "batch.retried" | "source.retried" }>;

/** Which service an invocation waits for. */
class Trouble {
  now: Retried | null = null;

  note(event: TelemetryEvent): void {
    if (event.type === "batch.retried" || event.type === "source.retried") this.now = event;
    else if (event.type === "batch.written" && this.now?.type === "batch.retried") this.now = null;
    else if (event.type === "source.recovered" && this.now?.type === "source.retried") this.now = null;
  }
}

function awayTillEnd(retried: Retried): PiipeError {
  const service = retried.type === "batch.retried" ? "PostgreSQL" : "S3";
  return new PiipeError(retried.code, `${service} failed until the time of the invocation ended`, {
    retryable: true,
    hint: "The log says since when. Nothing is lost: what was not stored comes again.",
    ...(retried.type === "batch.retried" && retried.sqlState !== null && { sqlState: retried.sqlState }),
  });
}

const nothingInTime = (messages: number): PiipeError =>
  new PiipeError("interrupted", `the time of the invocation ended before any of its ${messages} messages was stored`, {
    hint: "Nothing is lost: they come again. Raise the function's timeout, or see what PostgreSQL waits for.",
  });
