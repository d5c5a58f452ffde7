import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { definePipeline } from "../../src/define-pipeline.ts";
import { LOCAL_AWS } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();

it("a pipeline in code stores what its transform makes of each event, and counts what it drops", async () => {
  const pipeline = await createLoginPipeline(sqs);
  onTestFinished(() => pipeline.remove());
  for (const [name, value] of Object.entries(LOCAL_AWS)) vi.stubEnv(name, value);
  await sqs.send(pipeline.queue.url, loginEvents(9));
  let calls = 0;
  const logins = definePipeline(
    {
      source: { sqs: { queue: pipeline.queue.name, endpoint: sqs.endpoint } },
      sink: { postgres: { url: pipeline.databaseUrl, table: "user_logins" } },
      columns: {
        user_id: { type: "text" },
        device_type: { type: "text" },
        masked_ip: { from: "ip", type: "ip", mask: "hmac-sha256" },
        masked_device_id: { from: "device_id", type: "text", mask: "hmac-sha256" },
        locale: { type: "text", nullable: true },
        app_version: { type: "version" },
        create_date: { from: "@sent_at", type: "date" },
      },
    },
    {
      transform(event) {
        calls += 1;
        if (calls % 3 === 0) return null;
        return calls % 3 === 1 ? { ...event, device_type: "made" } : [event, { ...event, device_type: "twice" }];
      },
    },
  );
  const keysJson = await readFile(join(pipeline.folder, "piipe.keys.json"), "utf8");
  expect(await logins.run({ untilEmpty: true, keysJson })).toMatchObject({
    received: 9,
    stored: 6,
    dropped: 3,
    deleted: 9,
  });
  const types = "SELECT count(*)::integer AS made FROM user_logins WHERE device_type IN ('made', 'twice')";
  expect(await query(pipeline.databaseUrl, types)).toEqual([{ made: 6 }]);
  expect(await pipeline.rows()).toBe(9);
});
