/** A program under measurement: piipe, or one of the contenders. */
import { fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * @typedef {object} Program
 * @property {number} pid
 * @property {Promise<void>} ended rejects when it failed
 * @property {() => Promise<void>} stop SIGTERM, then its end
 * @property {() => void} kill all of its processes
 */

const CLI = fileURLToPath(new URL("../../dist/bin/piipe.js", import.meta.url));
const GUARD = fileURLToPath(new URL("./guard.mjs", import.meta.url));
const STDERR_CHARS = 4_000;

/**
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} environment
 */
export function startPiipe(args, environment) {
  return startProgram([process.execPath, CLI, ...args], environment);
}

/**
 * @param {string} name of the file in contenders/
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} environment
 */
export function startContender(name, args, environment) {
  const file = fileURLToPath(new URL(`../contenders/${name}.mjs`, import.meta.url));
  return startProgram([process.execPath, file, ...args], environment);
}

/**
 * @param {readonly string[]} command
 * @param {Readonly<Record<string, string>>} environment nothing else of this process's own is passed on
 * @returns {Promise<Program>}
 */
export async function startProgram(command, environment) {
  const guard = fork(GUARD, [...command], {
    execArgv: [],
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...environment },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  guard.stderr?.setEncoding("utf8").on("data", (/** @type {string} */ chunk) => {
    stderr = `${stderr}${chunk}`.slice(-STDERR_CHARS);
  });
  const ended = once(guard, "close").then(([code, signal]) => {
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${signal ?? code}:\n${stderr}`);
  });
  // Whoever waits sees the failure; a program that is killed on purpose is waited for by nobody.
  ended.catch(() => {});
  const pid = await Promise.race([
    once(guard, "message").then(([value]) => value),
    ended.then(() => Promise.reject(new Error(`${command.join(" ")} did not start`))),
  ]);
  const send = (/** @type {NodeJS.Signals} */ signal) => {
    if (guard.connected) guard.send(signal, () => {});
  };
  return {
    pid,
    ended,
    async stop() {
      send("SIGTERM");
      return ended;
    },
    kill: () => send("SIGKILL"),
  };
}
