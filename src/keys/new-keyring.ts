import { generateKeyPairSync, randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PiipeError } from "../errors.ts";
import { KEY_BYTES, printKeyJson } from "./key-json.ts";
import { type KeyState, KeyVersion } from "./key-version.ts";
import { Keyring } from "./keyring.ts";
import { rawPrivateKey, rawPublicKey } from "./private-key.ts";
import { syncDirectory } from "./secret-files.ts";

const OWNER_ONLY = 0o600;

export interface NewKeyFiles {
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
export async function writeNewKeys({ keyringFile, privateFile }: NewKeyFiles): Promise<void> {
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

/** Two texts to be kept apart: the pipeline needs the first, only `piipe reveal` and the like need the second. */
export interface NewKeys {
  /** The keyring: one primary version, and the public key for sealing. */
  readonly keyring: string;
  /** The private file that opens sealed data. */
  readonly privateKey: string;
}

/** Makes new keys from the operating system's random source. Nothing is written. */
export function createKeys(now: Date): NewKeys {
  const pair = generateKeyPairSync("x25519");
  const publicKey = rawPublicKey(pair.publicKey);
  return {
    keyring: Keyring.of([createKeyVersion({ version: 1, state: "primary", over: null, now })], publicKey).serialize(),
    privateKey: printKeyJson({
      piipe: "private-key",
      format: 1,
      created: now.toISOString(),
      publicKey: publicKey.toString("base64url"),
      privateKey: rawPrivateKey(pair.privateKey).toString("base64url"),
    }),
  };
}

/** A key version with a new root. */
export function createKeyVersion(options: {
  readonly version: number;
  readonly state: KeyState;
  readonly over: number | null;
  readonly now: Date;
}): KeyVersion {
  const { version, state, over, now } = options;
  return new KeyVersion({ version, state, over, created: now.toISOString(), root: randomBytes(KEY_BYTES) });
}
