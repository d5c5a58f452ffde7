import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed, onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Clock } from "../../src/pipeline/contracts.ts";
import { openSqsSource, type OpenSqsSourceOptions } from "../../src/sources/sqs/open-sqs-source.ts";
import type { SqsSource } from "../../src/sources/sqs/sqs-source.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { type SqsFaultKind, type SqsFaults, startSqsFaults } from "../support/sqs-faults.ts";
import { localSource, receiveAll, settledWith } from "../support/sqs-source.ts";
import { queueArn, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";
import { CommitWitness } from "./soak/commit-witness.ts";

const NEVER = new AbortController().signal;
/** Too seldom to strike again; a rate of 0 would end what has begun. */
const NOT_AGAIN = Number.MIN_VALUE;

const seed = Date.now() % 1_000_000;

const sqs = testSqs();
let faults: SqsFaults | null = null;
let source: SqsSource | null = null;
let events: TelemetryEvent[] = [];
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await source?.close();
  await faults?.stop();
  source = null;
  faults = null;
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Real time, but pauses of twentieths. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 20, signal),
};

interface Opened {
  readonly source: SqsSource;
  readonly faults: SqsFaults;
  readonly queueUrl: string;
}

/** A queue with the messages, and the source that receives from it through the faults. */
async function open(
  bodies: readonly string[],
  rates: Readonly<Partial<Record<SqsFaultKind, number>>>,
  more: Partial<OpenSqsSourceOptions> = {},
): Promise<Opened> {
  onTestFailed(() => console.error(`seed ${seed}`));
  const queue = await sqs.createTestQueue();
  await sqs.send(queue.url, bodies);
  faults = await startSqsFaults(sqs.endpoint, { seed, rates });
  events = [];
  source = await openSqsSource(
    localSource({
      queue: queue.name,
      region: sqs.region,
      endpoint: faults.endpoint,
      clock: hastyClock,
      emit: (event) => events.push(event),
      ...more,
    }),
  );
  return { source, faults, queueUrl: queue.url };
}

function bodiesOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `{"n":${i}}`);
}

function timesFired(kind: SqsFaultKind): number {
  return faults?.fired.get(kind) ?? 0;
}

function eventsOf<T extends TelemetryEvent["type"]>(type: T): Extract<TelemetryEvent, { type: T }>[] {
  return events.filter((event): event is Extract<TelemetryEvent, { type: T }> => event.type === type);
}

/** Shared credentials that are others at each look. Nothing of the test's own environment gets in the way. */
async function useRenewedCredentials(): Promise<Record<string, string>> {
  const script = join(folder, "credentials.sh");
  await writeFile(
    script,
    `#!/bin/sh
echo '{"Version":1,"AccessKeyId":"test","SecretAccessKey":"test","SessionToken":"'"token-$$-$(date +%N)"'"}'
`,
  );
  await chmod(script, 0o700);
  const config = join(folder, "aws-config");
  await writeFile(config, `[default]\nregion = ${sqs.region}\ncredential_process = ${script}\n`);
  return { AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: join(folder, "none") };
}

