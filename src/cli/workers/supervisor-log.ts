import type { ErrorReport } from "../../telemetry/error-report.ts";
import type { LogLevel } from "../../telemetry/log-level.ts";
import type { WriteLine } from "../../telemetry/log.ts";

interface EndDetails {
  readonly worker: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** What it reported. */
  readonly error: ErrorReport | null;
}

/** What a supervisor reports. Its workers report all else. */
export type SupervisorEvent =
  | {
      readonly type: "worker.launched";
      readonly worker: number;
      readonly pid: number;
      readonly connections: number;
    }
  /** Another takes its place. */
  | ({ readonly type: "worker.replaced"; readonly failures: number; readonly delayMs: number } & EndDetails)
  /** The others are stopped. */
  | ({ readonly type: "worker.failed" } & EndDetails)
  /** It failed while all were told to end for another reason. */
  | ({ readonly type: "worker.ended" } & EndDetails)
  /** It did not obey. */
  | { readonly type: "worker.killed"; readonly worker: number };

export type ReportEvent = (event: SupervisorEvent) => void;

export function logSupervisor(writeLine: WriteLine): ReportEvent {
  return (event) => {
    const { level, text } = describe(event);
    writeLine(level, text, event);
  };
}

function describe(event: SupervisorEvent): { readonly level: LogLevel; readonly text: string } {
  const { worker } = event;
  switch (event.type) {
    case "worker.launched":
      return { level: "info", text: `worker ${worker} is process ${event.pid}, connections ${event.connections}` };
    case "worker.replaced":
      return {
        level: "warn",
        text: `worker ${worker} ${describeEnd(event)}; started again in ${event.delayMs} ms${describeError(event.error)}`,
      };
    case "worker.failed":
      // The error itself is printed at the end.
      return { level: "warn", text: `worker ${worker} ${describeEnd(event)}; the others are stopped` };
    case "worker.ended":
      return { level: "debug", text: `worker ${worker} ${describeEnd(event)}` };
    case "worker.killed":
      return { level: "warn", text: `worker ${worker} did not end when it was told to, and is killed` };
  }
}

/** For people: such as `ended with exit code 4 [database.unreachable]`. */
export function describeEnd({ exitCode, signal, error }: Omit<EndDetails, "worker">): string {
  if (signal !== null) return `was ended by ${signal}`;
  if (exitCode === null) return "could not be started";
  return `ended with exit code ${exitCode}${error === null ? "" : ` [${error.code}]`}`;
}

/** Nobody else prints the error of a worker that is started again. */
function describeError(error: ErrorReport | null): string {
  if (error === null) return "";
  const hint = error.hint === null ? "" : `\n${error.hint.replace(/^/gm, "  ")}`;
  return `: ${error.message}${hint}`;
}
