import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const CLI_FILE = fileURLToPath(new URL("../../dist/bin/piipe.js", import.meta.url));

const ESCAPE = "\u001b";
/** Erases the line that the cursor is in. */
export const ERASE = `${ESCAPE}[2K`;
const STYLE = new RegExp(`${ESCAPE}\\[\\d*m`, "g");

export interface TerminalCli {
  /** All that was written, as the terminal got it. */
  readonly written: () => string;
  /** Presses keys. */
  readonly type: (keys: string) => void;
  readonly ended: Promise<number | null>;
}

/** Whether there is util-linux's `script`, which gives a program a terminal of its own. */
export function hasPseudoTerminal(): boolean {
  try {
    return execFileSync("script", ["--version"], { encoding: "utf8" }).includes("util-linux");
  } catch {
    return false;
  }
}

/** The built command at a terminal of so many columns. */
export function startAtTerminal(
  args: readonly string[],
  { folder, environment }: { readonly folder: string; readonly environment: Readonly<Record<string, string>> },
  columns = 100,
): TerminalCli {
  const words = [process.execPath, CLI_FILE, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const child = spawn("script", ["-qefc", `stty cols ${columns}; exec ${words.join(" ")}`, "/dev/null"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: "/nonexistent", TERM: "xterm-256color", ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let written = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    written += chunk;
  });
  return {
    written: () => written,
    type: (keys) => void child.stdin.write(keys),
    ended: once(child, "close").then(([code]) => {
      process.off("exit", kill);
      return code as number | null;
    }),
  };
}

/** The lines that are there in the end, for what piipe writes: it goes to a line's beginning, and erases whole lines. */
export function screenOf(written: string): readonly string[] {
  return written
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => line.split(ERASE).at(-1)?.replaceAll("\r", "") ?? "");
}

/** Without colours, bold and the like. */
export const withoutStyle = (written: string): string => written.replaceAll(STYLE, "");