describe("the source, when SQS", () => {
  it.each(["error 500", "throttle", "over limit"] as const)(
    "refuses with “%s”: backs off with jitter, further each time, and goes on when it passes",
    async (kind) => {
      const random = new SeededRandom(seed);
      const drawn: number[] = [];
      const draw = (): number => {
        // Not too small: each ceiling is told from a delay by it.
        drawn.push(0.1 + 0.9 * random.next());
        return drawn.at(-1) ?? 0;
      };
      const opened = await open(["one"], { [kind]: 1 }, { clock: { ...hastyClock, random: draw } });
      const receiving = receiveAll(opened.source, 1);
      await until("it was refused often", () => eventsOf("source.retried").length >= 12);
      opened.faults.rates[kind] = 0;
      expect(await receiving).toHaveLength(1);
      const delays = eventsOf("source.retried").map(({ delayMs }) => delayMs);
      expect(new Set(delays).size).toBeGreaterThan(4);
      // At most three attempts a request, then the poll's own pause: its ceiling doubles from half a second.
      const ceilings = delays.map((delayMs, i) => delayMs / (drawn[i] ?? 0));
      for (const pauseMs of [500, 1_000, 2_000, 4_000]) {
        expect(
          ceilings.some((ceiling) => Math.abs(ceiling - pauseMs) < 10),
          `${pauseMs} of ${ceilings.join(", ")}`,
        ).toBe(true);
      }
    },
  );

  it("gives too many to hold: deletes go on", async () => {
    const opened = await open(bodiesOf(30), {});
    const deliveries = await receiveAll(opened.source, 30);
    opened.faults.rates["over limit"] = 1;
    const stop = new AbortController();
    const receiving = opened.source.receive(10, stop.signal);
    await until("a receive was refused", () => timesFired("over limit") > 0);
    expect(await opened.source.settle(settledWith(deliveries, "delete"), NEVER)).toMatchObject({ deleted: 30 });
    stop.abort();
    expect(await receiving).toEqual([]);
    expect((await sqs.count(opened.queueUrl)).total).toBe(0);
  });

  it("calls the token expired: takes new credentials, however often", async () => {
    for (const [name, value] of Object.entries(await useRenewedCredentials())) vi.stubEnv(name, value);
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"])
      vi.stubEnv(name, undefined);
    const opened = await open(["one"], { "expired token": 1 }, { credentials: null });
    const receiving = receiveAll(opened.source, 1);
    // More often than one request is tried.
    await until("it expired often", () => timesFired("expired token") >= 5);
    // From now on only the tokens that have expired are refused: the message comes by a new one, or never.
    opened.faults.rates["expired token"] = NOT_AGAIN;
    const deliveries = await receiving;
    const [retried] = eventsOf("source.retried");
    expect(retried).toMatchObject({ code: "queue.credentials" });
    expect(await opened.source.settle(settledWith(deliveries, "delete"), NEVER)).toMatchObject({ deleted: 1 });
  });

  it("has another time: corrects the signatures once, and once more when it is right again", async () => {
    const opened = await open(bodiesOf(60), { "clock skew": 1 });
    const receiving = receiveAll(opened.source, 1);
    await until("the clock was wrong", () => timesFired("clock skew") > 0);
    opened.faults.rates["clock skew"] = NOT_AGAIN;
    const deliveries = await receiving;
    expect(eventsOf("clock.corrected")).toHaveLength(1);
    // Each delete is a request of its own: the wrong clock ends in their midst.
    while (deliveries.length < 60) {
      deliveries.push(...(await opened.source.receive(1, NEVER)));
      expect(await opened.source.settle(settledWith(deliveries.slice(-1), "delete"), NEVER)).toMatchObject({
        deleted: 1,
      });
    }
    expect(timesFired("clock skew")).toBe(1);
    expect(eventsOf("clock.corrected")).toHaveLength(2);
    expect(eventsOf("source.retried").length).toBeLessThan(10);
  });

  it("hangs at a receive: deletes do not wait for it", async () => {
    const opened = await open(bodiesOf(2), {});
    const [first, ...others] = await receiveAll(opened.source, 2);
    if (first === undefined) throw new Error("nothing was received");
    await opened.source.settle(settledWith(others, "release"), NEVER);
    opened.faults.rates.hang = 1;
    const receiving = receiveAll(opened.source, 1);
    await until("a receive hangs", () => timesFired("hang") === 1);
    opened.faults.rates.hang = 0;
    expect(await opened.source.settle(settledWith([first], "delete"), NEVER)).toMatchObject({ deleted: 1 });
    expect(eventsOf("source.retried")).toEqual([]);
    expect(await receiving).toHaveLength(1);
    expect(eventsOf("source.retried")).toMatchObject([{ action: "ReceiveMessage", code: "queue.unreachable" }]);
  });

  it("loses the reply to a delete: does not take it for done", async () => {
    const opened = await open(["one"], {});
    const deliveries = await receiveAll(opened.source, 1);
    opened.faults.rates["truncated reply"] = 1;
    expect(await opened.source.settle(settledWith(deliveries, "delete"), NEVER)).toEqual({
      deleted: 0,
      released: 0,
      failed: 1,
      failedIds: deliveries.map(({ id }) => id),
    });
    expect((await sqs.count(opened.queueUrl)).total).toBe(0);
  });

  it("sends bodies that do not match their digest: refuses those, and takes the rest of the reply", async () => {
    const bodies = bodiesOf(40);
    const opened = await open(bodies, { "bad MD5": 0.3 });
    const taken: string[] = [];
    while (taken.length + timesFired("bad MD5") < bodies.length) {
      for (const { body } of await opened.source.receive(50, NEVER)) taken.push(body);
    }
    expect(timesFired("bad MD5")).toBeGreaterThan(0);
    expect(new Set(taken).size).toBe(bodies.length - timesFired("bad MD5"));
    for (const body of taken) expect(bodies).toContain(body);
    expect(eventsOf("delivery.corrupt").reduce((sum, { count }) => sum + count, 0)).toBe(timesFired("bad MD5"));
  });

  it("gives messages in another order: takes each", async () => {
    const bodies = bodiesOf(30);
    const opened = await open(bodies, { reorder: 1 });
    const taken = (await receiveAll(opened.source, 30)).map(({ body }) => body);
    expect(taken).not.toEqual(bodies);
    expect(taken.toSorted()).toEqual(bodies.toSorted());
  });

  it.each([
    ["the same handle: takes it once", "duplicate, same handle"],
    ["a new handle: takes it once and deletes with the newer, as the older does nothing", "duplicate, new handle"],
  ] as const)("delivers twice under %s", async (_, kind) => {
    const opened = await open(bodiesOf(20), { [kind]: 1 });
    const deliveries = await receiveAll(opened.source, 20);
    const stop = new AbortController();
    const receiving = opened.source.receive(50, stop.signal);
    await until("all came again", () => timesFired(kind) >= 20);
    stop.abort();
    expect(await receiving).toEqual([]);
    expect(await opened.source.settle(settledWith(deliveries, "delete"), NEVER)).toMatchObject({ deleted: 20 });
    expect((await sqs.count(opened.queueUrl)).total).toBe(0);
  });

  it("fails to delete entries of a batch: sends those again, and says how many are left", async () => {
    const opened = await open(bodiesOf(100), {});
    const deliveries = await receiveAll(opened.source, 100);
    opened.faults.rates["failed delete entry"] = 0.5;
    const { deleted, failed } = await opened.source.settle(settledWith(deliveries, "delete"), NEVER);
    expect(deleted + failed).toBe(100);
    // Half are left after each of three rounds.
    expect(deleted).toBeGreaterThan(70);
    expect((await sqs.count(opened.queueUrl)).total).toBe(failed);
  });

  it("answers batches with what does not add up: takes for done only what is done", async () => {
    const opened = await open(bodiesOf(200), {});
    const deliveries = await receiveAll(opened.source, 200);
    opened.faults.rates["mangled batch reply"] = 0.7;
    const released = await opened.source.settle(settledWith(deliveries.slice(0, 100), "release"), NEVER);
    expect(released.released + released.failed).toBe(100);
    expect((await sqs.count(opened.queueUrl)).visible).toBeGreaterThanOrEqual(released.released);
    const deleted = await opened.source.settle(settledWith(deliveries.slice(100), "delete"), NEVER);
    expect(deleted.deleted + deleted.failed).toBe(100);
    expect((await sqs.count(opened.queueUrl)).total).toBeLessThanOrEqual(200 - deleted.deleted);
  });
});

