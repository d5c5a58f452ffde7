import { chown, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PiipeError } from "../errors.ts";
import type { CommandEnd, GuardedFolder } from "./guarded-folder.ts";
import { copyNativeFolder, type PostgresBinaries, prepareBinaries } from "./postgres-binaries.ts";
import type { ServerUser } from "./server-user.ts";

/** The programs of `nativeFolder`, or of a copy in the folder when the user may not run them where they are. */
export async function usableBinaries(
  folder: GuardedFolder,
  nativeFolder: string,
  user: ServerUser | null,
): Promise<PostgresBinaries> {
  const works = async (binaries: PostgresBinaries): Promise<boolean> => {
    const end = await folder.run({ file: binaries.postgres, args: ["--version"], env: binaries.env, user });
    return end.exitCode === 0;
  };
  const installed = await prepareBinaries(nativeFolder, join(folder.path, "lib"));
  if (await works(installed)) return installed;
  // Permissions, access lists, mount options: asking the program itself is the one test that covers them all.
  const copy = join(folder.path, "native");
  await copyNativeFolder(nativeFolder, copy, user);
  const copied = await prepareBinaries(copy, join(folder.path, "copy-lib"));
  const end = await folder.run({ file: copied.postgres, args: ["--version"], env: copied.env, user });
  if (end.exitCode === 0) return copied;
  throw await startFailure("PostgreSQL's program does not run on this machine", folder, end);
}

/** Makes the data folder `data` in the folder, with the superuser `postgres`. */
export async function createCluster(
  folder: GuardedFolder,
  binaries: PostgresBinaries,
  user: ServerUser | null,
  password: string,
): Promise<void> {
  const passwordFile = join(folder.path, "password");
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user !== null) await chown(passwordFile, user.uid, user.gid);
  const end = await folder.run({
    file: binaries.initdb,
    args: [
      `--pgdata=${join(folder.path, "data")}`,
      "--username=postgres",
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ],
    env: binaries.env,
    user,
  });
  await rm(passwordFile);
  if (end.exitCode !== 0) throw await startFailure("PostgreSQL's data folder could not be made", folder, end);
}

/** The log of a start speaks of the machine only: no statement was run, and no password is printed. */
export async function startFailure(what: string, folder: GuardedFolder, end: CommandEnd): Promise<PiipeError> {
  const log = await readFile(folder.logFile, "utf8").catch(() => "");
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const reason =
    lines.findLast((line) => /\b(?:error|fatal|panic)\b/i.test(line)) ?? end.failure ?? `exit code ${end.exitCode}`;
  return new PiipeError("embedded.failed", `${what}: ${reason.trim()}`, {
    hint: "Point piipe at your own PostgreSQL with `piipe run`, or start one with `docker compose up`.",
  });
}
