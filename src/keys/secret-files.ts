import type { Stats } from "node:fs";
import { constants, open, readFile } from "node:fs/promises";
import { platform, userInfo } from "node:os";
import { PiipeError } from "../errors.ts";

/** As whom this process acts. */
export interface CurrentUser {
  readonly id: number;
  /** Its groups, as far as they can be learnt: outside Linux the first one alone. */
  readonly groups: readonly number[];
}

/** null where users have no number (Windows), or it cannot be learnt. */
async function currentUser(): Promise<CurrentUser | null> {
  if (platform() === "win32") return null;
  // A container may run under a number that no user has, and with groups that no user database names.
  const status = await readFile("/proc/self/status", "utf8").catch(() => null);
  if (status !== null) {
    const numbersOf = (field: string): readonly number[] =>
      (new RegExp(`^${field}:(.*)$`, "m").exec(status)?.[1]?.match(/\d+/g) ?? []).map(Number);
    // Real, effective, saved, and that for files: which is the one that counts.
    const id = numbersOf("Uid").at(-1);
    if (id !== undefined) return { id, groups: [...numbersOf("Gid").slice(-1), ...numbersOf("Groups")] };
  }
  try {
    const { uid, gid } = userInfo();
    return { id: uid, groups: [gid] };
  } catch {
    return null;
  }
}

/** A keyring with a thousand versions is a tenth of this: anything larger is another file. */
const FILE_BYTES_MAX = 1_048_576;
const GROUP_AND_OTHERS = 0o077;
const GROUP_READS = 0o040;
const ANYBODY_WRITES = 0o222;
const ROOT_USER_ID = 0;
const NAME_A_FILE = "Name a file that `piipe keys new` wrote.";

export interface SecretFile {
  readonly text: string;
  /** Of the open file. */
  readonly stats: Stats;
}

/**
 * A file that nobody but its owner can read or change, who is the current user or root; null when there is no such file.
 * A file of root's may also be read by a group of the current user: so Kubernetes mounts a secret with `fsGroup`.
 * @throws PiipeError `keys.unsafe`; `keys.invalid` when it is none that holds keys; `keys.missing` when it cannot be read
 */
export async function readSecretFile(path: string): Promise<SecretFile | null> {
  try {
    // Not blocking: a named pipe in the place of the file would hold up the start for ever.
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      // Asked of the open file: a path could be exchanged between two looks at it.
      const stats = await handle.stat();
      if (!stats.isFile()) throw new PiipeError("keys.invalid", `${path} is no regular file`, { hint: NAME_A_FILE });
      // Windows has neither: it reports every file as open to all.
      if (platform() !== "win32") await checkAccess(path, stats);
      if (stats.size > FILE_BYTES_MAX) {
        throw new PiipeError("keys.invalid", `${path} is too large for a key file`, { hint: NAME_A_FILE });
      }
      return { text: await handle.readFile("utf8"), stats };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof PiipeError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    if (code === "ENOENT") return null;
    throw new PiipeError("keys.missing", `${path} cannot be read (${code})`, {
      hint: "Run piipe as the file's owner, or let its user own the file, with mode 0600.",
      cause: error,
    });
  }
}

async function checkAccess(path: string, stats: Stats): Promise<void> {
  const { mode, uid } = stats;
  const user = await currentUser();
  if ((mode & GROUP_AND_OTHERS) !== 0 && !isMountedFor(user, stats)) {
    const shown = `0${(mode & 0o777).toString(8)}`;
    throw new PiipeError("keys.unsafe", `${path} has mode ${shown}: others than its owner may use it`, {
      hint:
        `Run \`chmod 600 ${path}\`, or mount it as root's with mode 0440 and a group of this user's. ` +
        "If others could read it for long, rotate the keys as well.",
    });
  }
  if (user === null || uid === user.id || uid === ROOT_USER_ID) return;
  throw new PiipeError(
    "keys.unsafe",
    `${path} belongs to user ${uid}, who can read and change it; piipe runs as user ${user.id}`,
    { hint: `Run piipe as that user, or \`chown ${user.id} ${path}\` if the keys are to be this user's.` },
  );
}

/** What root itself may write is no mount, but a file of its own, whose mode it can mend. */
function isMountedFor(user: CurrentUser | null, { mode, uid, gid }: Stats): boolean {
  if (user === null || uid !== ROOT_USER_ID || !user.groups.includes(gid)) return false;
  return (mode & GROUP_AND_OTHERS) === GROUP_READS && (user.id !== ROOT_USER_ID || (mode & ANYBODY_WRITES) === 0);
}

/** A file's new name is durable only once its directory is. Windows cannot open directories, and needs not. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r").catch(() => null);
  if (handle === null) return;
  try {
    await handle.sync();
  } catch {
    // Some file systems refuse it for directories: the file itself is written and synced.
  } finally {
    await handle.close();
  }
}