const MESSAGES = 1_500;
const MESSAGES_MAX = 20_000;
const MORE = 500;
/** Short, so that what a lost reply has hidden comes back soon. */
const VISIBILITY_SECONDS = 3;
/** Against hangs only. */
const QUIET_TIMEOUT_MS = 150_000;
const TEST_TIMEOUT_MS = 2.5 * QUIET_TIMEOUT_MS;
const RATES: Readonly<Record<SqsFaultKind, number>> = {
  "error 500": 0.05,
  throttle: 0.05,
  "duplicate, same handle": 0.1,
  "duplicate, new handle": 0.1,
  reorder: 0.2,
  hang: 0.005,
  "truncated reply": 0.02,
  "bad MD5": 0.005,
  "clock skew": 0.005,
  "expired token": 0.005,
  "over limit": 0.02,
  "failed delete entry": 0.1,
  "mangled batch reply": 0.05,
};

it(
  "stores every message once and empties the queue, whatever SQS does",
  async () => {
    onTestFailed(() => console.error(`seed ${seed}`));
    const pipeline = await createLoginPipeline(sqs, {
      queueAttributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) },
    });
    onTestFinished(() => pipeline.remove());
    const witness = new CommitWitness(pipeline.databaseUrl, await queueArn(sqs.endpoint, pipeline.queue.url));
    onTestFinished(() => witness.close());
    const sent = loginEvents(MESSAGES_MAX);
    let sentCount = 0;
    const sendMore = async (count: number): Promise<void> => {
      await sqs.send(pipeline.queue.url, sent.slice(sentCount, sentCount + count));
      sentCount += count;
    };
    faults = await startSqsFaults(sqs.endpoint, { seed, rates: RATES, beforeDelete: (ids) => witness.look(ids) });
    const { AWS_ACCESS_KEY_ID: _key, AWS_SECRET_ACCESS_KEY: _secret, ...inherited } = pipeline.environment;
    const environment = {
      ...inherited,
      ...(await useRenewedCredentials()),
      AWS_ENDPOINT_URL_SQS: faults.endpoint,
    };
    const workers = [1, 2].map(() => startCli(["run", "--json"], { folder: pipeline.folder, environment }));
    onTestFinished(() => workers.forEach((worker) => worker.process.kill("SIGKILL")));
    await sendMore(MESSAGES);
    const { fired } = faults;
    await until(
      "every kind has fired",
      async () => {
        if (![...fired.values()].includes(0)) return true;
        if (sentCount < MESSAGES_MAX && (await sqs.count(pipeline.queue.url)).visible === 0) await sendMore(MORE);
        return false;
      },
      QUIET_TIMEOUT_MS,
    );
    await until("the queue is empty", async () => (await sqs.count(pipeline.queue.url)).total === 0, QUIET_TIMEOUT_MS);
    for (const worker of workers) worker.process.kill("SIGTERM");
    const results = await Promise.all(workers.map(({ ended }) => ended));
    console.info(`seed ${seed}, ${sentCount} messages:`, Object.fromEntries(fired));

    for (const { code, stderr } of results) expect(code, stderr).toBe(0);
    const [row] = await query<{ rows: string; users: string }>(
      pipeline.databaseUrl,
      "SELECT count(*) AS rows, count(DISTINCT user_id) AS users FROM user_logins",
    );
    expect(row).toEqual({ rows: String(sentCount), users: String(sentCount) });
    expect(await pipeline.quarantined()).toEqual([]);
    expect(witness.uncommitted).toBe(0);
    expect(witness.messages).toBe(sentCount);
  },
  TEST_TIMEOUT_MS,
);
