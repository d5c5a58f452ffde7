import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { text } from "node:stream/consumers";

/** A program that npm does not bring, such as `promtool`: in the path, or where `go install` leaves it. null when missing. */
export function findProgram(name: string): string | null {
  if (isAbsolute(name)) return existsSync(name) ? name : null;
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), join(homedir(), "go", "bin")];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null;
}

export interface ProgramEnd {
  /** 0 when it found nothing wrong. */
  readonly code: number | null;
  readonly stdout: string;
  /** All that it printed. */
  readonly output: string;
}

export async function runProgram(name: string, args: readonly string[], stdin = ""): Promise<ProgramEnd> {
  const program = findProgram(name);
  if (program === null) throw new Error(`${name} is not installed`);
  const child = spawn(program, args, { stdio: "pipe" });
  child.stdin.end(stdin);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: code as number | null, stdout, output: stdout + stderr };
}
