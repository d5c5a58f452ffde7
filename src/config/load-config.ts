import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PiipeError } from "../errors.ts";
import { checkInput, problemLines } from "./check-input.ts";
import type { Config } from "./config.ts";
import { type Environment, retypeReferences } from "./interpolate.ts";
import { resolveConfig } from "./resolve-config.ts";
import { YamlFile } from "./yaml-file.ts";

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

const HINT = "docs/configuration.md explains every setting; `piipe schema` prints the JSON Schema for editors.";

/**
 * Reads a pipeline's YAML file, replaces its references to `env`, and checks it.
 *
 * @throws PiipeError `config.not-found`, or `config.invalid`: the message lists every problem, one a line, as
 * `file:line:column: what is wrong; what would be right`. It quotes no value of the file or the environment.
 */
export async function loadConfig(file: string, env: Environment): Promise<Config> {
  const yaml = new YamlFile(await readText(file), env);
  if (yaml.isReadable) retypeReferences(yaml.value, yaml.referencePaths);
  // An empty file is reported as that, not as a list of what it lacks.
  const checked = yaml.isReadable && yaml.value !== null ? checkInput(yaml.value) : null;
  const problems = yaml.locate(checked?.ok === false ? checked.error : [], file);
  if (checked?.ok !== true || problems.length > 0) {
    throw new PiipeError("config.invalid", problemLines(problems), { hint: HINT });
  }
  return resolveConfig(checked.value, dirname(resolve(file)));
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw notReadable(file, cause);
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new PiipeError("config.invalid", `${file}:1:1: the file is not UTF-8 text; save it as UTF-8`, { hint: HINT });
  }
}

function notReadable(file: string, cause: unknown): PiipeError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
  if (code === "ENOENT" || code === "ENOTDIR") {
    const hint = "Name the configuration with --config, or put a piipe.yaml into the current folder.";
    return new PiipeError("config.not-found", `${file} does not exist`, { hint, cause });
  }
  if (code === "EISDIR") {
    const hint = "Name the YAML file in it with --config.";
    return new PiipeError("config.not-found", `${file} is a folder`, { hint, cause });
  }
  const hint = "Let the user that runs piipe read the file.";
  return new PiipeError("config.not-found", `${file} cannot be read (${code})`, { hint, cause });
}
