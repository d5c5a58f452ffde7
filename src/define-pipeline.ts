import { migrateDatabase } from "./app/migrate-database.ts";
import { openDatabase } from "./app/open-database.ts";
import { openPipeline } from "./app/open-pipeline.ts";
import type { Config } from "./config/config.ts";
import { parseConfig } from "./config/load-config.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { PiipeError } from "./errors.ts";
import type { Transform } from "./pipeline/contracts.ts";
import type { Totals } from "./pipeline/totals.ts";
import type { MigrationReport } from "./storage/schema/migrations.ts";
import type { Emit } from "./telemetry/events.ts";

export interface RunPipelineOptions {
  /** Stop receiving, finish what was received. Default: never. */
  readonly stop?: AbortSignal;
  /** Cancel at once; what is unsettled is redelivered later. Default: never. */
  readonly abort?: AbortSignal;
  /** End by itself when the queue is empty. Default: false. */
  readonly untilEmpty?: boolean;
  /** Called for everything that happens; must return at once. What it throws stops the run, which then throws it. */
  readonly onEvent?: Emit;
  /** The keyring's JSON, instead of `keys.file`, such as `process.env.PIIPE_KEYS`: code is not given it by itself. */
  readonly keysJson?: string;
}

export interface DefineOptions {
  /** Where a relative `keys.file` is taken from. Default: the process's current folder. */
  readonly baseFolder?: string;
  /** Called for each event before its columns are read. Default: events are taken as they come. */
  readonly transform?: Transform;
}

/** A checked pipeline: the same as a `piipe.yaml`, in code. */
export interface PipelineDefinition {
  /** Creates or updates piipe's own tables, and the target table when it is missing. Idempotent. */
  migrate(): Promise<MigrationReport>;
  /**
   * Runs until stopped, or until the queue is empty. Each call opens connections of its own and closes them.
   * @throws {PiipeError} when a service, the keys or the data stop it; what was not stored stays in the queue
   */
  run(options?: RunPipelineOptions): Promise<Totals>;
}

/**
 * Defines a pipeline in code, with the keys of `piipe.yaml`.
 *
 * ```ts
 * const logins = definePipeline({
 *   source: { sqs: { queue: "login-queue" } },
 *   sink: { postgres: { url: databaseUrl, table: "user_logins" } },
 *   keys: { file: "./piipe.keys.json" },
 *   columns: { user_id: { type: "text" }, masked_ip: { from: "ip", type: "ip", mask: "hmac-sha256" } },
 * });
 * await logins.run({ untilEmpty: true });
 * ```
 *
 * With a `transform`, columns read what it makes of an event:
 *
 * ```ts
 * definePipeline(config, { transform: (event) => (event.test === true ? null : { ...event, channel: "web" }) });
 * ```
 *
 * @throws {PiipeError} `config.invalid`, listing every problem
 */
export function definePipeline(
  input: PipelineConfig,
  { baseFolder = ".", transform }: DefineOptions = {},
): PipelineDefinition {
  const config = parseConfig(input, { baseFolder });
  return {
    async migrate() {
      const pool = openDatabase(config);
      try {
        return await migrateDatabase(config, pool);
      } finally {
        await pool.close();
      }
    },
    async run(options = {}) {
      checkOptions(options);
      const { onEvent, keysJson, untilEmpty = false } = options;
      const never = new AbortController().signal;
      const stopping = new AbortController();
      const stop = AbortSignal.any([options.stop ?? never, stopping.signal]);
      const listenerFailures: unknown[] = [];
      const emit: Emit = (event) => {
        try {
          onEvent?.(event);
        } catch (error) {
          // Its place is after the drain: thrown into the engine, it would leave deliveries unsettled.
          listenerFailures.push(error);
          stopping.abort();
        }
      };
      const abort = options.abort ?? never;
      try {
        const totals = await runOnce(config, { keysJson, emit, untilEmpty, stop, abort, transform });
        if (listenerFailures.length === 0) return totals;
      } catch (error) {
        if (listenerFailures.length === 0) throw error;
      }
      throw listenerFailures[0];
    },
  };
}

const OPTION_NAMES = ["stop", "abort", "untilEmpty", "onEvent", "keysJson"] as const satisfies ReadonlyArray<
  keyof RunPipelineOptions
>;

/** A mistyped option would otherwise be a run that never ends. */
function checkOptions(options: object): void {
  const isSignal = options instanceof AbortSignal || options instanceof AbortController;
  const unknown = isSignal
    ? "that is a signal itself"
    : Object.keys(options).find((name) => !OPTION_NAMES.some((known) => known === name));
  if (unknown === undefined) return;
  throw new PiipeError("usage.invalid", `run() has no option ${unknown}`, {
    hint: `Its options are ${OPTION_NAMES.join(", ")}. An AbortSignal goes into stop, which drains, or abort, which cancels.`,
  });
}

interface OneRun extends Required<Pick<RunPipelineOptions, "stop" | "abort" | "untilEmpty">> {
  readonly keysJson: string | undefined;
  readonly emit: Emit;
  readonly transform: Transform | undefined;
}

async function runOnce(
  config: Config,
  { keysJson, emit, untilEmpty, stop, abort, transform }: OneRun,
): Promise<Totals> {
  const opening = AbortSignal.any([stop, abort]);
  const pipeline = await openPipeline(config, {
    keysJson,
    emit,
    stop: opening,
    untilEmpty,
    credentials: null,
    transform,
  });
  try {
    return await pipeline.run({ stop, abort });
  } finally {
    await pipeline.close();
  }
}
