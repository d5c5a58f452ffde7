import type { Config } from "../config/config.ts";
import type { Source } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import { openDatabase } from "./open-database.ts";
import { openRun, type Run, type RunOptions } from "./open-run.ts";
import { openSource } from "./open-source.ts";
import { prepare, type PrepareOptions } from "./prepare.ts";
import { withObjects } from "./with-objects.ts";

export interface PipelineOptions extends Omit<PrepareOptions, "isDryRun">, Omit<RunOptions, "announce"> {
  /** Ends the start early; `run` takes its own signals. */
  readonly stop: AbortSignal;
  /** Only for the demo's local queue; null: the standard AWS chain. */
  readonly credentials: StaticCredentials | null;
}

/** A run with a pool and a source of its own. */
export interface Pipeline extends Run {
  /** Safe twice. */
  readonly close: () => Promise<void>;
}

/**
 * Checks everything that a run from the configured queue needs. Nothing is received before `run`.
 * @throws {PiipeError} what is missing or wrong, before anything was touched
 */
export const openPipeline = (config: Config, options: PipelineOptions): Promise<Pipeline> =>
  onOwnPool(config, async (pool, owned) => {
    const prepared = await prepare(config, pool, { ...options, isDryRun: false });
    const sourceOptions = { ...options, emit: prepared.emit };
    const queue = owned(await openSource(config, sourceOptions));
    const source = owned(await withObjects(config, queue, sourceOptions));
    return openRun(prepared, source, options);
  });

/**
 * Opens something over a pool of its own. Its `close` closes the sources that `owned` was given, the last one first, and
 * the pool; so does what `open` throws.
 */
export async function onOwnPool<T>(
  config: Config,
  open: (pool: PostgresPool, owned: <S extends Source>(source: S) => S) => Promise<T>,
): Promise<T & Pick<Pipeline, "close">> {
  const pool = openDatabase(config);
  const sources: Source[] = [];
  const close = async (): Promise<void> => {
    try {
      for (const source of sources.toReversed()) await source.close();
    } finally {
      await pool.close();
    }
  };
  try {
    const opened = await open(pool, (source) => {
      sources.push(source);
      return source;
    });
    return { ...opened, close };
  } catch (error) {
    await close();
    throw error;
  }
}
