/**
 * Runs a program in the place of the benchmark, and ends it when the benchmark is gone, killed or not: a worker without a
 * queue server would ask for it for ever. Arguments: the program's file and its arguments.
 */
import { spawn } from "node:child_process";
import process from "node:process";

const program = spawn(process.execPath, process.argv.slice(2), { stdio: "inherit" });
program.once("exit", (code) => process.exit(code ?? 1));
process.on("disconnect", () => program.kill("SIGKILL"));
process.on("message", (/** @type {NodeJS.Signals} */ signal) => program.kill(signal));
// Ctrl-C reaches this process as well, and the benchmark's end soon after.
for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) process.on(signal, () => {});
process.send?.(program.pid);
