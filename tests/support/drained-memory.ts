import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect, it, onTestFailed, onTestFinished } from "vitest";
import { startCli } from "./cli.ts";
import { loginEvents } from "./login-events.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipelineOptions } from "./login-pipeline.ts";
import { query } from "./postgres.ts";
import { createTestBucket } from "./s3.ts";
import { testSqs } from "./sqs.ts";

const SENT_AT_ONCE = 2_000;
const RSS_MAX_KB = 200 * 1024;
/** Beside what a worker holds of ordinary events: the 48 MiB in flight, as texts and as they are written. */
const UNPACKED_RSS_MAX_KB = 500 * 1024;
/** Of each of twenty: a text may have 65,536. */
const NOTE_CHARS = 50_000;

/** The test of a worker's memory, over so many messages. */
export function testMemory(messages: number): void {
  it.skipIf(process.platform !== "linux")(
    `stays below 200 MB of resident set while ${messages} messages are drained (read from /proc: Linux only)`,
    async () => {
      expect(await drain(loginEvents(messages), {})).toBeLessThan(RSS_MAX_KB);
    },
    600_000,
  );
}

/** The same, over messages of some kilobytes that are packed from 1 MB each. */
export function testUnpackedMemory(messages: number): void {
  it.skipIf(process.platform !== "linux")(
    `stays below 500 MB of resident set while ${messages} messages of 1 MB are unpacked (read from /proc: Linux only)`,
    async () => {
      const packed = loginEvents(messages).map((event, index) => gzipSync(withNotes(event, index)).toString("base64"));
      expect(await drain(packed, { columns: NOTED_COLUMNS, unwrap: "gzip" })).toBeLessThan(UNPACKED_RSS_MAX_KB);
    },
    600_000,
  );
}

/** The same, over messages that point to objects of 1 MB each in S3. */
export function testFetchedMemory(messages: number): void {
  it.skipIf(process.platform !== "linux")(
    `stays below 500 MB of resident set while ${messages} objects of 1 MB are fetched (read from /proc: Linux only)`,
    async () => {
      const { endpoint } = testSqs();
      const bucket = await createTestBucket(endpoint);
      const pointers: string[] = [];
      for (const [index, event] of loginEvents(messages).entries()) {
        await bucket.put(`${index}`, withNotes(event, index));
        pointers.push(bucket.pointerTo(`${index}`));
      }
      const unwrap = `s3, s3: { endpoint: "${endpoint}" }`;
      expect(await drain(pointers, { columns: NOTED_COLUMNS, unwrap })).toBeLessThan(UNPACKED_RSS_MAX_KB);
    },
    600_000,
  );
}

const NOTED_COLUMNS = `${LOGIN_COLUMNS}  note: { type: json, piiDetection: "off", echo: allow }\n`;

/** An event of 1 MB. */
function withNotes(event: string, index: number): string {
  const note = String(index).repeat(NOTE_CHARS).slice(0, NOTE_CHARS);
  return JSON.stringify({ ...(JSON.parse(event) as object), note: Array(20).fill(note) });
}

/** The most that the worker held, in KiB. */
async function drain(events: readonly string[], options: LoginPipelineOptions): Promise<number> {
  const sqs = testSqs();
  // What a lost reply hides comes back within the test.
  const pipeline = await createLoginPipeline(sqs, { queueAttributes: { VisibilityTimeout: "30" }, ...options });
  onTestFinished(() => pipeline.remove());
  await query(pipeline.databaseUrl, "ALTER TABLE user_logins ADD COLUMN note json");
  for (let sent = 0; sent < events.length; sent += SENT_AT_ONCE) {
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
  expect(totals.stored).toBe(events.length);
  expect(await pipeline.rows()).toBe(events.length);
  expect(peakKb).toBeGreaterThan(0);
  return peakKb;
}
