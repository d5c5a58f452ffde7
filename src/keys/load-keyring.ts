import { constants, open } from "node:fs/promises";
import { platform } from "node:os";
import { PiipeError } from "../errors.ts";
import { Keyring } from "./keyring.ts";
import { PrivateKey } from "./private-key.ts";

/** A keyring with a thousand versions is a tenth of this: anything larger is another file. */
const FILE_BYTES_MAX = 1_048_576;
const GROUP_AND_OTHERS = 0o077;
const NAME_A_FILE = "Name a file that `piipe keys new` wrote.";

export interface KeyringPlaces {
  /** Path of the keyring file, or null when the configuration names none. */
  readonly file: string | null;
  /** The value of PIIPE_KEYS; undefined or empty when it is not set. */
  readonly environment: string | undefined;
}

/**
 * The keyring from its file or from PIIPE_KEYS, or null when neither is given.
 *
 * One configuration may serve a laptop with the file and a container with the variable: a named file that is not there
 * is then no error. When both are there they must hold the same keys. Preferring either silently would one day make
 * tokens that match nothing.
 *
 * @throws PiipeError `keys.missing`, `keys.unsafe` or `keys.invalid`
 */
export async function loadKeyring({ file, environment }: KeyringPlaces): Promise<Keyring | null> {
  const given =
    environment === undefined || environment.trim() === "" ? null : Keyring.parse(environment, "PIIPE_KEYS");
  if (file === null) return given;
  const text = await readSecretFile(file);
  if (text === null) {
    if (given !== null) return given;
    throw new PiipeError("keys.missing", `the keyring file ${file} is not there`, {
      hint: "Make one with `piipe keys new`, or put your keyring there, or its text into PIIPE_KEYS.",
    });
  }
  const keyring = Keyring.parse(text, file);
  if (given !== null && !given.equals(keyring)) {
    throw new PiipeError("keys.invalid", `PIIPE_KEYS and the keyring file ${file} hold different keys`, {
      hint: "Unset PIIPE_KEYS, or leave out `keys.file`.",
    });
  }
  return keyring;
}

/**
 * The key that opens sealed data.
 *
 * @throws PiipeError `keys.missing`, `keys.unsafe` or `keys.invalid`
 */
export async function loadPrivateKey(file: string): Promise<PrivateKey> {
  const text = await readSecretFile(file);
  if (text === null) {
    throw new PiipeError("keys.missing", `the private file ${file} is not there`, {
      hint: "`piipe keys new` wrote it together with the keyring: fetch it from where you keep it.",
    });
  }
  return PrivateKey.parse(text, file);
}

/** The text of a file that nobody but its owner can read; null when there is no such file. */
async function readSecretFile(path: string): Promise<string | null> {
  try {
    // Not blocking: a named pipe in the place of the file would hold up the start for ever.
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      // Asked of the open file: a path could be exchanged between two looks at it.
      const stats = await handle.stat();
      const { mode, size } = stats;
      if (!stats.isFile()) throw new PiipeError("keys.invalid", `${path} is no regular file`, { hint: NAME_A_FILE });
      // Windows has no such bits: it reports every file as open to all.
      if (platform() !== "win32" && (mode & GROUP_AND_OTHERS) !== 0) throw tooOpen(path, mode);
      if (size > FILE_BYTES_MAX) throw new PiipeError("keys.invalid", `${path} is too large for a key file`);
      return await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof PiipeError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    if (code === "ENOENT") return null;
    throw new PiipeError("keys.missing", `${path} cannot be read (${code})`, {
      hint: "Let the user that runs piipe own the file, with mode 0600.",
      cause: error,
    });
  }
}

const tooOpen = (path: string, mode: number): PiipeError =>
  new PiipeError("keys.unsafe", `${path} has mode 0${(mode & 0o777).toString(8)}: others than its owner may use it`, {
    hint: `Run \`chmod 600 ${path}\`. If others could read it for long, rotate the keys as well.`,
  });
