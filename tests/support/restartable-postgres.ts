import { randomBytes } from "node:crypto";
import { chown, readFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "../../src/embedded/free-port.ts";
import { type CommandEnd, openGuardedFolder } from "../../src/embedded/guarded-folder.ts";
import { createCluster, findNativeFolder, usableBinaries } from "../../src/embedded/postgres-cluster.ts";
import { findServerUser } from "../../src/embedded/server-user.ts";
import { until } from "./until.ts";

/** Ends and starts of a server: the signal that PostgreSQL's manual names for each way to shut it down. */
const STOP_SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;
export type RestartMode = keyof typeof STOP_SIGNALS;

/** A PostgreSQL of a test's own, to be ended and started again: same port, same data. */
export interface RestartablePostgres {
  readonly url: string;
  readonly logFile: string;
  readonly dataFolder: string;
  /**
   * `fast` rolls back and writes everything; `immediate` is a crash. Resolves when it takes connections again.
   * @param meanwhile is awaited while there is no server
   */
  restart(mode: RestartMode, meanwhile?: () => Promise<void>): Promise<void>;
  /** Resolves when every session has been told. */
  setReadOnly(isReadOnly: boolean): Promise<void>;
  /** Ends the connections of piipe, and says how many there were. */
  killBackends(): Promise<number>;
  /** Ends the server and removes its data. Safe twice. */
  stop(): Promise<void>;
}

/**
 * Processes die here, never the machine: without fsync nothing is lost by that. What a COMMIT means stays as it is, and
 * full pages are written, as recovery from a crash expects.
 */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  dynamic_shared_memory_type: "mmap",
  fsync: "off",
  log_error_verbosity: "terse",
  log_min_error_statement: "panic",
} as const;
const READY_TIMEOUT_MS = 60_000;

export async function startRestartablePostgres(): Promise<RestartablePostgres> {
  const user = await findServerUser();
  const folder = await openGuardedFolder("piipe-restartable");
  const dataFolder = join(folder.path, "data");
  try {
    if (user !== null) await chown(folder.path, user.uid, user.gid);
    // As for the server of the test run, another PostgreSQL can be chosen.
    const nativeFolder = process.env["PIIPE_TEST_POSTGRES_NATIVE"] ?? findNativeFolder();
    const binaries = await usableBinaries(folder, nativeFolder, user);
    const password = randomBytes(24).toString("hex");
    await createCluster(folder, binaries, user, password);
    const port = await freePort();
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres?sslmode=disable`;
    const settings = Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const run = (): Promise<CommandEnd> =>
      folder.run({ file: binaries.postgres, args: ["-D", dataFolder, ...settings], env: binaries.env, user });
    let ended = run();
    await ready(url, ended, folder.logFile);
    folder.detach();
    return {
      url,
      logFile: folder.logFile,
      dataFolder,
      async restart(mode, meanwhile) {
        process.kill(
          Number.parseInt(await readFile(join(dataFolder, "postmaster.pid"), "utf8"), 10),
          STOP_SIGNALS[mode],
        );
        await ended;
        await meanwhile?.();
        ended = run();
        await ready(url, ended, folder.logFile);
      },
      async setReadOnly(isReadOnly) {
        const value = isReadOnly ? "on" : "off";
        await ask(url, `ALTER SYSTEM SET default_transaction_read_only = ${value}`);
        await ask(url, "SELECT pg_reload_conf()");
        await until("new sessions have the setting", async () => {
          const [row] = await ask(url, "SELECT current_setting('default_transaction_read_only') AS value");
          return row?.["value"] === value;
        });
      },
      async killBackends() {
        const [row] = await ask(
          url,
          `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))::integer AS killed
           FROM pg_stat_activity WHERE application_name = 'piipe'`,
        );
        return Number(row?.["killed"]);
      },
      stop: () => folder.release(),
    };
  } catch (error) {
    await folder.release();
    throw error;
  }
}

/** Resolves when the server answers: after a crash, once it has recovered. */
async function ready(url: string, ended: Promise<CommandEnd>, logFile: string): Promise<void> {
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  const answers = (): Promise<boolean> =>
    ask(url, "SELECT 1").then(
      () => true,
      () => hasEnded,
    );
  await until("PostgreSQL answers", answers, READY_TIMEOUT_MS);
  if (hasEnded) throw new Error(`PostgreSQL did not start:\n${await readFile(logFile, "utf8")}`);
}

async function ask(url: string, text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new pg.Client({ connectionString: url });
  // The server may go between the question and the end.
  client.on("error", () => {});
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
