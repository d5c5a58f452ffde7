import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type RunningCli, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query, withClient } from "../support/postgres.ts";
import { type RestartablePostgres, startRestartablePostgres } from "../support/restartable-postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const ROUNDS = 2;
const MESSAGES_PER_FAULT = 300;
/** Several batches at once: each fault meets some that are written. */
const BATCH_ROWS = 50;
/** SQLSTATE 25006, read_only_sql_transaction, as the log of a retried write has it. */
const READ_ONLY = '"25006"';

const sqs = testSqs();
let postgres: RestartablePostgres;
let pipeline: LoginPipeline;
let worker: RunningCli;
beforeAll(async () => {
  postgres = await startRestartablePostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs, {
    // What a fault made the worker forget would stay hidden, and the count at the end would tell.
    queueAttributes: { VisibilityTimeout: "600" },
    settings: `batch: { rows: ${BATCH_ROWS} }`,
    database: { url: postgres.url, drop: async () => {} },
  });
  worker = startCli(["run", "--json"], pipeline);
  await worker.printed("pipeline.started");
});
afterEach(async () => {
  worker.process.kill("SIGKILL");
  await worker.ended;
  await pipeline.remove();
});

/** How often the log holds the text so far. */
const count = (text: string): number => worker.stderr().split(text).length - 1;

type Send = () => Promise<unknown>;

/** Strikes while transactions of the worker wait for a lock: they are under way for certain. */
function whileWriting(strike: () => Promise<unknown>): (send: Send) => Promise<void> {
  return (send) =>
    withClient(postgres.url, async (blocker) => {
      // A restart ends this session as well.
      blocker.on("error", () => {});
      await blocker.query("BEGIN; LOCK TABLE user_logins IN ACCESS EXCLUSIVE MODE");
      await send();
      const waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'piipe' AND wait_event_type = 'Lock'";
      await until("a write waits", async () => (await query(postgres.url, waiting)).length > 0);
      const retries = count("batch.retried");
      await strike();
      await until("the write met the fault", () => count("batch.retried") > retries);
    });
}

const FAULTS: Readonly<Record<string, (send: Send) => Promise<void>>> = {
  "a fast restart": whileWriting(() => postgres.restart("fast")),
  "an immediate restart": whileWriting(() => postgres.restart("immediate")),
  "killed backends": whileWriting(() => postgres.killBackends()),
  async "a read-only flip"(send) {
    const before = count(READ_ONLY);
    await postgres.setReadOnly(true);
    await send();
    await until("a write meets the read-only server", () => count(READ_ONLY) > before);
    await postgres.setReadOnly(false);
  },
};

it("restarts, read-only flips and killed backends under a run: every message is stored once", async () => {
  const events = loginEvents(MESSAGES_PER_FAULT * ROUNDS * Object.keys(FAULTS).length);
  let sent = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [name, strike] of Object.entries(FAULTS)) {
      const next = events.slice(sent, sent + MESSAGES_PER_FAULT);
      sent += next.length;
      await strike(() => sqs.send(pipeline.queue.url, next));
      await until(`everything is stored after ${name}, ${round}`, async () => (await pipeline.rows()) === sent);
    }
  }
  worker.process.kill("SIGTERM");
  const { code, stdout } = await worker.ended;
  expect(code).toBe(0);
  const totals = JSON.parse(stdout) as Record<string, number>;
  expect(totals).toMatchObject({ received: sent, deleted: sent, quarantined: 0 });
  const counts = "SELECT count(*)::integer AS rows, count(DISTINCT user_id)::integer AS users FROM user_logins";
  expect(await query(postgres.url, counts)).toEqual([{ rows: sent, users: sent }]);
  expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  const log = await readFile(postgres.logFile, "utf8");
  expect(log.match(/automatic recovery in progress/g)).toHaveLength(ROUNDS);
});
