#!/usr/bin/env node
import { url as inspectorUrl } from "node:inspector";
import { isatty } from "node:tty";
import { setFlagsFromString } from "node:v8";
import { CommanderError } from "commander";
import { askAtTerminal } from "./ask-at-terminal.ts";
import { EXIT_CODES, exitCodeOf } from "./exit-codes.ts";
import { parentChannelOf } from "./parent-channel.ts";
import { printError } from "./print-error.ts";
import { buildProgram } from "./program.ts";
import { isGuarded, refuseDebugging } from "./refuse-debugging.ts";
import type { Terminal } from "./terminal.ts";

// The heap may double between collections instead of growing fourfold. Draining 100,000 messages, that took the peak of
// the resident set from 187 to 147 MB, and no CPU that could be measured.
setFlagsFromString("--heap-growing-percent=100");
// On Node 24 the space for new objects grows much further than on 20 and 22: held small, 243 MB became 142.
if (Number.parseInt(process.versions.node, 10) >= 24) setFlagsFromString("--semi-space-growth-factor=1");

const parent = parentChannelOf(process);
const terminal: Terminal = {
  environment: process.env,
  folder: process.cwd(),
  nodeVersion: process.version,
  stdin: process.stdin,
  writeOut: (text) => process.stdout.write(text),
  writeError: (text) => process.stderr.write(text),
  isInteractive: isatty(2) && process.env["TERM"] !== "dumb",
  outIsTerminal: isatty(1),
  ask: isatty(0) && isatty(2) ? askAtTerminal({ input: process.stdin, output: process.stderr }) : null,
  onSignal(listener) {
    process.on("SIGINT", listener);
    process.on("SIGTERM", listener);
  },
  ...(parent === undefined ? {} : { parent }),
};

// A reader that has seen enough, such as `head`, closes the pipe: nothing is wrong, and nobody is left to write to.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT_CODES.done : EXIT_CODES.bug);
});
process.stderr.on("error", () => {});
process.on("uncaughtException", (error) => {
  printError(error, terminal);
  process.exit(EXIT_CODES.bug);
});

const program = buildProgram(async (command) => {
  process.exitCode = await command(terminal);
});
program.hook("preAction", (_program, command) => {
  if (!isGuarded(command)) return;
  // Node would open its debugger to whoever sends SIGUSR1; a listener takes the place of that.
  process.on("SIGUSR1", () => {});
  const { reportOnFatalError, reportOnSignal, reportOnUncaughtException } = process.report;
  refuseDebugging({
    execArgv: process.execArgv,
    nodeOptions: process.env["NODE_OPTIONS"],
    inspectorUrl: inspectorUrl(),
    writesReports: reportOnFatalError || reportOnSignal || reportOnUncaughtException,
  });
});
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // commander has printed the help or the error already.
    process.exitCode = error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.usage;
  } else {
    printError(error, terminal);
    process.exitCode = exitCodeOf(error);
  }
}
