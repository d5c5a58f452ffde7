import { readFile } from "node:fs/promises";
import { expect, it, onTestFailed, onTestFinished } from "vitest";
import { startCli } from "./cli.ts";
import { loginEvents } from "./login-events.ts";
import { createLoginPipeline } from "./login-pipeline.ts";
import { testSqs } from "./sqs.ts";

const SENT_AT_ONCE = 2_000;
const RSS_MAX_KB = 200 * 1024;

/** The test of a worker's memory, over so many messages. */
export function testMemory(messages: number): void {
  it.skipIf(process.platform !== "linux")(
    `stays below 200 MB of resident set while ${messages} messages are drained (read from /proc: Linux only)`,
    async () => {
      const sqs = testSqs();
      // What a lost reply hides comes back within the test.
      const pipeline = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "30" } });
      onTestFinished(() => pipeline.remove());
      const events = loginEvents(messages);
      for (let sent = 0; sent < messages; sent += SENT_AT_ONCE) {
        await sqs.send(pipeline.queue.url, events.slice(sent, sent + SENT_AT_ONCE));
      }
      const worker = startCli(["run", "--until-empty", "--json"], pipeline);
      onTestFailed(async () => {
        const counts = JSON.stringify(await sqs.count(pipeline.queue.url));
        console.log(`queue ${counts}, rows ${await pipeline.rows()}, the log's end:\n${worker.stderr().slice(-4_000)}`);
      });
      onTestFinished(() => void worker.process.kill("SIGKILL"));
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
      expect(totals.stored).toBe(messages);
      expect(await pipeline.rows()).toBe(messages);
      expect(peakKb).toBeGreaterThan(0);
      expect(peakKb).toBeLessThan(RSS_MAX_KB);
    },
    600_000,
  );
}
