/** The servers and senders that the benchmark starts: none may outlive it. Programs under measurement have a guard. */
import process from "node:process";

/** @type {Set<import("node:child_process").ChildProcess>} */
const children = new Set();

/**
 * @template {import("node:child_process").ChildProcess} T
 * @param {T} child
 */
export function registerChild(child) {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Ends those that are left, at once. */
export function killChildren() {
  for (const child of children) child.kill("SIGKILL");
}

process.once("exit", killChildren);
