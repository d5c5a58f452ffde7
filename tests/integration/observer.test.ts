import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openObserver } from "../../src/app/open-observer.ts";
import type { Snapshot } from "../../src/app/snapshot.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { Secret } from "../../src/config/secret.ts";
import { openPool } from "../../src/postgres/connection.ts";
import { type LiveWorker, reportWorker } from "../../src/storage/workers.ts";
import { liveWorker } from "../support/live-worker.ts";
import { type TestDatabase, createTestDatabase, query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { callSqs, queueArn, testSqs } from "../support/sqs.ts";

const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };
const NOBODY = "127.0.0.1:9";
const never = new AbortController().signal;

const sqs = testSqs();
let template: TestDatabase;
let database: TestDatabase;
let queue: { name: string; url: string };
let source: string;

beforeAll(async () => {
  template = await createTestDatabase("migrated");
  await query(template.url, "CREATE TABLE user_logins (user_id text)");
});
afterAll(async () => {
  await template.drop();
});
beforeEach(async () => {
  database = await createTestDatabase(template);
  queue = await sqs.createTestQueue();
  source = await queueArn(sqs.endpoint, queue.url);
});
afterEach(() => database.drop());

interface Place {
  readonly databaseUrl?: string;
  readonly endpoint?: string;
  readonly queue?: string;
  readonly table?: string;
  readonly own?: readonly LiveWorker[];
}

/** One look. */
async function look(place: Place = {}): Promise<Snapshot> {
  const { databaseUrl = database.url, endpoint = sqs.endpoint, table = "user_logins", own = [] } = place;
  const config = parseConfig(
    {
      source: { sqs: { queue: place.queue ?? queue.name, region: sqs.region, endpoint } },
      sink: { postgres: { url: databaseUrl, table } },
      columns: { user_id: { type: "text" } },
    },
    { baseFolder: "." },
  );
  const observer = openObserver(config, { credentials: CREDENTIALS, ownWorkers: () => own });
  try {
    return await observer.read(never);
  } finally {
    await observer.close();
    await observer.close();
  }
}

async function report(worker: LiveWorker, isStopped = false): Promise<LiveWorker> {
  const pool = openPool({ url: new Secret(database.url), connectionsMax: 1 });
  await reportWorker(pool, worker, { isStopped, abort: never });
  await pool.close();
  return worker;
}

const setAge = (worker: LiveWorker, seconds: number) =>
  query(
    database.url,
    "UPDATE piipe.workers SET seen_at = now() - $2::double precision * interval '1 s' WHERE id = $1",
    [worker.identity.id, seconds],
  );

describe("a look at a pipeline", () => {
  it("tells of the queue, the workers and the quarantine", async () => {
    await sqs.send(queue.url, ["{}", "{}", "{}"]);
    const worker = await report(liveWorker({ source }, { stored: 4 }));
    const { at, ...snapshot } = await look();
    expect(Date.parse(at)).not.toBeNaN();
    expect(snapshot).toMatchObject({
      pipeline: "user_logins",
      queue: queue.name,
      table: "user_logins",
      depth: { ok: true, value: { visible: 3, hidden: 0, delayed: 0 } },
      deadLetters: { ok: true, value: null },
      workers: {
        ok: true,
        value: [
          {
            ...worker.identity,
            state: "running",
            figures: { stored: 4 },
            startedAt: expect.any(String),
            seenAt: expect.any(String),
          },
        ],
      },
      quarantine: { ok: true, value: { pending: 0, reasons: [] } },
    });
    expect((await sqs.count(queue.url)).visible).toBe(3);
  });

  it("tells what the dead-letter queue holds, in whatever state", async () => {
    const dead = await sqs.createTestQueue();
    const deadLetterTargetArn = await queueArn(sqs.endpoint, dead.url);
    await callSqs(sqs.endpoint, "SetQueueAttributes", {
      QueueUrl: queue.url,
      Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 10 }) },
    });
    expect(await look()).toMatchObject({ deadLetters: { ok: true, value: { queue: dead.name, waiting: 0 } } });
    await sqs.send(dead.url, ["{}", "{}", "{}"]);
    await callSqs(sqs.endpoint, "ReceiveMessage", { QueueUrl: dead.url, VisibilityTimeout: 600 });
    expect(await look()).toMatchObject({ deadLetters: { ok: true, value: { queue: dead.name, waiting: 3 } } });
    expect(await sqs.count(dead.url)).toMatchObject({ visible: 2 });
  });

  it("calls a worker silent after three heartbeats, and stopped when it said so", async () => {
    const [running, silent, stopped] = [liveWorker({ source }), liveWorker({ source }), liveWorker({ source })];
    await report(running);
    await report(silent);
    await report(stopped, true);
    await setAge(running, 5);
    await setAge(silent, 16);
    await setAge(stopped, 3_600);
    const { workers } = await look();
    const states = new Map(workers.ok ? workers.value.map(({ id, state }) => [id, state]) : []);
    expect(states.get(running.identity.id)).toBe("running");
    expect(states.get(silent.identity.id)).toBe("silent");
    expect(states.get(stopped.identity.id)).toBe("stopped");
  });

  it("tells of the others when a row of piipe.workers is none of a worker", async () => {
    const worker = liveWorker({ source, target: "public.user_logins" });
    const pool = openPool({ url: new Secret(database.url), connectionsMax: 1 });
    await reportWorker(pool, worker, { isStopped: false, abort: never });
    await pool.close();
    expect((await look()).malformedWorkers).toBeUndefined();
    await query(
      database.url,
      `INSERT INTO piipe.workers (id, pipeline, source, target, host, version, figures)
       VALUES (md5('1')::uuid, 'p', 'x', 'public.user_logins', 'h', '1', '{}')`,
    );
    expect(await look()).toMatchObject({
      malformedWorkers: 1,
      workers: { ok: true, value: [{ id: worker.identity.id }] },
      quarantine: { ok: true },
    });
  });

  it("leaves out the workers of another queue or another table", async () => {
    await report(liveWorker({ source: "arn:aws:sqs:us-west-1:000000000000:another" }));
    await report(liveWorker({ source, target: "public.another" }));
    const own = await report(liveWorker({ source }));
    for (const table of ["user_logins", "public.user_logins"]) {
      expect(await look({ table })).toMatchObject({ workers: { value: [{ id: own.identity.id }] } });
      const { workers } = await look({ table });
      expect(workers.ok && workers.value).toHaveLength(1);
    }
  });
});

