import { fileURLToPath } from "node:url";
import { type ProcessOptions, type RunningCli, startCli, UNBUNDLED_CLI_FILE } from "./cli.ts";

/**
 * Where a worker can be killed.
 * - `received`: a reply has brought messages; none of them is tracked yet
 * - `masked`: a record is in the open batch
 * - `claimed`: the ids are in the ledger and the rows in the table, uncommitted
 * - `before COMMIT`, `after COMMIT`: nothing sent yet; the reply is there, and no delete is sent
 * - `mid-delete`: some of a batch are deleted, others are not
 */
export const KILL_POINTS = ["received", "masked", "claimed", "before COMMIT", "after COMMIT", "mid-delete"] as const;
export type KillPoint = (typeof KILL_POINTS)[number];

export interface Worker extends RunningCli {
  /** Resolves when the worker died at the point. Rejects when it ended in another way: the point was never passed. */
  killAt(point: KillPoint): Promise<void>;
}

/** Against hangs only: a worker first has to start, and to get at messages. */
const PASS_TIMEOUT_MS = 120_000;
const PRELOAD = fileURLToPath(new URL("./kill-points.mjs", import.meta.url));

/** As `startCli`, with a preload that can kill the process at a point of its work. */
export function startWorker(args: readonly string[], options: ProcessOptions = {}): Worker {
  const nodeArguments = ["--import", PRELOAD, ...(options.nodeArguments ?? [])];
  const cli = startCli(args, { ...options, file: UNBUNDLED_CLI_FILE, nodeArguments, hasChannel: true });
  return {
    ...cli,
    async killAt(point) {
      // A worker that has just ended takes no message; how it ended says so.
      cli.process.send({ killAt: point }, () => {});
      const timer = setTimeout(() => cli.process.kill("SIGKILL"), PASS_TIMEOUT_MS);
      const { signal, code, stderr } = await cli.ended;
      clearTimeout(timer);
      if (signal === "SIGKILL" && stderr.includes(`killed at ${point}\n`)) return;
      throw new Error(`the worker ended with ${signal ?? code} before it was killed at “${point}”:\n${stderr}`);
    },
  };
}
