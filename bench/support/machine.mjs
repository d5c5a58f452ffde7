/** On what, with what and of what the figures were taken. */
import { spawnSync } from "node:child_process";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @param {string} postgresVersion */
export function describeMachine(postgresVersion) {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cores: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? "unknown",
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    postgres: postgresVersion,
  };
}

/** @param {ReturnType<typeof describeMachine>} machine */
export function machineText({ date, commit: from, cores, model, memoryGib, system, node, postgres }) {
  const where = `${cores} cores (${model}), ${memoryGib} GiB, ${system}, Node ${node}, PostgreSQL ${postgres}`;
  return `${where}; ${date.slice(0, 10)}, commit ${from ?? "unknown"}`;
}

/** null: not a clone. `+`: the working tree differs from it. */
function commit() {
  const git = (/** @type {string[]} */ ...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" });
  const { status, stdout } = git("rev-parse", "--short=10", "HEAD");
  if (status !== 0) return null;
  return `${stdout.trim()}${git("status", "--porcelain").stdout === "" ? "" : "+"}`;
}
