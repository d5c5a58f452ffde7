/**
 * What a process has used, by the operating system's account, read from outside: one ruler for every program, whatever
 * it is written with. Linux only: elsewhere there is no /proc, and the figures are missing.
 */
import { readdirSync, readFileSync } from "node:fs";

/**
 * @typedef {object} Usage
 * @property {number} cpuUs user and system time since the process began, all threads
 * @property {number} peakRssKb the most memory that was resident at once
 */

/** Of /proc/<pid>/stat's times; Linux has had it fixed for programs for decades. */
const US_PER_TICK = 10_000;
/** Places in /proc/<pid>/stat after the name, which may itself hold spaces and brackets: proc_pid_stat(5). */
const PARENT = 1;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

/**
 * Of the process and all that descend from it, the peaks added up. null: the process is gone, or there is no /proc.
 * @param {number} pid
 * @returns {Usage | null}
 */
export function readUsage(pid) {
  const pids = [pid, ...descendantsOf(pid)];
  const usages = pids.flatMap((each) => usageOf(each) ?? []);
  if (usages.length === 0) return null;
  return {
    cpuUs: usages.reduce((sum, { cpuUs }) => sum + cpuUs, 0),
    peakRssKb: usages.reduce((sum, { peakRssKb }) => sum + peakRssKb, 0),
  };
}

/**
 * @param {number} pid
 * @returns {Usage | null}
 */
function usageOf(pid) {
  try {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return { cpuUs: exactCpuUs(pid) ?? tickedCpuUs(pid), peakRssKb: Number(peak?.[1] ?? 0) };
  } catch {
    return null;
  }
}

/**
 * To the nanosecond, where the kernel counts so; the ticks of /proc/<pid>/stat are too coarse for a short run.
 * @param {number} pid
 */
function exactCpuUs(pid) {
  try {
    let ns = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ns += Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"), 10);
    }
    return ns / 1_000;
  } catch {
    return null;
  }
}

/** @param {number} pid */
function tickedCpuUs(pid) {
  const fields = statOf(pid);
  return (Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])) * US_PER_TICK;
}

/** @param {number} pid */
function statOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/**
 * By a look at every process: not all kernels list a process's children.
 * @param {number} pid
 */
function descendantsOf(pid) {
  /** @type {Map<number, number[]>} */
  const childrenOf = new Map();
  for (const [child, parent] of parents()) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), child]);
  const found = [...(childrenOf.get(pid) ?? [])];
  // Grows while it is walked.
  for (const each of found) found.push(...(childrenOf.get(each) ?? []));
  return found;
}

/** @returns {[pid: number, parent: number][]} */
function parents() {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          return [[Number(name), Number(statOf(Number(name))[PARENT])]];
        } catch {
          // It ended between the two looks.
          return [];
        }
      });
  } catch {
    return [];
  }
}
