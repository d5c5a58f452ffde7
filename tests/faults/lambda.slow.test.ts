import { expect, it, onTestFinished } from "vitest";
import { workOff } from "../support/function-chaos.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { callSqs, testSqs } from "../support/sqs.ts";
import { distinctUsers } from "../support/worker-run.ts";

const MESSAGES = 20_000;
const TIMEOUT_MS = 900_000;

const sqs = testSqs();
const seedOf = (): number => {
  const seed = Date.now() % 1_000_000;
  console.info(`seed ${seed}`);
  return seed;
};

it.each([
  ["four environments", false],
  ["four environments and a process on one queue", true],
])(
  "%s under everything that fails: 20,000 events, lost 0, doubled 0",
  async (_, hasProcess) => {
    const pipeline = await createLoginPipeline(sqs, {
      queueAttributes: { VisibilityTimeout: "30" },
      settings: "batch: { rows: 100 }",
    });
    onTestFinished(() => pipeline.remove());
    const bad = [...Array(MESSAGES / 100).keys()].map((index) => JSON.stringify({ wrong: index }));
    const good = loginEvents(MESSAGES - bad.length);
    await sqs.send(
      pipeline.queue.url,
      good.flatMap((body, index) => (index % 99 === 0 ? [body, bad[index / 99] ?? ""] : [body])).filter(Boolean),
    );
    const report = await workOff(pipeline, {
      seed: seedOf(),
      messages: MESSAGES,
      environments: 4,
      batchSizes: [10, 100, 400, 1_000],
      hasProcess,
    });
    console.info(JSON.stringify(report));
    expect(await pipeline.rows()).toBe(good.length);
    expect(await distinctUsers(pipeline)).toBe(good.length);
    expect(await pipeline.quarantined()).toHaveLength(bad.length);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  },
  TIMEOUT_MS,
);

it(
  "three environments on a FIFO queue of 400 groups: 20,000 events, each once, each group in order",
  async () => {
    const groups = 400;
    const pipeline = await createLoginPipeline(sqs, {
      queueAttributes: { VisibilityTimeout: "30", FifoQueue: "true" },
      columns: '\n  user_id: { type: text }\n  locale: { from: "@group_id", type: text }\n',
      settings: "batch: { rows: 4 }",
    });
    onTestFinished(() => pipeline.remove());
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins ADD COLUMN seq bigserial");
    for (let first = 0; first < MESSAGES; first += 10) {
      await callSqs(sqs.endpoint, "SendMessageBatch", {
        QueueUrl: pipeline.queue.url,
        Entries: Array.from({ length: 10 }, (_, index) => ({
          Id: String(index),
          MessageBody: JSON.stringify({ user_id: String(Math.floor((first + index) / groups)) }),
          MessageGroupId: `g${(first + index) % groups}`,
          MessageDeduplicationId: String(first + index),
        })),
      });
    }
    const report = await workOff(pipeline, {
      seed: seedOf(),
      messages: MESSAGES,
      environments: 3,
      batchSizes: [10],
      hasProcess: false,
    });
    console.info(JSON.stringify(report));
    const rows = await query<{ group: string; numbers: readonly number[] }>(
      pipeline.databaseUrl,
      `SELECT locale AS group, array_agg(user_id::int ORDER BY seq) AS numbers FROM user_logins GROUP BY locale`,
    );
    expect(rows).toHaveLength(groups);
    const expected = Array.from({ length: MESSAGES / groups }, (_, index) => index);
    for (const { group, numbers } of rows) expect({ group, numbers }).toEqual({ group, numbers: expected });
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  },
  TIMEOUT_MS,
);
