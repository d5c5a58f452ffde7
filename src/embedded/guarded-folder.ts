import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ServerUser } from "./server-user.ts";

export interface GuardedCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** null: the user that runs piipe. */
  readonly user: ServerUser | null;
}

export interface CommandEnd {
  readonly exitCode: number | null;
  /** The signal that ended the command, or the error that kept it from starting; null when it exited by itself. */
  readonly failure: string | null;
}

/**
 * A temporary folder, and at most one command at a time that runs in it. A guardian process ends the command and removes
 * the folder on `release`, and also when this process ends without it, by SIGKILL too.
 */
export interface GuardedFolder {
  /** Mode 0700. */
  readonly path: string;
  /** What the commands print. */
  readonly logFile: string;
  /** Resolves when the command has ended, one way or another; never rejects. */
  run(command: GuardedCommand): Promise<CommandEnd>;
  /** From now on the guardian does not keep this process alive. */
  detach(): void;
  /** Resolves when the command has ended and the folder is gone. Safe twice. */
  release(): Promise<void>;
}

/** Rejects with a file system error when the temporary folder of the machine cannot be written. */
export async function openGuardedFolder(prefix: string): Promise<GuardedFolder> {
  const path = join(tmpdir(), `${prefix}-${randomBytes(8).toString("hex")}`);
  // Started before the folder is made: there is no moment at which the folder has no guardian.
  const guardian = fork(fileURLToPath(new URL("./guardian.mjs", import.meta.url)), [path], {
    // Out of the terminal's process group: Ctrl-C must reach the pipeline alone, which still drains into the server.
    detached: true,
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const gone = once(guardian, "exit").then(
    () => {},
    () => {},
  );
  const folder = new ForkedFolder(path, guardian, gone);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    await folder.release();
    throw error;
  }
  return folder;
}

class ForkedFolder implements GuardedFolder {
  readonly path: string;
  readonly logFile: string;
  readonly #guardian: ChildProcess;
  readonly #gone: Promise<void>;

  constructor(path: string, guardian: ChildProcess, gone: Promise<void>) {
    this.path = path;
    this.logFile = join(path, "server.log");
    this.#guardian = guardian;
    this.#gone = gone;
  }

  async run(command: GuardedCommand): Promise<CommandEnd> {
    const lost: CommandEnd = { exitCode: null, failure: "guardian" };
    if (!this.#guardian.connected) return lost;
    const waiting = new AbortController();
    const replied = once(this.#guardian, "message", { signal: waiting.signal }).then(
      ([end]) => end as CommandEnd,
      () => lost,
    );
    this.#guardian.send(command, () => {});
    const end = await Promise.race([replied, this.#gone.then(() => lost)]);
    waiting.abort();
    return end;
  }

  detach(): void {
    this.#guardian.unref();
    this.#guardian.channel?.unref();
  }

  async release(): Promise<void> {
    this.#guardian.ref();
    if (this.#guardian.connected) this.#guardian.disconnect();
    await this.#gone;
  }
}
