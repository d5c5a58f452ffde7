import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";

/** null when the Debian package `prometheus`, or another, is not installed. */
export function findPromtool(): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, "promtool")).find((file) => existsSync(file)) ?? null;
}

/** @returns all that it printed, and its exit code: 0 when it found nothing wrong */
export async function runPromtool(
  args: readonly string[],
  stdin = "",
): Promise<{ readonly code: number | null; readonly output: string }> {
  const program = findPromtool();
  if (program === null) throw new Error("promtool is not installed");
  const child = spawn(program, args, { stdio: "pipe" });
  child.stdin.end(stdin);
  const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: code as number | null, output: out + error };
}
