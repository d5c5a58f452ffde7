import { stat } from "node:fs/promises";
import { platform, userInfo } from "node:os";

/** The number of the user as whom this process acts; null where users have none (Windows), or it cannot be learnt. */
export async function currentUserId(): Promise<number | null> {
  if (platform() === "win32") return null;
  try {
    return userInfo().uid;
  } catch {
    // A container may run under a number that no user has. On Linux, a process owns its own folder all the same.
    const own = await stat("/proc/self").catch(() => null);
    return own?.uid ?? null;
  }
}
