import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { startTestSqs, type TestSqs } from "../support/sqs.ts";

const MESSAGES = 100_000;
const RSS_MAX_KB = 200 * 1024;

let sqs: TestSqs;
beforeAll(async () => {
  sqs = await startTestSqs();
});
afterAll(() => sqs.stop());

describe("memory", () => {
  it.skipIf(process.platform !== "linux")(
    `stays below 200 MB of resident set while ${MESSAGES} messages are drained (read from /proc: Linux only)`,
    async () => {
      const pipeline = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "600" } });
      await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
      const worker = startCli(["run", "--until-empty", "--json"], pipeline);
      let peakKb = 0;
      const { pid } = worker.process;
      const watch = setInterval(() => {
        void readFile(`/proc/${pid}/status`, "utf8").then(
          (status) => {
            peakKb = Math.max(peakKb, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0));
          },
          () => {},
        );
      }, 50);
      const result = await worker.ended;
      clearInterval(watch);
      const totals = JSON.parse(result.stdout) as { stored: number; elapsedMs: number };
      console.log(`peak resident set ${Math.round(peakKb / 1024)} MB, ${totals.stored} rows in ${totals.elapsedMs} ms`);
      expect(totals.stored).toBe(MESSAGES);
      expect(await pipeline.rows()).toBe(MESSAGES);
      expect(peakKb).toBeGreaterThan(0);
      expect(peakKb).toBeLessThan(RSS_MAX_KB);
      await pipeline.remove();
    },
    240_000,
  );
});
