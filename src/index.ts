export {
  definePipeline,
  type DefineOptions,
  type PipelineDefinition,
  type RunPipelineOptions,
} from "./define-pipeline.ts";
export type { PipelineConfig } from "./config/pipeline-config.ts";
export type { MigrationReport } from "./storage/schema/migrations.ts";
export { ERROR_CODES, type ErrorCode, PiipeError } from "./errors.ts";
export type { Totals } from "./pipeline/totals.ts";
export type { JsonEvent, RejectionCode, Transform } from "./pipeline/contracts.ts";
export type { TelemetryEvent, TelemetryEventType } from "./telemetry/events.ts";
