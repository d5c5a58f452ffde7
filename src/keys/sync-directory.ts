import { open } from "node:fs/promises";

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
