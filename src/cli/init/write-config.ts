import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { link, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Config } from "../../config/config.ts";
import type { Environment } from "../../config/interpolate.ts";
import { loadConfig } from "../../config/load-config.ts";
import { PiipeError } from "../../errors.ts";
import { KeyringFile } from "../../keys/keyring-file.ts";
import { Keyring } from "../../keys/keyring.ts";
import { writeNewKeys } from "../../keys/new-keyring.ts";

export interface KeyFiles {
  readonly keyringFile: string;
  /** null: none was made. */
  readonly privateFile: string | null;
  /** `kept`: an existing keyring; `environment`: PIIPE_KEYS holds one, and no file was made beside it. */
  readonly origin: "made" | "kept" | "environment";
  /** null: none is primary yet. */
  readonly primaryVersion: number | null;
}

const privateFileOf = (keyringFile: string): string => join(dirname(keyringFile), "piipe.private.json");

/**
 * Looks whether there is a keyring to use. null: one is to be made.
 * @throws {PiipeError} `keys.unsafe` or `keys.invalid`, when the one that is there cannot be used; `keys.exists` when
 * there is only the private file of another
 */
export async function findKeys(keyringFile: string, keysJson: string | undefined): Promise<KeyFiles | null> {
  const file = await KeyringFile.open(keyringFile);
  if (file !== null) return { keyringFile, privateFile: null, origin: "kept", primaryVersion: primaryOf(file.keyring) };
  // A file with other keys beside it would stop every run.
  if (keysJson) {
    const primaryVersion = primaryOf(Keyring.parse(keysJson, "PIIPE_KEYS"));
    return { keyringFile, privateFile: null, origin: "environment", primaryVersion };
  }
  if (await isThere(privateFileOf(keyringFile))) throw withoutKeyring(keyringFile);
  return null;
}

const primaryOf = ({ primary }: Keyring): number | null => primary?.version ?? null;

const withoutKeyring = (keyringFile: string): PiipeError =>
  new PiipeError("keys.exists", `${privateFileOf(keyringFile)} is there, and ${keyringFile}, its keyring, is not`, {
    hint: "Name the keyring that it belongs to with --keys, or bring it back; move the private file away to begin anew.",
  });

/** As `piipe keys new`. @throws {PiipeError} `keys.exists`, `usage.invalid` */
export async function makeKeys(keyringFile: string): Promise<KeyFiles> {
  const privateFile = privateFileOf(keyringFile);
  await writeNewKeys({ keyringFile, privateFile });
  return { keyringFile, privateFile, origin: "made", primaryVersion: 1 };
}

/** The key files that the git repository around them would take in. Without git, or outside a repository: none. */
export async function unignoredFiles({ keyringFile, privateFile, origin }: KeyFiles): Promise<readonly string[]> {
  if (origin === "environment") return [];
  const files = privateFile === null ? [keyringFile] : [keyringFile, privateFile];
  const ignored = await Promise.all(files.map(isIgnored));
  return files.filter((_, index) => ignored[index] === false);
}

/** null: git does not say. */
async function isIgnored(file: string): Promise<boolean | null> {
  try {
    await promisify(execFile)("git", ["-C", dirname(file), "check-ignore", "--quiet", "--", file]);
    return true;
  } catch (error) {
    return (error as { readonly code?: unknown }).code === 1 ? false : null;
  }
}

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

const isThere = (path: string): Promise<boolean> =>
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
