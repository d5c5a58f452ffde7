import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { PiipeError } from "../../errors.ts";
import { KeyringFile } from "../../keys/keyring-file.ts";
import { Keyring } from "../../keys/keyring.ts";
import { writeNewKeys } from "../../keys/new-keyring.ts";
import { isThere } from "./write-config.ts";

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
