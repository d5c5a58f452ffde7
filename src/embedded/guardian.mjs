/**
 * The program of the process that owns a local server and its folder, so that both vanish whatever becomes of piipe:
 * a killed process runs no exit handler, but the kernel closes its end of the channel, and this process sees that.
 * JavaScript, not TypeScript: it is started as a file of its own, also from the sources, on a Node that reads no types.
 *
 * Argument: the folder. Each message is a command to run; each is answered with how it ended.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

/** PostgreSQL's fast shutdown, its immediate shutdown, and the end of all patience. */
const STOP_STEPS = /** @type {const} */ ([
  { signal: "SIGINT", waitMs: 5_000 },
  { signal: "SIGQUIT", waitMs: 2_000 },
  { signal: "SIGKILL", waitMs: 2_000 },
]);

const folder = process.argv[2] ?? "";
/** @type {{ readonly kill: (signal: NodeJS.Signals) => void, readonly ended: Promise<void> } | null} */
let running = null;
let isEnding = false;

/** @param {import("./guarded-folder.ts").CommandEnd} end */
function reply(end) {
  running = null;
  if (process.connected) process.send?.(end, undefined, undefined, () => {});
}

/** @param {import("./guarded-folder.ts").GuardedCommand} command */
function run(command) {
  const log = openSync(join(folder, "server.log"), "a", 0o600);
  const child = spawn(command.file, command.args, {
    cwd: folder,
    // A process group of its own: a signal then reaches initdb's helpers as well.
    detached: true,
    env: command.env,
    stdio: ["ignore", log, log],
    ...command.user,
  });
  closeSync(log);
  const ended = new Promise((/** @type {(value: void) => void} */ resolve) => {
    child.once("error", (/** @type {NodeJS.ErrnoException} */ error) => {
      reply({ exitCode: null, failure: error.code ?? "unknown" });
      resolve();
    });
    child.once("exit", (code, signal) => {
      reply({ exitCode: code, failure: signal });
      resolve();
    });
  });
  running = {
    kill(signal) {
      if (child.pid === undefined) return;
      try {
        if (process.platform === "win32") child.kill(signal);
        else process.kill(-child.pid, signal);
      } catch {
        // It ended between the question and the signal.
      }
    },
    ended,
  };
}

async function shutDown() {
  if (isEnding) return;
  isEnding = true;
  for (const { signal, waitMs } of STOP_STEPS) {
    if (running === null) break;
    running.kill(signal);
    const timer = new AbortController();
    await Promise.race([running.ended, sleep(waitMs, undefined, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  process.exit(0);
}

process.on("message", (message) => {
  if (isEnding) return;
  try {
    run(/** @type {import("./guarded-folder.ts").GuardedCommand} */ (message));
  } catch {
    reply({ exitCode: null, failure: "spawn" });
  }
});
process.on("disconnect", () => void shutDown());
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) process.on(signal, () => void shutDown());
