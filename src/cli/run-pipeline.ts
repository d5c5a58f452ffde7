import { openPipeline, type Pipeline } from "../app/open-pipeline.ts";
import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import type { Totals } from "../pipeline/totals.ts";
import type { Emit } from "../telemetry/events.ts";
import type { StopSignals } from "./stop-signals.ts";
import type { Terminal } from "./terminal.ts";

export interface PipelineRunOptions {
  readonly untilEmpty: boolean;
  readonly signals: StopSignals;
  readonly emit: Emit;
  /** Among several workers; null: it is none of them. */
  readonly number: number | null;
  /** Called when everything is in order. */
  readonly onStarted: (pipeline: Pick<Pipeline, "totals" | "worker" | "depth">) => void;
}

export interface PipelineRun {
  /** Null: it did not start. */
  readonly totals: Readonly<Totals> | null;
  readonly elapsedMs: number;
  /** What was thrown, or null. A stop before the start is none. */
  readonly failure: unknown;
}

/** One pipeline in this process, from its opening to its close. Throws nothing. */
export async function runPipeline(
  config: Config,
  { environment, pid }: Pick<Terminal, "environment" | "pid">,
  { untilEmpty, signals, emit, number, onStarted }: PipelineRunOptions,
): Promise<PipelineRun> {
  let pipeline: Pipeline | null = null;
  let failure: unknown = null;
  let startedMs = performance.now();
  try {
    pipeline = await openPipeline(config, {
      keysJson: environment["PIIPE_KEYS"],
      emit,
      untilEmpty,
      credentials: null,
      stop: signals.stop,
      process: { pid, number },
    });
    startedMs = performance.now();
    onStarted(pipeline);
    await pipeline.run(signals);
  } catch (error) {
    failure = error;
  }
  try {
    await pipeline?.close();
  } catch (error) {
    failure ??= error;
  }
  const isEarlyStop = pipeline === null && failure instanceof PiipeError && failure.code === "interrupted";
  if (isEarlyStop && signals.stop.aborted) failure = null;
  return {
    totals: pipeline?.totals ?? null,
    elapsedMs: performance.now() - startedMs,
    failure,
  };
}
