import { readFile } from "node:fs/promises";
import { platform, userInfo } from "node:os";

/** As whom this process acts. */
export interface CurrentUser {
  readonly id: number;
  /** Its groups, as far as they can be learnt: outside Linux the first one alone. */
  readonly groups: readonly number[];
}

/** null where users have no number (Windows), or it cannot be learnt. */
export async function currentUser(): Promise<CurrentUser | null> {
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