describe("the workers of the program itself", () => {
  it("are shown as they are now, not as they last reported", async () => {
    const worker = await report(liveWorker({ source }, { stored: 1 }));
    await setAge(worker, 60);
    const now = { ...worker, figures: { ...worker.figures, stored: 99 } };
    const { workers } = await look({ own: [now] });
    expect(workers).toMatchObject({
      ok: true,
      value: [{ id: worker.identity.id, state: "running", silentMs: 0, figures: { stored: 99 } }],
    });
    expect(workers.ok && workers.value[0]?.startedAt).toEqual(expect.any(String));
  });

  it("are shown before their first report", async () => {
    const { workers } = await look({ own: [liveWorker({ source })] });
    expect(workers).toMatchObject({ ok: true, value: [{ state: "running", startedAt: null }] });
  });

  it("are shown while the database is away", async () => {
    const snapshot = await look({ own: [liveWorker({ source })], databaseUrl: `postgres://nobody@${NOBODY}/x` });
    expect(snapshot).toMatchObject({
      depth: { ok: true },
      workers: { ok: true, value: [{ state: "running", startedAt: null }] },
      quarantine: { ok: false, error: { code: "database.unreachable" } },
    });
  });
});

describe("a part that fails", () => {
  const ok = { ok: true };

  it("the queue: the others are there", async () => {
    const snapshot = await look({ endpoint: `http://${NOBODY}` });
    const error = { code: "queue.unreachable", message: expect.stringContaining(NOBODY), hint: expect.any(String) };
    expect(snapshot).toMatchObject({
      depth: { ok: false, error },
      deadLetters: { ok: false, error },
      workers: ok,
      quarantine: ok,
    });
  });

  it("a queue that does not exist: the same", async () => {
    expect(await look({ queue: "no-such-queue" })).toMatchObject({
      depth: { ok: false, error: { code: "queue.not-found" } },
      workers: ok,
      quarantine: ok,
    });
  });

  it("the database: the queue is there", async () => {
    const snapshot = await look({ databaseUrl: `postgres://nobody@${NOBODY}/x` });
    const failed = { ok: false, error: { code: "database.unreachable", message: expect.stringContaining(NOBODY) } };
    expect(snapshot).toMatchObject({ depth: ok, workers: failed, quarantine: failed });
  });

  it("a database without piipe's own tables: it says so, not that a table is missing", async () => {
    const fresh = await createTestDatabase();
    const failed = { ok: false, error: { code: "database.not-migrated" } };
    expect(await look({ databaseUrl: fresh.url })).toMatchObject({ depth: ok, workers: failed, quarantine: failed });
    await fresh.drop();
  });

  it("a right: what may be read is there", async () => {
    const role = await createTestRole(database.url);
    const grant = (on: string) => query(database.url, `GRANT SELECT ON ${on} TO ${role.name}`);
    const denied = { ok: false, error: { code: "database.denied" } };
    await query(database.url, `GRANT USAGE ON SCHEMA piipe TO ${role.name}`);
    await grant("piipe.migrations");
    await grant("piipe.workers");
    expect(await look({ databaseUrl: role.url })).toMatchObject({ depth: ok, workers: ok, quarantine: denied });
    await grant("piipe.quarantine");
    await query(database.url, `REVOKE SELECT ON piipe.workers FROM ${role.name}`);
    expect(await look({ databaseUrl: role.url })).toMatchObject({ depth: ok, workers: denied, quarantine: ok });
    await role.drop();
  });
});
