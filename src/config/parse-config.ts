import { PiipeError } from "../errors.ts";
import { checkInput } from "./check-input.ts";
import type { Config } from "./config.ts";
import { problemLines } from "./problem.ts";
import { resolveConfig } from "./resolve-config.ts";

export interface ParseConfigOptions {
  /** Where a relative `keys.file` begins. */
  readonly baseFolder: string;
}

/**
 * Checks a configuration made in code, as `definePipeline` gets it. Environment references are not read.
 *
 * @throws PiipeError `config.invalid`: the message lists every problem, one a line.
 */
export function parseConfig(input: unknown, { baseFolder }: ParseConfigOptions): Config {
  const checked = checkInput(input);
  if (checked.ok) return resolveConfig(checked.value, baseFolder);
  throw new PiipeError("config.invalid", problemLines(checked.error.map((problem) => ({ ...problem, place: "" }))));
}
