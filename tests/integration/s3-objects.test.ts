import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CliResult, runCli, startCommand } from "../support/cli.ts";
import { type LoginPipeline, type LoginPipelineOptions, createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import {
  answerWithError,
  createTestBucket,
  POINTER_CLASS,
  type S3Proxy,
  startS3Proxy,
  type TestBucket,
} from "../support/s3.ts";
import { createTestTopic } from "../support/sns.ts";
import { callSqs, queueArn, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const COLUMNS = `
  user_id: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256 }
  locale: { from: "@group_id", type: text, nullable: true }
  create_date: { from: "@sent_at", type: date }
`;
const IP = "203.0.113.77";
const DEVICE = "593-47-5928";

const sqs = testSqs();

interface Objects {
  readonly pipeline: LoginPipeline;
  readonly bucket: TestBucket;
  readonly proxy: S3Proxy;
}

async function objectsOf(options: LoginPipelineOptions & { readonly deletes?: boolean } = {}): Promise<Objects> {
  const { unwrap = "s3", deletes = false, ...rest } = options;
  const bucket = await createTestBucket(sqs.endpoint);
  const proxy = await startS3Proxy(sqs.endpoint);
  const pipeline = await createLoginPipeline(sqs, {
    columns: COLUMNS,
    settings: "quarantine: { haltAboveShare: 1 }",
    unwrap: `${unwrap}${deletes ? ", s3: { deleteObject: true }" : ""}`,
    ...rest,
  });
  onTestFinished(async () => {
    await proxy.stop();
    await pipeline.remove();
  });
  return { pipeline, bucket, proxy };
}

const environmentOf = ({ pipeline, proxy }: Objects): Readonly<Record<string, string>> => ({
  ...pipeline.environment,
  AWS_ENDPOINT_URL_S3: proxy.endpoint,
});

async function piipe(objects: Objects, args: readonly string[], stdin = ""): Promise<CliResult> {
  const result = await runCli(args, { folder: objects.pipeline.folder, environment: environmentOf(objects), stdin });
  expectNothingRaw(result, objects);
  return result;
}

/** Nor the bucket's name or a key: a pointer may hold what is personal. */
function expectNothingRaw({ stdout, stderr }: CliResult, { bucket }: Objects): void {
  for (const raw of [IP, DEVICE, bucket.name, "secret-key", "canary"]) expect(stdout + stderr).not.toContain(raw);
}

async function runUntilEmpty(objects: Objects, code = 0): Promise<Record<string, unknown>> {
  const result = await piipe(objects, ["run", "--until-empty", "--json", "--log-level", "debug"]);
  expect({ code: result.code, stderr: result.code === code ? "" : result.stderr }).toEqual({ code, stderr: "" });
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

const event = (user: string, changes: object = {}): string =>
  JSON.stringify({ user_id: user, ip: IP, device_id: DEVICE, ...changes });

const usersOf = async ({ pipeline }: Objects): Promise<readonly string[]> =>
  (await query<{ user_id: string }>(pipeline.databaseUrl, "SELECT user_id FROM user_logins ORDER BY user_id")).map(
    ({ user_id: user }) => user,
  );

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe("messages that point to objects in S3", () => {
  it("come into rows with what comes inline, each once, also when S3 is away in between", async () => {
    const objects = await objectsOf();
    const { pipeline, bucket, proxy } = objects;
    await Promise.all(
      numbers(100).map((n) =>
        bucket.put(`secret-key/${n} ä.json`, event(`object-${n}`, { note: "x".repeat(3_000 * (n % 50)) })),
      ),
    );
    const bodies = numbers(200).map((n) =>
      n % 2 === 0 ? event(`inline-${n}`) : bucket.pointerTo(`secret-key/${(n - 1) / 2} ä.json`),
    );
    await sqs.send(pipeline.queue.url, bodies);
    let refused = 0;
    // After ten, S3 is away for so many requests, in every way that it can be.
    proxy.answer = (request, response) => {
      const count = proxy.requests.length;
      if (count <= 10 || count > 60) return undefined;
      refused += 1;
      if (count % 4 === 0) return answerWithError(response, 503, "SlowDown");
      if (count % 4 === 1) return answerWithError(response, 500, "InternalError");
      if (count % 4 === 2) response.destroy();
      // Cut off in the middle.
      else response.writeHead(200, { "content-length": "1000" }).write("{", () => void response.destroy());
      return true;
    };
    const totals = await runUntilEmpty(objects);
    expect(totals).toMatchObject({ stored: 200, duplicate: 0, quarantined: 0, deleted: 200 });
    expect(refused).toBeGreaterThan(20);
    expect(new Set(await usersOf(objects)).size).toBe(200);
    expect(await pipeline.rows()).toBe(200);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
    // Left alone.
    expect(await bucket.keys()).toHaveLength(100);
    expect(new Set(proxy.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });

  it("come from the older library, and out of gzip and notifications of SNS", async () => {
    const older = await objectsOf();
    await older.bucket.put("k", event("a"));
    const pointer = older.bucket.pointerTo("k").replace(POINTER_CLASS, "com.amazon.sqs.javamessaging.MessageS3Pointer");
    await sqs.send(older.pipeline.queue.url, [pointer]);
    await runUntilEmpty(older);
    expect(await usersOf(older)).toEqual(["a"]);

    const packed = await objectsOf({
      unwrap: "[sns, s3, gzip]",
      columns: `${COLUMNS}  device_type: { from: "@sns.subject", type: text, nullable: true }\n`,
    });
    const { bucket, pipeline } = packed;
    const topic = await createTestTopic(sqs.endpoint, pipeline.queue.url);
    const pack = (text: string): string => gzipSync(text).toString("base64");
    await bucket.put("k", pack(event("b")));
    await topic.publish(bucket.pointerTo("k"), { subject: "large" });
    await topic.publish(pack(event("c")), { subject: "small" });
    await runUntilEmpty(packed);
    expect(await query(pipeline.databaseUrl, "SELECT user_id, device_type FROM user_logins ORDER BY user_id")).toEqual([
      { user_id: "b", device_type: "large" },
      { user_id: "c", device_type: "small" },
    ]);
  });

  it("keep the order of their group", async () => {
    const objects = await objectsOf({ queueAttributes: { FifoQueue: "true", VisibilityTimeout: "30" } });
    const { pipeline, bucket, proxy } = objects;
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins ADD COLUMN seq bigserial");
    await Promise.all(numbers(30).map((n) => bucket.put(`secret-key-${n}`, event(`${n}`))));
    for (const n of numbers(30)) {
      await callSqs(sqs.endpoint, "SendMessage", {
        QueueUrl: pipeline.queue.url,
        MessageBody: n % 3 === 0 ? event(`${n}`) : bucket.pointerTo(`secret-key-${n}`),
        MessageGroupId: `g${n % 2}`,
        MessageDeduplicationId: `${n}`,
      });
    }
    // Earlier objects come later.
    const delays = new Map(numbers(30).map((n) => [n, (30 - n) * 5]));
    proxy.answer = ({ path }, response) => {
      const n = Number(/secret-key-(\d+)/.exec(path)?.[1]);
      const delay = delays.get(n) ?? 0;
      delays.delete(n);
      if (delay === 0) return undefined;
      setTimeout(() => response.end(event(`${n}`)), delay);
      return true;
    };
    await runUntilEmpty(objects);
    const rows = await query<{ user_id: string; locale: string }>(
      pipeline.databaseUrl,
      "SELECT user_id, locale FROM user_logins ORDER BY seq",
    );
    for (const group of ["g0", "g1"]) {
      const users = rows.filter(({ locale }) => locale === group).map(({ user_id: user }) => Number(user));
      expect(users).toEqual(numbers(30).filter((n) => `g${n % 2}` === group));
    }
  });

  it("are refused when the object is missing, too large or no text, or the pointer is none", async () => {
    const objects = await objectsOf({ deletes: true });
    const { pipeline, bucket } = objects;
    await bucket.put("large", event("large", { note: "x".repeat(1_048_576) }));
    await bucket.put("bytes", Uint8Array.from([0x7b, 0xff, 0xfe]));
    await bucket.put("good", event("good"));
    await sqs.send(pipeline.queue.url, [
      bucket.pointerTo("secret-key"),
      JSON.stringify([POINTER_CLASS, { s3BucketName: "no-such-canary-bucket", s3Key: "canary" }]),
      JSON.stringify([POINTER_CLASS, { s3BucketName: "evil.example/canary", s3Key: "canary" }]),
      bucket.pointerTo("large"),
      bucket.pointerTo("bytes"),
      bucket.pointerTo("good"),
    ]);
    expect(await runUntilEmpty(objects)).toMatchObject({ stored: 1, quarantined: 5 });
    const path = "unwrap: s3";
    expect(await pipeline.quarantined()).toEqual([
      { reason: "body.object-missing", path },
      { reason: "body.object-missing", path },
      { reason: "body.pointer", path },
      { reason: "body.too-large", path },
      { reason: "body.wrapping", path },
    ]);
    // What is sealed is only the pointer to them.
    expect((await bucket.keys()).toSorted()).toEqual(["bytes", "large"]);

    await bucket.put("secret-key", event("late"));
    const replay = await piipe(objects, ["quarantine", "replay", "--all"]);
    expect(replay.code).toBe(5);
    expect(await usersOf(objects)).toEqual(["good", "late"]);
    expect(await pipeline.quarantined()).toHaveLength(5);
  });

  it("are sealed with their object when its text is refused: a replay needs no S3", async () => {
    const objects = await objectsOf({ deletes: true });
    const { pipeline, bucket, proxy } = objects;
    await bucket.put("k", event("a", { user_id: undefined, name: "a" }));
    await sqs.send(pipeline.queue.url, [bucket.pointerTo("k")]);
    expect(await runUntilEmpty(objects)).toMatchObject({ stored: 0, quarantined: 1 });
    expect(await pipeline.quarantined()).toEqual([{ reason: "field.missing", path: "user_id" }]);
    expect(await bucket.keys()).toEqual([]);
    const file = join(pipeline.folder, "piipe.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace("user_id: { type", "user_id: { from: name, type"));
    proxy.requests.length = 0;
    expect(await piipe(objects, ["quarantine", "replay", "--all"])).toMatchObject({ code: 0 });
    expect(await usersOf(objects)).toEqual(["a"]);
    expect(proxy.requests).toEqual([]);
  });

  it("are kept while S3 denies them, and go on once the right is granted", async () => {
    const objects = await objectsOf();
    const { pipeline, bucket, proxy } = objects;
    await bucket.put("k", event("a"));
    await sqs.send(pipeline.queue.url, [bucket.pointerTo("k"), event("b")]);
    proxy.answer = (_, response) => answerWithError(response, 403, "AccessDenied");
    const command = startCommand(["run"], { folder: pipeline.folder, environment: environmentOf(objects) });
    await command.printed("GetObject failed [s3.denied]");
    await until("what is inline is stored", async () => (await usersOf(objects)).length === 1);
    proxy.answer = () => undefined;
    await command.printed("S3 answers again");
    await until("the other is stored", async () => (await usersOf(objects)).length === 2);
    command.signal("SIGTERM");
    const result = await command.ended;
    expectNothingRaw(result, objects);
    expect(result.code).toBe(0);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });

  it("are given back when the run is stopped, each after one receive", async () => {
    const objects = await objectsOf();
    const { pipeline, bucket, proxy } = objects;
    await sqs.send(
      pipeline.queue.url,
      numbers(20).map(() => bucket.pointerTo("secret-key")),
    );
    proxy.answer = () => true;
    const command = startCommand(["run"], { folder: pipeline.folder, environment: environmentOf(objects) });
    await until("objects are asked for", () => proxy.requests.length > 0);
    command.signal("SIGTERM");
    const result = await command.ended;
    expectNothingRaw(result, objects);
    expect(result.code).toBe(0);
    expect(await sqs.count(pipeline.queue.url)).toMatchObject({ visible: 20, inFlight: 0 });
    expect(await pipeline.quarantined()).toEqual([]);
  });

  it("stay hidden while their object is on its way for longer than the visibility timeout", async () => {
    const objects = await objectsOf({ queueAttributes: { VisibilityTimeout: "2" } });
    const { pipeline, bucket, proxy } = objects;
    await sqs.send(pipeline.queue.url, [bucket.pointerTo("secret-key")]);
    proxy.answer = (_, response) => {
      setTimeout(() => response.end(event("slow")), 5_000);
      return true;
    };
    expect(await runUntilEmpty(objects)).toMatchObject({ received: 1, stored: 1, duplicate: 0 });
    expect(proxy.requests).toHaveLength(1);
  });

  it("leave no object behind with `deleteObject`, but where the message stays", async () => {
    const objects = await objectsOf({ deletes: true });
    const { pipeline, bucket, proxy } = objects;
    await Promise.all(numbers(12).map((n) => bucket.put(`secret-key-${n}`, event(`${n}`))));
    await sqs.send(
      pipeline.queue.url,
      numbers(12).map((n) => bucket.pointerTo(`secret-key-${n}`)),
    );
    proxy.answer = ({ method, path }, response) =>
      method === "DELETE" && path.endsWith("-11") ? answerWithError(response, 403, "AccessDenied") : undefined;
    expect(await runUntilEmpty(objects)).toMatchObject({ stored: 12, deleted: 12 });
    const left = await bucket.keys();
    expect(left).toContain("secret-key-11");
    expect(left.length).toBeLessThan(12);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });

  it("come back from a dead-letter queue, where a dry run deletes nothing", async () => {
    const dead = await sqs.createTestQueue();
    const policy = { deadLetterTargetArn: await queueArn(sqs.endpoint, dead.url), maxReceiveCount: "3" };
    const objects = await objectsOf({ deletes: true, queueAttributes: { RedrivePolicy: JSON.stringify(policy) } });
    const { bucket } = objects;
    await bucket.put("k", event("a"));
    await sqs.send(dead.url, [bucket.pointerTo("k")]);
    expect(await piipe(objects, ["redrive", "--from", dead.name, "--dry-run"])).toMatchObject({ code: 0 });
    expect(await bucket.keys()).toEqual(["k"]);
    expect(await piipe(objects, ["redrive", "--from", dead.name, "--yes"])).toMatchObject({ code: 0 });
    expect(await usersOf(objects)).toEqual(["a"]);
    expect(await bucket.keys()).toEqual([]);
    expect((await sqs.count(dead.url)).total).toBe(0);
  });

  it("are not fetched by `mask` and `init`, which say so", async () => {
    const objects = await objectsOf();
    const { bucket, proxy } = objects;
    const masked = await piipe(objects, ["mask"], `${bucket.pointerTo("secret-key")}\n${event("a")}\n`);
    expect(masked).toMatchObject({ code: 0, stderr: expect.stringContaining("line 1: body.pointer at unwrap: s3\n") });
    expect(masked.stderr).toContain("nothing is fetched from S3 here");
    const init = await piipe(
      objects,
      ["init", "--queue", "q", "--table", "t", "--sample", "-", "--yes", "--force"],
      `${event("a")}\n${`${bucket.pointerTo("secret-key")}\n`.repeat(2)}`,
    );
    expect(init).toMatchObject({ code: 2, stderr: expect.stringContaining("source.unwrap: s3") });
    expect(proxy.requests).toEqual([]);
  });

  it("are looked for by `check` as far as that needs no object", async () => {
    const objects = await objectsOf();
    const find = async (): Promise<unknown> => {
      const { stdout } = await piipe(objects, ["check", "--json"]);
      const { findings } = JSON.parse(stdout) as { findings: readonly { readonly subject: string }[] };
      return findings.find(({ subject }) => subject === "objects");
    };
    expect(await find()).toMatchObject({
      level: "ok",
      text: expect.stringContaining("S3 answers at http://127.0.0.1"),
    });
    objects.proxy.answer = (_, response) => {
      response.destroy();
      return true;
    };
    expect(await find()).toMatchObject({ level: "error", code: "s3.unreachable" });
  });

  it("are refused, and S3 is not asked, without the step", async () => {
    const objects = await objectsOf({ unwrap: "json" });
    const { pipeline, bucket, proxy } = objects;
    const file = join(pipeline.folder, "piipe.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace(", unwrap: json", ""));
    await sqs.send(pipeline.queue.url, [bucket.pointerTo("secret-key")]);
    await runUntilEmpty(objects);
    expect(await pipeline.quarantined()).toEqual([{ reason: "body.pointer", path: null }]);
    expect(proxy.requests).toEqual([]);
  });
});
