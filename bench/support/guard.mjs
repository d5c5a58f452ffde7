/**
 * Runs a program in the place of the benchmark, and ends it when the benchmark is gone, killed or not: a worker without a
 * queue server would ask for it for ever. Arguments: the program and its arguments.
 * The program has a process group of its own, so that its workers end with it.
 */
import { spawn } from "node:child_process";
import process from "node:process";

const [command = "", ...args] = process.argv.slice(2);
const program = spawn(command, args, { stdio: "inherit", detached: true });
program.once("exit", (code) => process.exit(code ?? 1));
program.once("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
process.on("disconnect", killAll);
process.on("message", (/** @type {NodeJS.Signals} */ signal) => {
  if (signal === "SIGKILL") killAll();
  else program.kill(signal);
});
// Ctrl-C reaches this process as well, and the benchmark's end soon after.
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => {});
process.send?.(program.pid);

function killAll() {
  try {
    if (program.pid !== undefined) process.kill(-program.pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
