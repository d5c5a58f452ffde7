import { pino } from "pino";
import { LOG_LEVELS, type LogLevel } from "./log-level.ts";

export interface LineOptions {
  /** Where lines go, one call a line, with the newline. */
  readonly write: (line: string) => void;
  /** `json` for machines; `text` for a person at a terminal. */
  readonly format: "json" | "text";
  readonly level: LogLevel;
  /** The number of the worker that writes, where several write to one place. */
  readonly worker?: number;
}

/** @param fields for machines; a person gets the text alone */
export type WriteLine = (level: LogLevel, text: string, fields: object) => void;

export function createLineWriter({ write, format, level: lowest, worker }: LineOptions): WriteLine {
  if (format === "text") {
    const prefix = worker === undefined ? "" : `[${worker}] `;
    return (level, text) => {
      if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(lowest)) return;
      const time = new Date().toISOString().slice(11, 19);
      write(`${prefix}${time} ${level.padEnd(5)} ${text}\n`);
    };
  }
  const logger = pino(
    {
      level: lowest,
      base: worker === undefined ? null : { worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return (level, text, fields) => logger[level](fields, text);
}
