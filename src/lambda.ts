import { fileURLToPath } from "node:url";
import { FunctionEnvironment } from "./app/function-environment.ts";
import { loadConfig, parseConfig } from "./config/load-config.ts";
import type { PipelineConfig } from "./config/pipeline-config.ts";
import { PiipeError } from "./errors.ts";
import type { Transform } from "./pipeline/contracts.ts";
import { reportOf } from "./telemetry/error-report.ts";
import { createLog } from "./telemetry/log.ts";

export interface LambdaHandlerOptions {
  /**
   * The path or the URL of a `piipe.yaml`, whose `${NAME}` are read from the function's environment; or a configuration made
   * in code.
   */
  readonly config: string | URL | PipelineConfig;
  /** The keyring's JSON. Default: `PIIPE_KEYS` of the function's environment, or else `keys.file`. */
  readonly keysJson?: string;
  /** Called for each event before its columns are read. Default: events are taken as they come. */
  readonly transform?: Transform;
}

/** Of what AWS Lambda tells a function of its invocation. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** Which messages of an invocation must come again. */
export interface LambdaResponse {
  readonly batchItemFailures: ReadonlyArray<{ readonly itemIdentifier: string }>;
}

/** @throws {PiipeError} when all messages of the invocation must come again */
export type LambdaHandler = (event: unknown, context: LambdaContext) => Promise<LambdaResponse>;

/**
 * The handler of an AWS Lambda function that is invoked by an event source mapping of the configured queue. The mapping must
 * have `ReportBatchItemFailures`: without it, what the function asks for again is deleted.
 *
 * ```js
 * export const handler = lambdaHandler({ config: new URL("./piipe.yaml", import.meta.url) });
 * ```
 *
 * Opens at once, and stays open for as long as the environment lives. Logs JSON lines to stdout.
 */
export function lambdaHandler(options: LambdaHandlerOptions): LambdaHandler {
  const { config, keysJson = process.env["PIIPE_KEYS"], transform } = options;
  const environment = new FunctionEnvironment({
    // Async, so that a configuration that is wrong is an error of the invocations, which AWS Lambda shows.
    loadConfig: async () => {
      if (typeof config === "string") return loadConfig(config, process.env);
      if (config instanceof URL) return loadConfig(fileURLToPath(config), process.env);
      return parseConfig(config, { baseFolder: "." });
    },
    keysJson,
    transform,
    emit: createLog({ write: (line) => process.stdout.write(line), format: "json", level: "info" }),
  });
  environment.open();
  return async (event, context) => {
    try {
      const kept = await environment.invoke(event, context.getRemainingTimeInMillis());
      return { batchItemFailures: kept.map((itemIdentifier) => ({ itemIdentifier })) };
    } catch (error) {
      throw shownError(error);
    }
  };
}

/** What AWS Lambda may log of an error: that is all that it finds in it. */
function shownError(error: unknown): Error {
  const { code, message, hint } = reportOf(error);
  const text = [`${message} [${code}]`, hint].filter((part) => part !== null).join(". ");
  if (!(error instanceof PiipeError)) return new Error(text);
  const { retryable, mayBeData, sqlState } = error;
  return new PiipeError(error.code, text, { retryable, mayBeData, ...(sqlState !== null && { sqlState }) });
}
