import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { FunctionEnvironment } from "../../src/app/function-environment.ts";
import { PiipeError } from "../../src/errors.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { runCli } from "../support/cli.ts";
import { EventSourceMapping, functionOf, type LambdaEvent, madeUpRecord } from "../support/event-source-mapping.ts";
import { startGate } from "../support/gate.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline, type LoginPipelineOptions } from "../support/login-pipeline.ts";
import { directUrl, query, withClient } from "../support/postgres.ts";
import { createTestBucket } from "../support/s3.ts";
import { testSqs } from "../support/sqs.ts";
import { distinctUsers } from "../support/worker-run.ts";

const sqs = testSqs();
const REMAINING_MS = 60_000;
const BAD = JSON.stringify({ foo: "oops_wrong_msg_type" });

interface Stand {
  readonly pipeline: LoginPipeline;
  readonly mapping: EventSourceMapping;
  readonly environment: FunctionEnvironment;
  readonly told: TelemetryEvent[];
}

async function standOf(options: LoginPipelineOptions = {}): Promise<Stand> {
  const pipeline = await createLoginPipeline(sqs, {
    ...options,
    queueAttributes: { VisibilityTimeout: "600", ...options.queueAttributes },
  });
  const told: TelemetryEvent[] = [];
  const environment = functionOf(pipeline, (event) => told.push(event));
  onTestFinished(async () => {
    await environment.close();
    await pipeline.remove();
  });
  return { pipeline, mapping: await EventSourceMapping.open(sqs, pipeline.queue.url), environment, told };
}

/** Sends, and receives all of it as one event. */
async function eventOf({ pipeline, mapping }: Stand, bodies: readonly string[]): Promise<LambdaEvent> {
  await sqs.send(pipeline.queue.url, bodies);
  const event = await mapping.receive(bodies.length);
  expect(event.Records).toHaveLength(bodies.length);
  return event;
}

const idsOf = ({ Records: records }: LambdaEvent): readonly string[] => records.map(({ messageId }) => messageId);

const failureOf = (invoked: Promise<unknown>): Promise<PiipeError> =>
  invoked.then(
    () => {
      throw new Error("the invocation did not fail");
    },
    (error: unknown) => {
      if (error instanceof PiipeError) return error;
      throw error;
    },
  );

