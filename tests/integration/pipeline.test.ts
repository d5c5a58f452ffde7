import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readSampleEvents } from "../../src/embedded/sample-events.ts";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { startSqsProxy } from "../support/sqs-proxy.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];

afterAll(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
});

async function loginPipeline(options: Parameters<typeof createLoginPipeline>[1] = {}): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs, options);
  pipelines.push(pipeline);
  return pipeline;
}

async function runUntilEmpty(pipeline: LoginPipeline, environment: Readonly<Record<string, string>> = {}) {
  const result = await runCli(["run", "--until-empty", "--json"], {
    folder: pipeline.folder,
    environment: { ...pipeline.environment, ...environment },
  });
  return { ...result, totals: JSON.parse(result.stdout) as Record<string, unknown> };
}

describe("the pipeline, from an SQS queue to the original table", () => {
  it("lands the 100 sample events: 99 rows, 1 quarantined, an empty queue", async () => {
    const pipeline = await loginPipeline();
    await sqs.send(pipeline.queue.url, await readSampleEvents());
    const { code, totals } = await runUntilEmpty(pipeline);
    expect(code).toBe(0);
    expect(totals).toMatchObject({ received: 100, stored: 99, duplicate: 0, quarantined: 1, left: 0, deleted: 100 });
    expect(await pipeline.rows()).toBe(99);
    expect(await pipeline.quarantined()).toEqual([{ reason: "field.missing", path: "user_id" }]);
    expect(await sqs.count(pipeline.queue.url)).toMatchObject({ total: 0 });
  });

  it("stores no row twice when the same messages are delivered again", async () => {
    // The first deletes get lost on their way, with a success for an answer: SQS gives every message out again.
    const proxy = await startSqsProxy(sqs.endpoint);
    const again = new Set<string>();
    proxy.answer = ({ action, input }) => {
      if (action !== "DeleteMessageBatch" || again.size >= 100) return undefined;
      const successful = (input["Entries"] as ReadonlyArray<{ Id: string }>).map(({ Id }) => ({ Id }));
      return { status: 200, body: JSON.stringify({ Successful: successful, Failed: [] }) };
    };
    proxy.change = ({ action }, reply) => {
      if (action !== "ReceiveMessage") return reply;
      const { Messages: messages = [] } = JSON.parse(reply.body) as {
        Messages?: ReadonlyArray<{ MessageId: string; Attributes: { ApproximateReceiveCount: string } }>;
      };
      for (const { MessageId, Attributes } of messages) {
        if (Attributes.ApproximateReceiveCount !== "1") again.add(MessageId);
      }
      return reply;
    };
    const pipeline = await loginPipeline({ queueAttributes: { VisibilityTimeout: "2" } });
    await sqs.send(pipeline.queue.url, await readSampleEvents());
    const { totals } = await runUntilEmpty(pipeline, { AWS_ENDPOINT_URL_SQS: proxy.endpoint });
    await proxy.stop();
    const first = totals as { received: number; duplicate: number };
    expect(first).toMatchObject({ stored: 99, quarantined: 1 });
    expect(first.duplicate).toBe(first.received - 100);
    expect(first.duplicate).toBeGreaterThanOrEqual(100);
    expect(await pipeline.rows()).toBe(99);
    expect(await pipeline.quarantined()).toHaveLength(1);
    expect(await sqs.count(pipeline.queue.url)).toMatchObject({ total: 0 });
  });

  it("keeps equal values equal, and shows no raw one", async () => {
    const pipeline = await loginPipeline();
    const events = await readSampleEvents();
    await sqs.send(pipeline.queue.url, events);
    const { stderr, stdout } = await runUntilEmpty(pipeline);
    const logins = events
      .map((event) => JSON.parse(event) as { ip?: string; device_id?: string })
      .filter(({ ip }) => ip);
    const rows = await query<{ ips: string; devices: string; all: string }>(
      pipeline.databaseUrl,
      `SELECT count(DISTINCT masked_ip) AS ips, count(DISTINCT masked_device_id) AS devices,
              string_agg(t::text, '') AS all FROM user_logins t`,
    );
    expect(Number(rows[0]?.ips)).toBe(new Set(logins.map(({ ip }) => ip)).size);
    expect(Number(rows[0]?.devices)).toBe(new Set(logins.map(({ device_id: device }) => device)).size);
    for (const text of [rows[0]?.all ?? "", stderr, stdout]) {
      for (const { ip, device_id: device } of logins) {
        expect(text).not.toContain(ip);
        expect(text).not.toContain(device);
      }
    }
  });

  it("gives the original's values with mask: sha256, and warns at every start", async () => {
    const pipeline = await loginPipeline({
      columns: LOGIN_COLUMNS.replaceAll("hmac-sha256", "sha256"),
      settings: "allowUnkeyed: true",
    });
    await sqs.send(pipeline.queue.url, [
      JSON.stringify({
        user_id: "u1",
        app_version: "2.3.0",
        device_type: "android",
        ip: "199.172.111.135",
        locale: "RU",
        device_id: "593-47-5928",
      }),
    ]);
    const { stderr } = await runUntilEmpty(pipeline);
    expect(stderr).toContain("162 s");
    expect(
      await query(pipeline.databaseUrl, "SELECT masked_ip, masked_device_id, app_version, locale FROM user_logins"),
    ).toEqual([
      {
        masked_ip: "a6d0e2f27f6111e10b06790db42f34123e724aa0fd24b280f4a0ef5ee986784c",
        masked_device_id: "4f00c1a807b673887c7af517d0df68e6b41aecf8cbec26c71fe4c580664669ed",
        app_version: 2_003_000,
        locale: "RU",
      },
    ]);
  });

  it("leaves a refused message in the queue when there is no sealing key, and stores the rest", async () => {
    const pipeline = await loginPipeline();
    const keyringFile = join(pipeline.folder, "piipe.keys.json");
    const keyring = JSON.parse(await readFile(keyringFile, "utf8")) as object;
    await writeFile(keyringFile, JSON.stringify({ ...keyring, sealing: undefined }));
    await sqs.send(pipeline.queue.url, await readSampleEvents());
    const { code, totals, stderr } = await runUntilEmpty(pipeline);
    expect(code).toBe(0);
    expect(totals).toMatchObject({ stored: 99, quarantined: 0, deleted: 99 });
    expect(stderr).toContain("left in the queue");
    expect(await pipeline.quarantined()).toEqual([]);
    expect(await sqs.count(pipeline.queue.url)).toMatchObject({ total: 1 });
  });

  it("halts on a queue that does not fit the columns, and leaves it as it was", async () => {
    const pipeline = await loginPipeline();
    await sqs.send(
      pipeline.queue.url,
      Array.from({ length: 300 }, (_, index) => `{"unexpected":${index}}`),
    );
    const { code, totals } = await runUntilEmpty(pipeline);
    expect(code).toBe(5);
    expect(totals).toMatchObject({ stored: 0, error: { code: "data.beyond-limit" } });
    const held = await pipeline.quarantined();
    expect((await sqs.count(pipeline.queue.url)).total).toBe(300 - held.length);
    expect(held.length).toBeLessThan(100);
  });
});
