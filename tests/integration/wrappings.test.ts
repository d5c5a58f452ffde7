import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CliResult, runCli } from "../support/cli.ts";
import { type LoginPipeline, type LoginPipelineOptions, createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestTopic } from "../support/sns.ts";
import { queueArn, testSqs } from "../support/sqs.ts";

const COLUMNS = `
  user_id: { from: ['customer."user.id"', "customer.id"], type: text }
  masked_ip: { from: "contacts[0].ip", type: ip, mask: hmac-sha256, nullable: true }
  device_type: { from: "@sns.subject", type: text, nullable: true }
  locale: { from: "@attribute.locale", type: text, nullable: true }
  masked_device_id: { from: [device, "@attribute.device"], type: text, mask: hmac-sha256 }
  app_version: { type: version }
  create_date: { from: [day, "@sns.timestamp", "@sent_at"], type: date }
`;
const IP = "203.0.113.77";
const DEVICE = "593-47-5928";

const sqs = testSqs();

async function pipelineOf(unwrap: string, options: LoginPipelineOptions = {}): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs, {
    columns: unwrap.includes("sns") ? COLUMNS : COLUMNS.replaceAll(/@sns\.\w+/g, "@attribute.none"),
    settings: "quarantine: { haltAboveShare: 1 }",
    unwrap,
    ...options,
  });
  onTestFinished(() => pipeline.remove());
  return pipeline;
}

async function piipe(pipeline: LoginPipeline, args: readonly string[], stdin = ""): Promise<CliResult> {
  const { folder, environment } = pipeline;
  const result = await runCli(args, { folder, environment, stdin });
  for (const raw of [IP, DEVICE, "carol"]) expect(result.stdout + result.stderr).not.toContain(raw);
  return result;
}

const rowsOf = ({ databaseUrl }: LoginPipeline) =>
  query<Record<string, unknown>>(databaseUrl, "SELECT *, create_date::text FROM user_logins ORDER BY user_id");

const event = (customer: object, changes: object = {}): string =>
  JSON.stringify({
    customer,
    contacts: [{ ip: IP }, { ip: "x" }],
    app_version: "2.3.0",
    day: "2026-01-31",
    ...changes,
  });
const packed = (text: string): string => gzipSync(text).toString("base64");

