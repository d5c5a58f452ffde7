import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PiipeError } from "../errors.ts";
import { Unprintable } from "../unprintable.ts";
import { Keyring } from "./keyring.ts";
import { PrivateKey } from "./private-key.ts";
import { type SecretFile, readSecretFile, syncDirectory } from "./secret-files.ts";

const OWNER_ONLY = 0o600;
const PERMISSIONS = 0o777;

/** A keyring file that is to be changed, as it was read. Prints as `[secret]`. */
export class KeyringFile extends Unprintable {
  readonly path: string;
  readonly keyring: Keyring;
  readonly #text: string;

  private constructor(path: string, text: string) {
    super();
    this.path = path;
    this.keyring = Keyring.parse(text, path);
    this.#text = text;
  }

  /**
   * null when there is no such file.
   * @throws PiipeError `keys.missing`, `keys.unsafe` or `keys.invalid`
   */
  static async open(path: string): Promise<KeyringFile | null> {
    const found = await readSecretFile(path);
    return found === null ? null : new KeyringFile(path, found.text);
  }

  /**
   * Puts another keyring in the place of this one: whole and on disk, or not at all, whenever the process or the machine
   * stops. A symbolic link stays, and what it leads to is replaced.
   *
   * The text is written beside the file under a name that only one process can take, and then renamed. So two changes
   * cannot overtake each other; a third party's change is noticed by the text.
   *
   * @throws PiipeError `keys.conflict` when the file was changed after it was read; `usage.invalid` when it cannot be
   * written. The file is as it was then.
   */
  async replace(keyring: Keyring): Promise<void> {
    const path = await realpath(this.path).catch((error: unknown) => {
      throw codeOf(error) === "ENOENT" ? this.#changed() : cannotReplace(this.path, error);
    });
    const draft = `${path}.new`;
    const handle = await open(draft, "wx", OWNER_ONLY).catch((error: unknown) => {
      throw codeOf(error) === "EEXIST" ? isBusy(path, draft) : cannotReplace(path, error);
    });
    try {
      try {
        await handle.writeFile(keyring.serialize());
        const current = await readSecretFile(path);
        if (current?.text !== this.#text) throw this.#changed();
        await keepOwnerAndMode(handle, current);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, path);
    } catch (error) {
      // What went wrong is worth more than that the rest could not be cleared away.
      await rm(draft, { force: true }).catch(() => {});
      throw error instanceof PiipeError ? error : cannotReplace(path, error);
    }
    await syncDirectory(dirname(path));
  }

  #changed(): PiipeError {
    return new PiipeError("keys.conflict", `${this.path} was changed by someone else meanwhile; nothing was written`, {
      hint: "Look at it with `piipe keys list`, then run the command again if it is still what you want.",
    });
  }
}

async function keepOwnerAndMode(draft: FileHandle, { stats }: SecretFile): Promise<void> {
  const { uid, gid } = await draft.stat();
  const isGiven =
    (uid === stats.uid && gid === stats.gid) ||
    // Only root may give files away. The file then belongs to whoever changed it, and to no group: no less safe.
    (await draft.chown(stats.uid, stats.gid).then(
      () => true,
      () => false,
    ));
  await draft.chmod(stats.mode & (isGiven ? PERMISSIONS : OWNER_ONLY));
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? "unknown error";

const isBusy = (path: string, draft: string): PiipeError =>
  new PiipeError("keys.conflict", `another command is changing ${path}, or was killed while it did`, {
    hint: `Wait for it to end. If none is running, delete ${draft}: the keyring itself is whole.`,
  });

const cannotReplace = (path: string, cause: unknown): PiipeError =>
  new PiipeError("usage.invalid", `${path} cannot be replaced (${codeOf(cause)}); it is as it was`, {
    hint: "Run the command as a user who may write to its folder, where the file itself is kept and not a mount of it.",
    cause,
  });

export interface KeyringPlaces {
  /** Path of the keyring file, or null when the configuration names none. */
  readonly file: string | null;
  /** The text of a keyring that is kept elsewhere, and where that is: then there is no file. */
  readonly kept?: { readonly text: string; readonly where: string };
  /** The value of PIIPE_KEYS; undefined or empty when it is not set. */
  readonly environment: string | undefined;
}

/**
 * The keyring from its file, from where it is kept or from PIIPE_KEYS, or null when none of them is given.
 *
 * One configuration may serve a laptop with the file and a container with the variable: a named file that is not there
 * is then no error. When both are there they must hold the same keys. Preferring either silently would one day make
 * tokens that match nothing.
 *
 * @throws PiipeError `keys.missing`, `keys.unsafe` or `keys.invalid`
 */
export async function loadKeyring({ file, kept, environment }: KeyringPlaces): Promise<Keyring | null> {
  const given =
    environment === undefined || environment.trim() === "" ? null : Keyring.parse(environment, "PIIPE_KEYS");
  if (kept !== undefined) return agreed(Keyring.parse(kept.text, kept.where), kept.where, given);
  if (file === null) return given;
  const found = await readSecretFile(file);
  if (found !== null) return agreed(Keyring.parse(found.text, file), `the keyring file ${file}`, given);
  if (given !== null) return given;
  throw new PiipeError("keys.missing", `the keyring file ${file} is not there`, {
    hint: "Restore it from its backup, or put its text into PIIPE_KEYS; only for a new pipeline make one with `piipe keys new`.",
  });
}

function agreed(keyring: Keyring, where: string, given: Keyring | null): Keyring {
  if (given === null || given.equals(keyring)) return keyring;
  throw new PiipeError("keys.invalid", `PIIPE_KEYS and ${where} hold different keys`, {
    hint: "Unset PIIPE_KEYS, or leave out `keys.file` or `keys.secret`.",
  });
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
