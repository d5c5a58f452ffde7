import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("./sqs-server.mjs", import.meta.url));

export interface SqsProcess {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** The embedded queue server in a process of its own: in that of a busy test, its replies would come late. */
export async function startSqsProcess(): Promise<SqsProcess> {
  const child = spawn(process.execPath, [SERVER], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "close");
  const endpoint = await Promise.race([
    once(createInterface(child.stdout), "line").then(([line]) => line as string),
    ended.then(([code]) => {
      throw new Error(`the queue's process ended with ${String(code)} before it listened`);
    }),
  ]);
  return {
    endpoint,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