describe("a function", () => {
  it("stores batches of 10, 100 and 1,000, each event once, over one connection; what comes again is a duplicate", async () => {
    const stand = await standOf();
    const { pipeline, mapping, environment, told } = stand;
    const events = loginEvents(1_110);
    const received = [await eventOf(stand, events.slice(0, 10)), await eventOf(stand, events.slice(10, 110))];
    // As many as a local queue would take its time for.
    const large = { Records: events.slice(110).map((body) => madeUpRecord(mapping.arn, body, "g")) };
    for (const event of [...received, large]) {
      expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
      expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    }
    for (const event of received) await mapping.settle(event, []);
    expect(await pipeline.rows()).toBe(1_110);
    expect(await distinctUsers(pipeline)).toBe(1_110);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
    expect(await environment.invoke({ Records: [] }, REMAINING_MS)).toEqual([]);
    const written = told.flatMap((each) => (each.type === "batch.written" ? [each.stored + each.duplicate] : []));
    expect(written).toEqual([10, 10, 100, 100, 1_000, 1_000]);
    expect(told.filter(({ type }) => type === "pipeline.started")).toHaveLength(1);
    const [sessions] = await query<{ count: number }>(
      pipeline.databaseUrl,
      "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'piipe'",
    );
    expect(sessions?.count).toBeLessThanOrEqual(1);
  });

  it("takes a message that a process has stored for a duplicate, and the other way round: they share the ledger", async () => {
    const stand = await standOf({ queueAttributes: { VisibilityTimeout: "1" } });
    const { pipeline, environment } = stand;
    const event = await eventOf(stand, loginEvents(20));
    const run = () => runCli(["run", "--until-empty", "--json"], pipeline);
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    const afterFunction = await run();
    expect(JSON.parse(afterFunction.stdout)).toMatchObject({ stored: 0, duplicate: 20 });
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(20);
  });

  it("works beside a process on one queue: nothing lost, nothing twice", async () => {
    const { pipeline, mapping, environment } = await standOf({
      queueAttributes: { VisibilityTimeout: "20" },
      settings: "batch: { rows: 20 }",
    });
    await sqs.send(pipeline.queue.url, loginEvents(250));
    let isRunning = true;
    const process = runCli(["run", "--until-empty", "--json"], pipeline).finally(() => (isRunning = false));
    let byFunction = 0;
    while (isRunning) {
      const event = await mapping.receive(30);
      const kept = await environment.invoke(event, REMAINING_MS);
      await mapping.settle(event, kept);
      byFunction += event.Records.length;
    }
    const { code, stderr } = await process;
    expect(code, stderr).toBe(0);
    expect(byFunction).toBeGreaterThan(0);
    expect(await pipeline.rows()).toBe(250);
    expect(await distinctUsers(pipeline)).toBe(250);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });

  it("quarantines a bad event, which is no failure of the item", async () => {
    const stand = await standOf();
    const event = await eventOf(stand, [...loginEvents(9), BAD]);
    expect(await stand.environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await stand.pipeline.rows()).toBe(9);
    expect(await stand.pipeline.quarantined()).toEqual([{ reason: "field.missing", path: "user_id" }]);
  });

  it("reports a bad event that nothing can seal, each time that it comes, and judges it once", async () => {
    const stand = await standOf({ settings: "quarantine: { haltAboveShare: 0.2 }" });
    const { pipeline, environment } = stand;
    const file = join(pipeline.folder, "piipe.yaml");
    const [withoutColumns = ""] = (await readFile(file, "utf8")).replace(/^keys: .*$/m, "").split("columns:");
    await writeFile(file, `${withoutColumns}columns: { user_id: { type: text } }\n`);
    const event = await eventOf(stand, [...loginEvents(9), BAD]);
    const bad = idsOf(event).slice(-1);
    const alone = { Records: event.Records.slice(-1) };
    expect(await environment.invoke(event, REMAINING_MS)).toEqual(bad);
    for (let times = 0; times < 5; times += 1) expect(await environment.invoke(alone, REMAINING_MS)).toEqual(bad);
    expect(await pipeline.rows()).toBe(9);
  });

  it("judges what is refused over its invocations: too much is thrown, what is good stored all the same", async () => {
    const stand = await standOf();
    const { pipeline, environment } = stand;
    const bad = Array.from({ length: 7 }, () => BAD);
    // Of so few nobody can tell.
    expect(await environment.invoke(await eventOf(stand, bad), REMAINING_MS)).toEqual([]);
    expect(await pipeline.quarantined()).toHaveLength(7);
    const event = await eventOf(stand, [...loginEvents(1), ...bad]);
    const { code, message } = await failureOf(environment.invoke(event, REMAINING_MS));
    expect({ code, message }).toEqual({
      code: "data.beyond-limit",
      message: "halted: 14 of the last 15 events were refused",
    });
    expect(await pipeline.rows()).toBe(1);
    expect(await pipeline.quarantined()).toHaveLength(7);
    const good = await eventOf(stand, loginEvents(40).slice(1));
    expect(await environment.invoke(good, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(40);
  });

  it("throws while the database is away, and goes on with the same messages once it is back", async () => {
    const pipeline = await createLoginPipeline(sqs);
    const url = new URL(pipeline.databaseUrl);
    const gate = await startGate(Number(url.port));
    url.port = String(gate.port);
    const told: TelemetryEvent[] = [];
    const environment = functionOf(
      { folder: pipeline.folder, environment: { ...pipeline.environment, DATABASE_URL: url.href } },
      (event) => told.push(event),
    );
    onTestFinished(async () => {
      await environment.close();
      await gate.shut();
      await pipeline.remove();
    });
    const mapping = await EventSourceMapping.open(sqs, pipeline.queue.url);
    const stand: Stand = { pipeline, mapping, environment, told };
    expect(await environment.invoke(await eventOf(stand, loginEvents(5)), REMAINING_MS)).toEqual([]);
    const event = await eventOf(stand, loginEvents(10).slice(5));
    await gate.shut();
    const { code, retryable } = await failureOf(environment.invoke(event, 1_000));
    expect({ code, retryable }).toEqual({ code: "database.unreachable", retryable: true });
    await gate.open();
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(10);
  });

  it("opens again after a failure that somebody had to mend", async () => {
    const stand = await standOf({ isMigrated: false });
    const { pipeline, environment } = stand;
    const event = await eventOf(stand, loginEvents(3));
    environment.open();
    expect(await failureOf(environment.invoke(event, REMAINING_MS))).toMatchObject({ code: "database.not-migrated" });
    expect((await runCli(["migrate"], pipeline)).code).toBe(0);
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins RENAME TO others");
    const next = await eventOf(stand, loginEvents(6).slice(3));
    expect(await failureOf(environment.invoke(next, REMAINING_MS))).toMatchObject({
      code: "database.table-missing",
    });
    await query(pipeline.databaseUrl, "ALTER TABLE others RENAME TO user_logins");
    expect(await environment.invoke(next, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(6);
  });

  it("refuses an event of another queue or service, and stores nothing of it", async () => {
    const stand = await standOf();
    const { pipeline, environment } = stand;
    const event = await eventOf(stand, loginEvents(2));
    const fromElsewhere = (changes: object): LambdaEvent => ({
      Records: event.Records.map((record) => ({ ...record, ...changes })),
    });
    const other = "arn:aws:sqs:us-west-1:000000000000:other-queue";
    for (const [refused, why] of [
      [fromElsewhere({ eventSourceARN: other }), `it comes from ${other}, and source.sqs names ${pipeline.queue.name}`],
      [fromElsewhere({ eventSource: "aws:sns" }), "it comes from another service"],
      [{}, "it has no records"],
    ] as const) {
      const { code, message } = await failureOf(environment.invoke(refused, REMAINING_MS));
      expect({ code, message }).toEqual({ code: "lambda.event", message: expect.stringContaining(why) });
    }
    expect(await pipeline.rows()).toBe(0);
  });

  it("puts objects of S3 in the place of pointers; a missing one is quarantined", async () => {
    const bucket = await createTestBucket(sqs.endpoint);
    const stand = await standOf({ unwrap: `s3, s3: { endpoint: "${sqs.endpoint}" }` });
    for (const [name, value] of Object.entries(stand.pipeline.environment)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const [first = "", second = "", third = ""] = loginEvents(3);
    await bucket.put("a", first);
    await bucket.put("b", second);
    const pointers = ["a", "b", "none"].map((key) => bucket.pointerTo(key));
    const event = await eventOf(stand, [pointers[0] ?? "", third, ...pointers.slice(1)]);
    expect(await stand.environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await distinctUsers(stand.pipeline)).toBe(3);
    expect(await stand.pipeline.quarantined()).toEqual([{ reason: "body.object-missing", path: "unwrap: s3" }]);
  });
});

/** While it is held, a write waits once the table has so many rows. */
async function holdAfter(rows: number, databaseUrl: string, work: () => Promise<void>): Promise<void> {
  await query(
    databaseUrl,
    `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF (SELECT count(*) FROM user_logins) >= ${rows} THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
       RETURN NULL;
     END $$;
     CREATE TRIGGER wait BEFORE INSERT ON user_logins FOR EACH STATEMENT EXECUTE PROCEDURE wait()`,
  );
  // A session of its own: behind a pooler the lock would be that of whoever comes next.
  await withClient(directUrl(databaseUrl), async (client) => {
    await client.query("SELECT pg_advisory_lock(1)");
    await work();
  });
}

/** Enough for what is not held; the rest is waited for. */
const SHORT_MS = 4_000;

describe("a function whose time ends", () => {
  it("reports what it has not stored, and stores it when that comes again", async () => {
    const stand = await standOf({ settings: "batch: { rows: 20 }" });
    const { pipeline, environment } = stand;
    const event = await eventOf(stand, loginEvents(60));
    await holdAfter(20, pipeline.databaseUrl, async () => {
      expect(await environment.invoke(event, SHORT_MS)).toEqual(idsOf(event).slice(20));
    });
    expect(await pipeline.rows()).toBe(20);
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(60);
  });

  it("throws when it has stored nothing", async () => {
    const stand = await standOf();
    const { pipeline, environment } = stand;
    expect(await environment.invoke(await eventOf(stand, loginEvents(1)), REMAINING_MS)).toEqual([]);
    const event = await eventOf(stand, loginEvents(60).slice(1));
    await holdAfter(1, pipeline.databaseUrl, async () => {
      const { code, message } = await failureOf(environment.invoke(event, 500));
      expect(code).toBe("interrupted");
      expect(message).toContain("before any of its 59 messages was stored");
    });
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(60);
  });
});

describe("a function of a FIFO queue", () => {
  const GROUPS = 3;

  /** Groups by turns. */
  function groupedEvent({ mapping }: Stand, bodies: readonly string[]): LambdaEvent {
    return { Records: bodies.map((body, index) => madeUpRecord(mapping.arn, body, `group-${index % GROUPS}`)) };
  }

  it("reports everything from the first on that is not stored in time", async () => {
    const stand = await standOf({ settings: "batch: { rows: 3 }", queueAttributes: { FifoQueue: "true" } });
    const { pipeline, environment } = stand;
    const event = groupedEvent(stand, loginEvents(9));
    await holdAfter(3, pipeline.databaseUrl, async () => {
      expect(await environment.invoke(event, SHORT_MS)).toEqual(idsOf(event).slice(3));
    });
    expect(await pipeline.rows()).toBe(3);
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(9);
  });

  it("reports a damaged message and what follows it in its group, and stores nothing of that", async () => {
    const stand = await standOf({ queueAttributes: { FifoQueue: "true" } });
    const { pipeline, environment, told } = stand;
    const event = groupedEvent(stand, loginEvents(12));
    const damaged = 4;
    const Records = event.Records.map((record, index) =>
      index === damaged ? { ...record, md5OfBody: "0".repeat(32) } : record,
    );
    const expected = [4, 7, 10].map((index) => idsOf(event)[index]);
    expect(await environment.invoke({ Records }, REMAINING_MS)).toEqual(expected);
    expect(await pipeline.rows()).toBe(9);
    expect(told).toContainEqual({ type: "delivery.corrupt", count: 1, messageIds: [expected[0]] });
    expect(
      await environment.invoke({ Records: [4, 7, 10].map((index) => event.Records[index]) }, REMAINING_MS),
    ).toEqual([]);
    expect(await pipeline.rows()).toBe(12);
  });

  it("quarantines a bad event in its turn", async () => {
    const stand = await standOf({ queueAttributes: { FifoQueue: "true" } });
    const { pipeline, environment } = stand;
    const event = groupedEvent(stand, [...loginEvents(3), BAD, ...loginEvents(6).slice(3)]);
    expect(await environment.invoke(event, REMAINING_MS)).toEqual([]);
    expect(await pipeline.rows()).toBe(6);
    expect(await pipeline.quarantined()).toHaveLength(1);
  });
});
