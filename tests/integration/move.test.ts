import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { parse } from "yaml";
import { type PipelineConfig, definePipeline } from "../../src/index.ts";
import { startCommand } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const sqs = testSqs();
afterEach(() => void vi.unstubAllEnvs());

it("from one kind of worker to another: both store for a while, the old one drains, and each event is there once", async () => {
  const pipeline = await createLoginPipeline(sqs);
  onTestFinished(() => pipeline.remove());
  const { folder, environment, databaseUrl, queue } = pipeline;
  // The new kind is in code, as a function would be; it finds AWS by the same variables.
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const config = parse(await readFile(join(folder, "piipe.yaml"), "utf8")) as PipelineConfig;
  const sink = { postgres: { ...config.sink.postgres, url: databaseUrl } };
  const pipelineInCode = definePipeline({ ...config, sink }, { baseFolder: folder });

  const old = startCommand(["run", "--json"], { folder, environment });
  const [first, second, third] = [0, 1, 2].map((part) => loginEvents(600).slice(part * 200, part * 200 + 200));
  await sqs.send(queue.url, first ?? []);
  await until("the old worker has stored", async () => (await pipeline.rows()) > 0);

  const stop = new AbortController();
  const seen = new Set<string>();
  const running = pipelineInCode.run({
    stop: stop.signal,
    onEvent: ({ type }) => void seen.add(type),
  });
  await until("the new one has started", () => seen.has("pipeline.started"));
  await sqs.send(queue.url, second ?? []);
  old.signal("SIGTERM");
  const { code, stdout } = await old.ended;
  expect(code).toBe(0);

  await sqs.send(queue.url, third ?? []);
  await until("all is stored", async () => (await pipeline.rows()) >= 600);
  stop.abort();
  const after = await running;

  const before = JSON.parse(stdout) as { readonly stored: number };
  expect(before.stored).toBeGreaterThan(0);
  expect(after.stored).toBeGreaterThanOrEqual(200);
  expect(before.stored + after.stored).toBe(600);
  expect(
    await query(databaseUrl, "SELECT count(*)::int AS n, count(DISTINCT user_id)::int AS users FROM user_logins"),
  ).toEqual([{ n: 600, users: 600 }]);
  expect(await pipeline.quarantined()).toEqual([]);
});
