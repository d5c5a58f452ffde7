import type { Config } from "../config/config.ts";
import type { Source } from "../pipeline/contracts.ts";
import type { StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import { openDatabase } from "./open-database.ts";
import { openRun, type Run, type RunOptions } from "./open-run.ts";
import { openSource } from "./open-source.ts";
import { prepare, type Prepared, type PrepareOptions } from "./prepare.ts";

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
  assemble(config, { ...options, isDryRun: false }, ({ emit }) => openSource(config, { ...options, emit }));

/** @param open opens the source, once everything else is in order */
export async function assemble(
  config: Config,
  options: PrepareOptions & RunOptions,
  open: (prepared: Prepared) => Promise<Source>,
): Promise<Pipeline> {
  const pool = openDatabase(config);
  let source: Source | null = null;
  const close = async (): Promise<void> => {
    try {
      await source?.close();
    } finally {
      await pool.close();
    }
  };
  try {
    const prepared = await prepare(config, pool, options);
    source = await open(prepared);
    return { ...(await openRun(prepared, source, options)), close };
  } catch (error) {
    await close();
    throw error;
  }
}
