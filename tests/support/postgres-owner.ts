import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ServerUser } from "../../src/embedded/server-user.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What the owner does once the server runs. It then prints one line of JSON about the server. */
const SCRIPTS = {
  /** Stays until a signal ends it; Node's own handling of signals. */
  "waits for ever": "setInterval(() => {}, 1000);",
  /** As the pipeline does on Ctrl-C: uses the server once more, then stops it. */
  "drains on SIGINT": `
    setInterval(() => {}, 1000);
    process.once("SIGINT", async () => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      const { rows } = await client.query("SELECT 6 * 7 AS answer");
      await client.end();
      await server.stop();
      console.log(JSON.stringify(rows[0]));
      process.exit(0);
    });`,
  /** Forgets to stop the server. */
  "just ends": "",
} as const;

/** A process that owns a local PostgreSQL. */
export interface PostgresOwner {
  readonly process: ChildProcess;
  /** Resolves to each line that it prints, parsed. Rejects when it ends instead. */
  nextLine(): Promise<unknown>;
  readonly exited: Promise<number | null>;
}

export interface ServerReport {
  readonly url: string;
  readonly version: string;
  readonly logFile: string;
}

export interface PostgresOwnerOptions {
  /** Default: this repository, built. */
  readonly installation?: string;
  readonly user?: ServerUser;
  /** Where the server's folder is made. Default: the machine's. */
  readonly temporaryFolder?: string;
}

export function startPostgresOwner(then: keyof typeof SCRIPTS, options: PostgresOwnerOptions = {}): PostgresOwner {
  const installation = options.installation ?? ROOT;
  const moduleUrl = pathToFileURL(join(installation, "dist", "embedded", "postgres.js")).href;
  const pgUrl = pathToFileURL(join(installation, "node_modules", "pg", "esm", "index.mjs")).href;
  const script = `
    import { startPostgres } from ${JSON.stringify(moduleUrl)};
    import pg from ${JSON.stringify(pgUrl)};
    try {
      var server = await startPostgres();
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message, hint: error.hint }));
      process.exit(1);
    }
    ${SCRIPTS[then]}
    console.log(JSON.stringify({ ...server, stop: undefined }));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: "/",
    // A process group of its own, as a terminal gives to each command line.
    detached: true,
    env: { ...process.env, ...(options.temporaryFolder !== undefined && { TMPDIR: options.temporaryFolder }) },
    stdio: ["ignore", "pipe", "inherit"],
    ...options.user,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async nextLine() {
      const line = await lines.next();
      if (line.done === true) throw new Error("the owner of the server ended");
      return JSON.parse(line.value) as unknown;
    },
    exited: once(child, "exit").then(([code]) => code as number | null),
  };
}

/** The process id of the server whose log is `logFile` (the first line of postmaster.pid). */
export async function postmasterPid(logFile: string): Promise<number> {
  const text = await readFile(join(dirname(logFile), "data", "postmaster.pid"), "utf8");
  return Number.parseInt(text, 10);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