describe("events that are wrapped", () => {
  it("come from an SNS topic, packed, into rows", async () => {
    const pipeline = await pipelineOf("[sns, gzip]");
    const topic = await createTestTopic(sqs.endpoint, pipeline.queue.url);
    const attributes = { locale: "de", device: DEVICE };
    await topic.publish(packed(event({ "user.id": "a" })), { subject: "order", attributes });
    await topic.publish(packed(event({ id: "b" }, { device: DEVICE, contacts: [], day: null })));
    await topic.publish(packed(event({ id: "c" }, { note: "x".repeat(900_000) })), { attributes });
    const { code, stderr } = await piipe(pipeline, ["run", "--until-empty", "--json", "--log-level", "debug"]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });

    const rows = await rowsOf(pipeline);
    const [token] = rows.map((row) => row["masked_device_id"]);
    expect(token).toMatch(/^h1_/);
    const today = new Date().toISOString().slice(0, 10);
    const rest = { app_version: 2_003_000, masked_device_id: token };
    const masked = expect.stringMatching(/^h1_/) as unknown;
    expect(rows).toMatchObject([
      { user_id: "a", masked_ip: masked, device_type: "order", locale: "de", create_date: "2026-01-31", ...rest },
      { user_id: "b", masked_ip: null, device_type: null, locale: null, create_date: today, ...rest },
      { user_id: "c", masked_ip: masked, device_type: null, locale: "de", create_date: "2026-01-31", ...rest },
    ]);
    expect(await sqs.count(pipeline.queue.url)).toMatchObject({ total: 0 });
  });

  it("that are not wrapped so, or unpack to too much, are refused alone, each with its step", async () => {
    const pipeline = await pipelineOf("[sns, gzip]");
    const topic = await createTestTopic(sqs.endpoint, pipeline.queue.url);
    const attributes = { device: DEVICE };
    await topic.publish(packed(event({ id: "good" })), { attributes });
    await topic.publish(event({ id: "carol" }), { attributes });
    await topic.publish(packed("carol ".repeat(200_000)), { attributes });
    const confirmation = { Type: "SubscriptionConfirmation", Message: "carol", Token: "carol" };
    await sqs.send(pipeline.queue.url, [event({ id: "carol" }), JSON.stringify(confirmation)]);
    expect((await piipe(pipeline, ["run", "--until-empty"])).code).toBe(0);
    expect((await rowsOf(pipeline)).map((row) => row["user_id"])).toEqual(["good"]);
    expect(await pipeline.quarantined()).toEqual([
      { reason: "body.confirmation", path: "unwrap: sns" },
      { reason: "body.too-large", path: "unwrap: gzip" },
      { reason: "body.wrapping", path: "unwrap: gzip" },
      { reason: "body.wrapping", path: "unwrap: sns" },
    ]);
  });

  it("are sealed as they came, and replayed with the unwrapping of then", async () => {
    const pipeline = await pipelineOf("[sns, json]");
    const topic = await createTestTopic(sqs.endpoint, pipeline.queue.url);
    const attributes = { locale: "de", device: DEVICE };
    await topic.publish(packed(event({ id: "a" })), { subject: "order", attributes });
    await topic.publish(packed(event({ id: "b" }, { note: "x".repeat(500_000) })), { attributes });
    expect((await piipe(pipeline, ["run", "--until-empty"])).code).toBe(0);
    expect(await pipeline.quarantined()).toEqual(Array(2).fill({ reason: "body.wrapping", path: "unwrap: json" }));

    const file = join(pipeline.folder, "piipe.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace("[sns, json]", "[sns, gzip]"));
    const replay = await piipe(pipeline, ["quarantine", "replay", "--all"]);
    expect({ code: replay.code, stderr: replay.code === 0 ? "" : replay.stderr }).toEqual({ code: 0, stderr: "" });
    expect(await rowsOf(pipeline)).toMatchObject([
      { user_id: "a", device_type: "order", locale: "de" },
      { user_id: "b", device_type: null, locale: "de" },
    ]);
  });

  it("come back from a dead-letter queue", async () => {
    const dead = await sqs.createTestQueue();
    const policy = { deadLetterTargetArn: await queueArn(sqs.endpoint, dead.url), maxReceiveCount: "3" };
    const pipeline = await pipelineOf("[base64, gzip]", { queueAttributes: { RedrivePolicy: JSON.stringify(policy) } });
    await sqs.send(dead.url, [packed(event({ id: "a" }, { device: DEVICE }))]);
    const redrive = await piipe(pipeline, ["redrive", "--from", dead.name, "--yes"]);
    expect({ code: redrive.code, stderr: redrive.code === 0 ? "" : redrive.stderr }).toEqual({ code: 0, stderr: "" });
    expect(await rowsOf(pipeline)).toMatchObject([{ user_id: "a", create_date: "2026-01-31" }]);
    expect(await sqs.count(dead.url)).toMatchObject({ total: 0 });
  });

  it("are unwrapped by `mask`, too", async () => {
    const pipeline = await pipelineOf("[gzip, json]");
    const body = packed(JSON.stringify(event({ id: "a" }, { device: DEVICE })));
    const { code, stdout, stderr } = await piipe(pipeline, ["mask"], `${body}\n${event({ id: "carol" })}\n`);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "line 2: body.wrapping at unwrap: gzip (expected gzip in base64, found JSON)\nmasked 1 line, refused 1\n",
    });
    expect(JSON.parse(stdout)).toMatchObject({ user_id: "a", create_date: "2026-01-31", device_type: null });
  });

  it("that are not, make `mask` say that its lines must be as on the queue", async () => {
    const pipeline = await pipelineOf("[gzip, json]", { settings: "" });
    const { code, stderr } = await piipe(pipeline, ["mask"], `${event({ id: "carol" })}\n`);
    expect(code).toBe(5);
    expect(stderr).toContain("body as it is on the queue, wrapped as `unwrap` says (gzip, json).");
  });

  it("of many megabytes together are written in batches of their unpacked size", async () => {
    const pipeline = await pipelineOf("gzip");
    const bodies = Array.from({ length: 60 }, (_, index) =>
      packed(event({ id: `u${index}` }, { device: DEVICE, note: "y".repeat(1_000_000) })),
    );
    await sqs.send(pipeline.queue.url, bodies);
    const { code, stderr } = await piipe(pipeline, ["run", "--until-empty", "--json", "--log-level", "debug"]);
    expect(code).toBe(0);
    const batches = stderr
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as { readonly event?: string; readonly type?: string; readonly stored?: number })
      .filter(({ event: name, type = name }) => type === "batch.written")
      .map(({ stored = 0 }) => stored);
    expect(batches.reduce((sum, stored) => sum + stored, 0)).toBe(60);
    expect(Math.max(...batches)).toBeLessThanOrEqual(5);
  });
});
