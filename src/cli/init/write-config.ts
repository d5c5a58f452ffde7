import { randomUUID } from "node:crypto";
import { link, open, realpath, rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Environment } from "../../config/interpolate.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";

/** Stands for the environment's while the text is checked and there is none. */
export const URL_PLACEHOLDER = "postgres://localhost/postgres";

/** @throws {PiipeError} `config.exists` */
export async function requireFree(path: string, force: boolean): Promise<void> {
  if (force) return;
  if (await isThere(path)) throw exists(path);
}

const SCHEMA_FILES = ["./node_modules/piipe/piipe.schema.json", "./piipe.schema.json"] as const;

/** The JSON Schema that an editor finds from a configuration in the folder, or null. */
export async function findSchema(folder: string): Promise<string | null> {
  const found = await Promise.all(SCHEMA_FILES.map((file) => isThere(resolve(folder, file))));
  return SCHEMA_FILES.find((_, index) => found[index]) ?? null;
}

export const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/**
 * Writes a configuration whole or not at all, and only when it is one that the other commands accept.
 * @param replaces false: a file that appeared meanwhile stays
 * @returns the configuration as a run would load it
 * @throws {PiipeError} `config.exists`; `usage.invalid` when the file cannot be written
 */
export async function writeConfig(
  path: string,
  text: string,
  { replaces, environment }: { readonly replaces: boolean; readonly environment: Environment },
): Promise<Config> {
  const target = await realpath(path).catch(() => path);
  // In the same folder: relative paths in it mean the same, and a rename within a file system is atomic.
  const draft = `${target}.${randomUUID()}.draft`;
  try {
    const handle = await open(draft, "wx");
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const config = await loadConfig(draft, {
      ...environment,
      DATABASE_URL: environment["DATABASE_URL"] || URL_PLACEHOLDER,
    });
    if (replaces) await rename(draft, target);
    // Unlike a rename, it fails when the name is taken.
    else await link(draft, target);
    return config;
  } catch (error) {
    throw failureOf(path, error);
  } finally {
    await rm(draft, { force: true });
  }
}

function failureOf(path: string, cause: unknown): Error {
  if (cause instanceof PiipeError) {
    // What init writes must be right: what is wrong is its own fault, or a name that no configuration can hold.
    return new PiipeError(cause.code, cause.message.replaceAll(/^.*?\.draft:/gm, `${path}:`), {
      ...(cause.hint === null ? {} : { hint: cause.hint }),
      cause,
    });
  }
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "EEXIST") return exists(path);
  if (code === undefined) return cause as Error;
  return new PiipeError("usage.invalid", `${path} cannot be written (${code})`, {
    hint: "Choose a path in a folder that exists and that you may write to.",
    cause,
  });
}

const exists = (path: string): PiipeError =>
  new PiipeError("config.exists", `${path} is already there; nothing was written`, {
    hint: "Choose another file with --config, or replace it with --force.",
  });
