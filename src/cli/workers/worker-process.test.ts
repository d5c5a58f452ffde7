import { expect, it } from "vitest";
import { startWorkerProcess } from "./worker-process.ts";

it("a worker that cannot be started is one that has ended, and takes no orders", async () => {
  // More than any system takes on a command line.
  const worker = startWorkerProcess(["x".repeat(8 * 1024 * 1024)], () => {});
  worker.send("stop");
  worker.kill();
  expect(worker.pid).toBeUndefined();
  expect(await worker.ended).toEqual({ code: null, signal: null });
});
