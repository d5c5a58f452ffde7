import { existsSync } from "node:fs";
import { chown, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import pg from "pg";
import { freePort } from "../../src/embedded/free-port.ts";
import { type CommandEnd, openGuardedFolder } from "../../src/embedded/guarded-folder.ts";
import { findServerUser } from "../../src/embedded/server-user.ts";
import { until } from "./until.ts";

/** PgBouncer in front of a PostgreSQL server; ended, and its files gone, with the process that started it. */
export interface PgBouncer {
  /** The server's URL, through the pooler. Any database and any user of the server can be put in. */
  readonly url: string;
  /** Cuts every connection, as the end of the service does, and starts it again on the same port. */
  restart(): Promise<void>;
  /** What PgBouncer has printed. */
  log(): Promise<string>;
  /** Safe twice. */
  stop(): Promise<void>;
}

/** Settings of pgbouncer.ini's section `[pgbouncer]`, on top of those below. */
export type PgBouncerSettings = Readonly<Record<string, string | number>>;

/** null when the Debian package `pgbouncer`, or another, is not installed. */
export function findPgBouncer(): string | null {
  // Debian's folder for it is not in the path of ordinary users.
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, "pgbouncer")).find((file) => existsSync(file)) ?? null;
}

/** Transaction mode unless the settings say otherwise. Its users are those of the server, with their passwords there. */
export async function startPgBouncer(serverUrl: string, settings: PgBouncerSettings = {}): Promise<PgBouncer> {
  const program = requirePgBouncer();
  const server = new URL(serverUrl);
  const user = await findServerUser();
  const folder = await openGuardedFolder("piipe-pgbouncer");
  const inFolder = (name: string): string => join(folder.path, name);
  const url = new URL(serverUrl);
  const adminUrl = new URL(serverUrl);
  let ended: Promise<CommandEnd> | null = null;

  const log = (): Promise<string> => readFile(folder.logFile, "utf8").catch(() => "");
  async function start(): Promise<void> {
    let hasEnded = false;
    const args = [inFolder("pgbouncer.ini")];
    ended = folder.run({ file: program, args, env: { LC_ALL: "C", TZ: "UTC" }, user });
    void ended.then(() => (hasEnded = true));
    await until("PgBouncer answers", async () => {
      if (hasEnded) throw new Error(`PgBouncer ended:\n${await log()}`);
      return answers(adminUrl);
    });
  }

  /** At once: SIGINT, which the guardian sends first, would wait for the transactions under way. */
  async function end(): Promise<void> {
    const pid = Number.parseInt(await readFile(inFolder("pgbouncer.pid"), "utf8"), 10);
    process.kill(pid, "SIGTERM");
    await ended;
    ended = null;
  }

  async function write(name: string, text: string): Promise<void> {
    await writeFile(inFolder(name), text, { mode: 0o600 });
    if (user !== null) await chown(inFolder(name), user.uid, user.gid);
  }

  try {
    if (user !== null) await chown(folder.path, user.uid, user.gid);
    url.port = String(await freePort());
    adminUrl.port = url.port;
    adminUrl.pathname = "/pgbouncer";
    const name = decodeURIComponent(server.username);
    await write("userlist.txt", `"${name}" "${decodeURIComponent(server.password)}"\n`);
    await write(
      "pgbouncer.ini",
      iniText({
        databases: { "*": `host=${server.hostname} port=${server.port} auth_user=${name}` },
        pgbouncer: {
          listen_addr: "127.0.0.1",
          listen_port: url.port,
          unix_socket_dir: folder.path,
          pidfile: inFolder("pgbouncer.pid"),
          auth_type: "scram-sha-256",
          auth_file: inFolder("userlist.txt"),
          admin_users: name,
          pool_mode: "transaction",
          // Default: 15 s, which a test of a restart would have to wait for.
          server_login_retry: 1,
          ...settings,
        },
      }),
    );
    await start();
    folder.detach();
  } catch (error) {
    await folder.release();
    throw error;
  }
  return {
    url: url.href,
    log,
    async restart() {
      await end();
      await start();
    },
    async stop() {
      try {
        if (ended !== null) await end();
      } finally {
        await folder.release();
      }
    },
  };
}

function requirePgBouncer(): string {
  const program = findPgBouncer();
  if (program === null) throw new Error("PgBouncer is not installed");
  return program;
}

/** Its console answers without a server behind it. */
async function answers(adminUrl: URL): Promise<boolean> {
  const client = new pg.Client({ connectionString: adminUrl.href });
  try {
    await client.connect();
    await client.query("SHOW VERSION");
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

function iniText(sections: Readonly<Record<string, Readonly<Record<string, string | number>>>>): string {
  return Object.entries(sections)
    .map(([section, entries]) => {
      const lines = Object.entries(entries).map(([name, value]) => `${name} = ${value}`);
      return `[${section}]\n${lines.join("\n")}\n`;
    })
    .join("\n");
}
