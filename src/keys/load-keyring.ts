import { PiipeError } from "../errors.ts";
import { Keyring } from "./keyring.ts";
import { PrivateKey } from "./private-key.ts";
import { readSecretFile } from "./secret-files.ts";

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
  const found = await readSecretFile(file);
  if (found === null) {
    if (given !== null) return given;
    throw new PiipeError("keys.missing", `the keyring file ${file} is not there`, {
      hint: "Restore it from its backup, or put its text into PIIPE_KEYS; only for a new pipeline make one with `piipe keys new`.",
    });
  }
  const keyring = Keyring.parse(found.text, file);
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
  const found = await readSecretFile(file);
  if (found === null) {
    throw new PiipeError("keys.missing", `the private file ${file} is not there`, {
      hint: "`piipe keys new` wrote it together with the keyring: fetch it from where you keep it.",
    });
  }
  return PrivateKey.parse(found.text, file);
}
