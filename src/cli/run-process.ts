import { url as inspectorUrl } from "node:inspector";
import { isatty } from "node:tty";
import { setFlagsFromString } from "node:v8";
import { runCommandLine } from "./command-line.ts";
import { askAtTerminal } from "./confirm.ts";
import { EXIT_CODES } from "./failure.ts";
import { printError } from "./failure.ts";
import { parentChannelOf } from "./parent-channel.ts";
import { LiveLine } from "./progress-bar.ts";
import { isGuarded, refuseDebugging } from "./refuse-debugging.ts";
import { STOP_SIGNALS, withShownControls } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

/** For whatever is left to close. */
const LINGER_MS = 2_000;

/** The command line as a process: what belongs to `process` and to V8 is here. */
export async function runProcess(args: readonly string[]): Promise<void> {
  tuneEngine();
  const parent = parentChannelOf(process);
  const standardError = new LiveLine((text) => process.stderr.write(text));
  const terminal: Terminal = {
    environment: process.env,
    folder: process.cwd(),
    pid: process.pid,
    nodeVersion: process.version,
    stdin: process.stdin,
    writeOut: (text) => process.stdout.write(text),
    writeError: (text) => standardError.write(text),
    isInteractive: isatty(2) && process.env["TERM"] !== "dumb",
    showLine: (text) => standardError.show(text),
    // Some terminals do not know, and say 0.
    columns: () => process.stderr.columns || 80,
    outIsTerminal: isatty(1),
    ask: isatty(0) && isatty(2) ? askAtTerminal({ input: process.stdin, output: process.stderr }) : null,
    onSignal(listener) {
      for (const signal of STOP_SIGNALS) process.on(signal, () => listener(signal));
    },
    ...(parent === undefined ? {} : { parent }),
  };

  // A reader that has seen enough, such as `head`, closes the pipe: nothing is wrong, and nobody is left to write to.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? EXIT_CODES.done : EXIT_CODES.bug);
  });
  process.stderr.on("error", () => {});
  // What a library warns of would stand as text among lines of JSON, and says nothing to whoever runs piipe.
  if (!isatty(2)) process.removeAllListeners("warning");
  process.on("uncaughtException", (error) => {
    standardError.show("");
    printError(error, withShownControls(terminal));
    process.exit(EXIT_CODES.bug);
  });

  process.exitCode = await runCommandLine(args, terminal, (command) => {
    if (!isGuarded(command)) return;
    // Node would open its debugger to whoever sends SIGUSR1; a listener takes the place of that.
    process.on("SIGUSR1", () => {});
    const { reportOnFatalError, reportOnSignal, reportOnUncaughtException } = process.report;
    refuseDebugging({
      execArgv: process.execArgv,
      environment: process.env,
      inspectorUrl: inspectorUrl(),
      writesReports: reportOnFatalError || reportOnSignal || reportOnUncaughtException,
    });
  });
  // A look-up of AWS credentials cannot be cancelled: one that waits for a person must not keep a command that has ended.
  setTimeout(() => {
    if (process.stdout.writableLength === 0) process.exit();
  }, LINGER_MS).unref();
}

function tuneEngine(): void {
  // The heap may double between collections instead of growing fourfold. Draining 100,000 messages, that took the peak of
  // the resident set from 187 to 147 MB, and no CPU that could be measured.
  setFlagsFromString("--heap-growing-percent=100");
  // On Node 24 the space for new objects grows much further than on 20 and 22: held small, 243 MB became 142.
  if (Number.parseInt(process.versions.node, 10) >= 24) setFlagsFromString("--semi-space-growth-factor=1");
  // undici reads HTTP with one large function of WebAssembly. Node 20 would optimise it after two replies, in 90 ms of CPU; after
  // some hundred, as here, it is worth that. Later versions wait for some fifteen.
  setFlagsFromString("--wasm-tiering-budget=180000000");
}
