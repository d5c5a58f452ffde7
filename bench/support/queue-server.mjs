/** A queue server in a process of its own, and its meter. */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { registerChild } from "./children.mjs";

/** @typedef {import("../servers/meter.mjs").Mark} Mark */
/** @typedef {import("../servers/meter.mjs").Counts} Counts */

/**
 * @typedef {object} QueueServer
 * @property {string} endpoint
 * @property {number} pid
 * @property {(marks: readonly Mark[]) => Promise<void>} begin counts from zero again
 * @property {(pids: Readonly<Record<string, number>>) => Promise<void>} watch their usage is read at each mark
 * @property {() => Promise<Counts>} counts
 * @property {() => Promise<Counts>} reached resolves when the last mark is reached
 * @property {(settings: import("../servers/canned-queue.mjs").CannedSettings) => Promise<void>} configure canned only
 * @property {() => Promise<Counts>} release canned only: the counts of that moment
 */

/**
 * Its process ends with this one, whatever ends this one.
 * @param {"fauxqs" | "canned-queue"} name
 * @returns {Promise<QueueServer>}
 */
export async function startQueueServer(name) {
  const file = fileURLToPath(new URL(`../servers/${name}.mjs`, import.meta.url));
  const child = registerChild(fork(file, { execArgv: [] }));
  const hasEnded = () => new Error(`the queue server ${name} has ended`);
  /** @type {Map<number, { resolve: (result: never) => void, reject: (reason: Error) => void }>} */
  const asked = new Map();
  let nextId = 0;
  child.once("exit", () => {
    for (const { reject } of asked.values()) reject(hasEnded());
  });
  const { endpoint } = await new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", () => reject(hasEnded()));
  });
  child.on("message", (/** @type {{ id: number, result: never }} */ { id, result }) => {
    asked.get(id)?.resolve(result);
    asked.delete(id);
  });
  /** @type {(command: string, argument?: unknown) => Promise<any>} */
  const call = (command, argument) =>
    new Promise((resolve, reject) => {
      nextId += 1;
      asked.set(nextId, { resolve, reject });
      child.send({ id: nextId, command, argument }, (error) => error && reject(hasEnded()));
    });
  return {
    endpoint,
    pid: child.pid ?? 0,
    begin: (marks) => call("begin", marks),
    watch: (pids) => call("watch", pids),
    counts: () => call("counts"),
    reached: () => call("reached"),
    configure: (settings) => call("configure", settings),
    release: () => call("release"),
  };
}
