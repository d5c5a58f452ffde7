import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterAll(async () => {
  await pipeline.remove();
});

it("run points to the quarantine when it put something there, and only then", async () => {
  const send = (event: object) => sqs.send(pipeline.queue.url, [JSON.stringify(event)]);
  const event = {
    user_id: "u",
    app_version: "2.3.0",
    device_type: "ios",
    ip: "203.0.113.7",
    device_id: "1",
    locale: null,
  };
  await send(event);
  const good = await runCli(["run", "--until-empty"], pipeline);
  expect(good.stderr).toContain("stored 1,");
  expect(good.stderr).not.toContain("piipe quarantine list");
  await send({ ...event, ip: "999.1.1.1" });
  const bad = await runCli(["run", "--until-empty"], pipeline);
  expect(bad.stderr).toMatch(/quarantined 1, deleted 1\n`piipe quarantine list` shows/);
});
