import { migrateDatabase, type MigrationReport, openDatabase, openPipeline } from "./app.ts";
import { parseConfig } from "./config/parse-config.ts";
import type { PipelineConfig } from "./config/schema.ts";
import type { Totals } from "./pipeline/engine.ts";
import type { Emit } from "./telemetry/events.ts";

export interface RunPipelineOptions {
  /** Stop receiving, finish what was received. Default: never. */
  readonly stop?: AbortSignal;
  /** Cancel at once; what is unsettled is redelivered later. Default: never. */
  readonly abort?: AbortSignal;
  /** End by itself when the queue is empty. Default: false. */
  readonly untilEmpty?: boolean;
  /** Called for everything that happens; must return at once and must not throw. Default: nothing is reported. */
  readonly onEvent?: Emit;
  /** The keyring's JSON, instead of or beside `keys.file`. Default: none. */
  readonly keysJson?: string;
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
 * A relative `keys.file` is taken from `baseFolder`, by default the process's current folder.
 * @throws {PiipeError} `config.invalid`, listing every problem
 */
export function definePipeline(input: PipelineConfig, { baseFolder = "." } = {}): PipelineDefinition {
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
      const never = new AbortController().signal;
      const pipeline = await openPipeline(config, {
        keysJson: options.keysJson,
        emit: options.onEvent ?? (() => {}),
        untilEmpty: options.untilEmpty ?? false,
        credentials: null,
      });
      try {
        return await pipeline.run({ stop: options.stop ?? never, abort: options.abort ?? never });
      } finally {
        await pipeline.close();
      }
    },
  };
}
