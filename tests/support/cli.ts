import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runCommandLine } from "../../src/cli/command-line.ts";
import type { StopSignal, Terminal } from "../../src/cli/terminal.ts";

/** The built command, as users run it: `npm test` builds it first. */
const CLI_FILE = fileURLToPath(new URL("../../dist/bin/piipe.js", import.meta.url));
/** The same, each module by itself: for tests that replace parts of it, or refuse it packages. */
export const UNBUNDLED_CLI_FILE = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface CliOptions {
  readonly folder?: string;
  /** Beside PATH and HOME, which every command gets; nothing else of this process's environment is passed on. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

export interface ProcessOptions extends CliOptions {
  /** Of Node itself, before the command's file. */
  readonly nodeArguments?: readonly string[];
  /** Default: the command as users have it. */
  readonly file?: string;
  /** Opens a channel for `process.send`, which the command itself knows nothing of. */
  readonly hasChannel?: boolean;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  /** What stderr held so far. */
  readonly stderr: () => string;
  readonly ended: Promise<CliResult>;
  /** Resolves when stderr holds the text; rejects when the command ends first. */
  readonly printed: (text: string) => Promise<void>;
  /** Sends it. */
  readonly signal: (name: StopSignal) => void;
}

export interface RunningCli extends RunningCommand {
  readonly process: ChildProcess;
}

/** Credentials for a local queue, and a home without any configuration of AWS. */
export const LOCAL_AWS = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-west-1" } as const;

const environmentOf = ({ environment }: CliOptions): Record<string, string | undefined> => ({
  PATH: process.env["PATH"],
  HOME: "/nonexistent",
  ...environment,
});

/** A process of its own: for signals, start-up, what Node is given, and whatever is to go on beside the test. */
export function startCli(args: readonly string[], options: ProcessOptions = {}): RunningCli {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), options.file ?? CLI_FILE, ...args], {
    cwd: options.folder ?? process.cwd(),
    env: environmentOf(options),
    stdio: ["pipe", "pipe", "pipe", ...(options.hasChannel === true ? (["ipc"] as const) : [])],
  }) as ChildProcessWithoutNullStreams;
  // A test that fails before its end must not leave a worker behind.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const output = new Output();
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output.out += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => output.writeError(chunk));
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const ended = once(child, "close").then(([code, signal]): CliResult => {
    process.off("exit", kill);
    output.close();
    return {
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: output.out,
      stderr: output.error,
    };
  });
  return {
    process: child,
    stderr: () => output.error,
    ended,
    printed: (text) => output.printed(text),
    signal: (name) => void child.kill(name),
  };
}

/** As `startCli`, to its end. */
export const runProcess = (args: readonly string[], options: ProcessOptions = {}): Promise<CliResult> =>
  startCli(args, options).ended;

/**
 * Starts a command in the test's own process: starting one of its own costs half a second of CPU. All that main.ts adds is
 * what belongs to a process; tests of that take `startCli`. Commands may overlap when they have the same environment:
 * AWS's packages and PostgreSQL's driver read that of the process.
 */
export function startCommand(args: readonly string[], options: CliOptions = {}): RunningCommand {
  const output = new Output();
  const environment = environmentOf(options);
  const giveBack = lendEnvironment(environment);
  const listeners: Array<(signal: StopSignal) => void> = [];
  const terminal: Terminal = {
    environment,
    folder: options.folder ?? process.cwd(),
    pid: process.pid,
    nodeVersion: process.version,
    stdin: (async function* () {
      yield options.stdin ?? "";
    })(),
    writeOut: (text) => void (output.out += text),
    writeError: (text) => output.writeError(text),
    isInteractive: false,
    showLine: () => {},
    columns: () => 80,
    outIsTerminal: false,
    ask: null,
    onSignal: (listener) => void listeners.push(listener),
  };
  const end = (): void => {
    for (const listener of listeners) listener("SIGTERM");
  };
  running.add(end);
  const ended = runCommandLine(args, terminal, () => {}).then((code): CliResult => {
    running.delete(end);
    giveBack();
    output.close();
    return { code, signal: null, stdout: output.out, stderr: output.error };
  });
  return {
    stderr: () => output.error,
    ended,
    printed: (text) => output.printed(text),
    signal(name) {
      if (listeners.length === 0) throw new Error(`nothing listens to ${name} yet`);
      for (const listener of listeners) listener(name);
    },
  };
}

/** Ends each of the commands that run. */
const running = new Set<() => void>();

/** What a test that failed has left running must not be in the way of the next file. The setup of every file calls it. */
export async function endCommands(): Promise<void> {
  const deadlineMs = performance.now() + END_TIMEOUT_MS;
  while (running.size > 0 && performance.now() < deadlineMs) {
    for (const end of running) end();
    // A second signal within a moment counts as the first.
    await sleep(400);
  }
}

const END_TIMEOUT_MS = 20_000;

/** As `startCommand`, to its end. */
export const runCli = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  startCommand(args, options).ended;

/** What a command has printed. */
class Output {
  out = "";
  error = "";
  #isClosed = false;
  readonly #listeners = new Set<() => void>();

  writeError(text: string): void {
    this.error += text;
    for (const listener of this.#listeners) listener();
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) listener();
  }

  printed(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.error.includes(text)) resolve();
        else if (this.#isClosed) reject(new Error(`the command ended before it printed “${text}”:\n${this.error}`));
        else return;
        this.#listeners.delete(look);
      };
      this.#listeners.add(look);
      look();
    });
  }
}

/** What piipe, AWS's packages and PostgreSQL's driver read of a process's environment. */
const READ_FROM_PROCESS = /^(?:AWS_|PG|PIIPE_|HOME$|NO_COLOR$|TMPDIR$)/;
let lent: { readonly text: string; readonly own: Readonly<Record<string, string | undefined>>; users: number } | null =
  null;

/** For the time of a command, the process has its environment. */
function lendEnvironment(environment: Readonly<Record<string, string | undefined>>): () => void {
  const text = JSON.stringify(Object.entries(environment).toSorted());
  if (lent !== null && lent.text !== text) {
    throw new Error("two commands with different environments overlap: one of them needs a process, `startCli`");
  }
  if (lent === null) {
    lent = { text, own: { ...process.env }, users: 0 };
    changeEnvironment(environment);
  }
  const loan = lent;
  loan.users += 1;
  return () => {
    loan.users -= 1;
    if (loan.users > 0) return;
    changeEnvironment(loan.own);
    lent = null;
  };
}

/** The one that Node's own code reads as well: no object can take its place. */
function changeEnvironment(wanted: Readonly<Record<string, string | undefined>>): void {
  for (const name of Object.keys(process.env)) if (READ_FROM_PROCESS.test(name)) delete process.env[name];
  for (const [name, value] of Object.entries(wanted)) {
    if (READ_FROM_PROCESS.test(name) && value !== undefined) process.env[name] = value;
  }
}
