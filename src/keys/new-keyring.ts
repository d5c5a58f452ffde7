import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PiipeError } from "../errors.ts";
import { createKeys } from "./create-keys.ts";
import { syncDirectory } from "./sync-directory.ts";

const OWNER_ONLY = 0o600;

export interface KeyFiles {
  readonly keyringFile: string;
  readonly privateFile: string;
}

/**
 * Makes new keys and writes both files with mode 0600, or neither. Never overwrites. The private file comes first and is on
 * disk before the keyring exists: a keyring alone would let data be sealed to a key that nobody has.
 *
 * @throws PiipeError `keys.exists` when a file of one of the names stands there; `usage.invalid` when the files cannot
 * be written
 */
export async function writeNewKeys({ keyringFile, privateFile }: KeyFiles): Promise<void> {
  const { keyring, privateKey } = createKeys(new Date());
  await writeNewFile(privateFile, privateKey);
  try {
    await writeNewFile(keyringFile, keyring);
  } catch (error) {
    await rm(privateFile, { force: true });
    throw error;
  }
}

async function writeNewFile(path: string, text: string): Promise<void> {
  // "wx" is O_CREAT | O_EXCL: no check beforehand that another process could overtake, no symbolic link followed.
  const handle = await open(path, "wx", OWNER_ONLY).catch((error: unknown) => {
    throw cannotWrite(path, error);
  });
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw cannotWrite(path, error);
  } finally {
    await handle.close();
  }
  await syncDirectory(dirname(path));
}

function cannotWrite(path: string, cause: unknown): PiipeError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
  if (code === "EEXIST") {
    return new PiipeError("keys.exists", `${path} is already there; nothing was written`, {
      hint: "Keep it: without its keys, new tokens match none of the old. `piipe keys add` adds a key version to a keyring; for a separate data set choose another path.",
      cause,
    });
  }
  return new PiipeError("usage.invalid", `${path} cannot be written (${code})`, {
    hint: "Choose a path in a directory that exists and that you may write to.",
    cause,
  });
}
