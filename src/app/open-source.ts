import { systemClock } from "../clock.ts";
import type { Config } from "../config/config.ts";
import { attributeNamesOf } from "../decode/compile-decoder.ts";
import { openSqsSource, type StaticCredentials } from "../sources/sqs/open-sqs-source.ts";
import type { SqsSource } from "../sources/sqs/sqs-source.ts";
import type { Emit } from "../telemetry/events.ts";

export interface SourceOptions {
  readonly emit: Emit;
  /** Ends the start early. */
  readonly stop: AbortSignal;
  /** End by itself when the queue is empty, instead of waiting for more. */
  readonly untilEmpty: boolean;
  /** Only for the demo's local queue; null: the standard AWS chain. */
  readonly credentials: StaticCredentials | null;
}

/** A run that is to end must not wait for ever for a database that is gone. */
export const GIVE_UP_AFTER_MS = 60_000;

/** @param at another queue than the configured one, at the same endpoint */
export async function openSource(
  config: Config,
  options: SourceOptions,
  at: Pick<Config["source"]["sqs"], "queue" | "region"> = config.source.sqs,
): Promise<SqsSource> {
  const { endpoint, visibilityTimeoutSeconds } = config.source.sqs;
  return openSqsSource({
    queue: at.queue,
    region: at.region,
    endpoint,
    visibilityTimeoutSeconds,
    attributeNames: attributeNamesOf(config.tables, config.dedupeBy),
    // A run that is to end asks in short turns; 20 s, SQS's longest wait, makes an idle service cheap.
    waitSeconds: options.untilEmpty ? 1 : 20,
    // It is to end: messages that come later need not come together.
    lingerMs: options.untilEmpty ? 0 : config.batch.lingerMs,
    giveUpAfterMs: options.untilEmpty ? GIVE_UP_AFTER_MS : null,
    signal: options.stop,
    credentials: options.credentials,
    clock: systemClock,
    emit: options.emit,
  });
}
