import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The built command, as users run it: `npm test` builds it first. */
const CLI_FILE = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface CliOptions {
  readonly folder?: string;
  /** Beside PATH and HOME, which every process gets; nothing else of this process's environment is passed on. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Of Node itself, before the command's file. */
  readonly nodeArguments?: readonly string[];
  /** Opens a channel for `process.send`, which the command itself knows nothing of. */
  readonly hasChannel?: boolean;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly process: ChildProcess;
  /** What stderr held so far. */
  readonly stderr: () => string;
  readonly ended: Promise<CliResult>;
  /** Resolves when stderr holds the text; rejects when the process ends first. */
  readonly printed: (text: string) => Promise<void>;
}

/** Credentials for a local queue, and a home without any configuration of AWS. */
export const LOCAL_AWS = { AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_REGION: "us-west-1" } as const;

export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), CLI_FILE, ...args], {
    cwd: options.folder ?? process.cwd(),
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...options.environment },
    stdio: ["pipe", "pipe", "pipe", ...(options.hasChannel === true ? (["ipc"] as const) : [])],
  }) as ChildProcessWithoutNullStreams;
  // A test that fails before its end must not leave a worker behind.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let stdout = "";
  let stderr = "";
  let hasEnded = false;
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
    for (const listener of listeners) listener();
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const ended = once(child, "close").then(([code, signal]): CliResult => {
    hasEnded = true;
    process.off("exit", kill);
    for (const listener of listeners) listener();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr };
  });
  return {
    process: child,
    stderr: () => stderr,
    ended,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stderr.includes(text)) resolve();
          else if (hasEnded) reject(new Error(`the process ended before it printed “${text}”:\n${stderr}`));
          else return;
          listeners.delete(look);
        };
        listeners.add(look);
        look();
      }),
  };
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).ended;
}
