import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { HEARTBEAT_EVERY_MS, keepHeartbeat } from "../../src/app/keep-heartbeat.ts";
import { Secret } from "../../src/config/secret.ts";
import type { Clock } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { forgetWorkers, listWorkers, reportWorker } from "../../src/storage/workers.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { type Gate, startGate } from "../support/gate.ts";
import { liveWorker } from "../support/live-worker.ts";
import { createTestDatabase, query, type TestDatabase, withClient } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { until } from "../support/until.ts";

const TABLE = { schema: null, name: "user_logins" };
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const never = new AbortController().signal;

let template: TestDatabase;
let database: TestDatabase;
let pool: PostgresPool;

beforeAll(async () => {
  template = await createTestDatabase("migrated");
  await query(template.url, "CREATE TABLE user_logins (user_id text); CREATE TABLE other (user_id text)");
});
afterAll(() => template.drop());
beforeEach(async () => {
  database = await createTestDatabase(template);
  pool = openPool({ url: new Secret(database.url), connectionsMax: 1 });
});
afterEach(async () => {
  await pool.close();
  await database.drop();
});

const report = (worker = liveWorker(), isStopped = false) => reportWorker(pool, worker, { isStopped, abort: never });
const list = (workersMax = 10) => listWorkers(pool, TABLE, workersMax);

describe("piipe.workers", () => {
  it("gives back what a worker reports of itself, with when it began and was heard of", async () => {
    const worker = {
      ...liveWorker({ number: 3 }, { stored: 12, refused: { "field.type": 2 }, queueTrouble: "queue.busy" }),
      keys: { "1": "0".repeat(32), "12": "f".repeat(32) },
    };
    await report(worker);
    const [known, ...others] = await list();
    expect(others).toEqual([]);
    expect(known).toEqual({
      ...worker.identity,
      figures: worker.figures,
      keys: worker.keys,
      startedAt: expect.stringMatching(UTC),
      seenAt: expect.stringMatching(UTC),
      silentMs: expect.any(Number),
      stoppedAt: null,
    });
    expect(known?.silentMs).toBeGreaterThanOrEqual(0);
  });

  it("leaves out what no worker writes, says how much that is, and loses no worker over it", async () => {
    const worker = liveWorker({ number: 3 }, { stored: 12 });
    await report(worker);
    // Of an older piipe, which does not know every figure.
    await report(liveWorker({ id: "00000000-0000-4000-8000-000000000001", pid: null }));
    await query(database.url, `UPDATE piipe.workers SET figures = '{"received": 1}' WHERE pid IS NULL`);
    const copy = (changes: Readonly<Record<string, unknown>>): Promise<unknown> =>
      query(
        database.url,
        `INSERT INTO piipe.workers SELECT (jsonb_populate_record(w, $1::jsonb || jsonb_build_object('id', gen.id::text))).*
         FROM piipe.workers AS w, (SELECT md5($1 || n::text)::uuid AS id FROM generate_series(1, 3) AS n) AS gen
         WHERE w.number = 3 AND w.id = $2::uuid`,
        [JSON.stringify(changes), worker.identity.id],
      );
    const bad: Readonly<Record<string, unknown>>[] = [
      { figures: {} },
      { figures: [] },
      { figures: "none" },
      { figures: { ...worker.figures, stored: "many" } },
      { figures: { ...worker.figures, stored: -1 } },
      { figures: { ...worker.figures, process: 3 } },
      { figures: { ...worker.figures, refused: { "\u001b[31m": 1 } } },
      { figures: { ...worker.figures, queueTrouble: "Queue down, call 555" } },
      { figures: { ...worker.figures, isDraining: "yes" } },
      { figures: { ...worker.figures, keys: ["1"] } },
      { figures: { ...worker.figures, keys: { "1": "1" } } },
      { figures: { ...worker.figures, keys: { "\u001b[31m": "0".repeat(32) } } },
      { figures: { received: 1, more: "x".repeat(70_000) } },
      { host: "\u001b]0;title\u0007" },
      { host: "h".repeat(600) },
      { pipeline: "" },
      { pid: -1 },
      { started_at: "infinity" },
      { seen_at: "infinity" },
      { seen_at: "2999-01-01" },
      { started_at: "0044-03-15 BC" },
      { stopped_at: "infinity" },
    ];
    for (const changes of bad) await copy(changes);
    let malformed = 0;
    const known = await listWorkers(pool, TABLE, 2, (rows) => void (malformed = rows));
    expect(malformed).toBe(3 * bad.length);
    expect(known.map(({ number }) => number).toSorted()).toEqual([3, null]);
    expect(known.find(({ number }) => number === null)?.keys).toBeNull();
    expect(known.find(({ number }) => number === null)?.figures).toMatchObject({
      received: 1,
      stored: 0,
      process: { count: 0, sumMs: 0 },
      queueTrouble: null,
    });
    await forgetWorkers(pool, never);
    expect(await query(database.url, "SELECT FROM piipe.workers WHERE seen_at > now() + interval '1 hour'")).toEqual(
      [],
    );
  });

  it("takes a worker that runs from code, which has neither process id nor number", async () => {
    await report(liveWorker({ pid: null, number: null }));
    expect(await list()).toMatchObject([{ pid: null, number: null }]);
  });

  it("renews a worker's row, and keeps when it began", async () => {
    const worker = liveWorker();
    await report(worker);
    await query(
      database.url,
      "UPDATE piipe.workers SET seen_at = now() - interval '1 hour', started_at = now() - interval '2 hours'",
    );
    const [before] = await list();
    expect(before?.silentMs).toBeGreaterThan(3_500_000);
    await report({ ...worker, figures: { ...worker.figures, stored: 5 } });
    const [after, ...others] = await list();
    expect(others).toEqual([]);
    expect(after?.figures.stored).toBe(5);
    expect(after?.startedAt).toBe(before?.startedAt);
    expect(after?.silentMs).toBeLessThan(3_500_000);
  });

  it("knows that a worker has ended, also when an older report arrives after the last one", async () => {
    const worker = liveWorker();
    await report(worker);
    await report(worker, true);
    const [ended] = await list();
    expect(ended?.stoppedAt).toMatch(UTC);
    await report(worker);
    expect((await list())[0]?.stoppedAt).toBe(ended?.stoppedAt);
  });

  it("forgets those that were not heard of for a day, ended or not, and lists them no more before", async () => {
    const [kept, silent, stopped] = [liveWorker(), liveWorker(), liveWorker()];
    await report(kept);
    await report(silent);
    await report(stopped, true);
    const setAge = (id: string, age: string) =>
      query(database.url, "UPDATE piipe.workers SET seen_at = now() - $2::interval WHERE id = $1", [id, age]);
    await setAge(kept.identity.id, "23 hours 59 minutes");
    await setAge(silent.identity.id, "24 hours 1 second");
    await setAge(stopped.identity.id, "2 days");
    expect((await list()).map(({ id }) => id)).toEqual([kept.identity.id]);
    await forgetWorkers(pool, never);
    expect(await query(database.url, "SELECT id FROM piipe.workers")).toEqual([{ id: kept.identity.id }]);
  });

  it("lists the running ones first, then the newest, and no more than are wanted", async () => {
    const workers = [liveWorker(), liveWorker(), liveWorker(), liveWorker()];
    const [oldest, older, stopped, newest] = workers.map(({ identity }) => identity.id);
    for (const [age, worker] of workers.entries()) {
      await report(worker, worker.identity.id === stopped);
      await query(database.url, "UPDATE piipe.workers SET started_at = now() - $2::interval WHERE id = $1", [
        worker.identity.id,
        `${10 - age} minutes`,
      ]);
    }
    expect((await list()).map(({ id }) => id)).toEqual([newest, older, oldest, stopped]);
    expect((await list(2)).map(({ id }) => id)).toEqual([newest, older]);
  });

  it("finds those of a table by its name alone or with its schema, and none of another table", async () => {
    const [own, other] = [liveWorker(), liveWorker({ target: "public.other" })];
    await report(own);
    await report(other);
    for (const schema of [null, "public"]) {
      expect((await listWorkers(pool, { schema, name: "user_logins" }, 10)).map(({ id }) => id)).toEqual([
        own.identity.id,
      ]);
    }
    expect(await listWorkers(pool, { schema: null, name: "no_such_table" }, 10)).toEqual([]);
  });
});

/** Sleeps until it is told to go on, or aborted. */
function steppedClock() {
  const sleeping = new Map<number, () => void>();
  const clock: Clock = {
    nowMs: () => 0,
    elapsedMs: () => 0,
    random: () => 0,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        const wake = (): void => {
          sleeping.delete(delayMs);
          resolve();
        };
        sleeping.set(delayMs, wake);
        if (signal.aborted) wake();
        signal.addEventListener("abort", wake, { once: true });
      }),
  };
  return {
    clock,
    wake: async (delayMs: number) => {
      await until(`something sleeps for ${delayMs} ms`, () => sleeping.has(delayMs));
      sleeping.get(delayMs)?.();
    },
    asleep: (delayMs: number) => until(`something sleeps for ${delayMs} ms`, () => sleeping.has(delayMs)),
  };
}

describe("keepHeartbeat", () => {
  function keep(on: PostgresPool) {
    const [stop, abort] = [new AbortController(), new AbortController()];
    const events: TelemetryEvent[] = [];
    const { clock, wake, asleep } = steppedClock();
    let stored = 0;
    const worker = liveWorker();
    const ended = keepHeartbeat(on, () => ({ ...worker, figures: { ...worker.figures, stored } }), {
      clock,
      emit: (event) => events.push(event),
      stop: stop.signal,
      abort: abort.signal,
    });
    return {
      events,
      ended,
      stop: () => stop.abort(),
      abort: () => abort.abort(),
      store: (count: number) => void (stored = count),
      wake: () => wake(HEARTBEAT_EVERY_MS),
      asleep: () => asleep(HEARTBEAT_EVERY_MS),
      timeLastReportOut: () => wake(1_000),
    };
  }

  it("forgets the old ones, reports at once, every five seconds, and at the end as stopped", async () => {
    await report(liveWorker());
    await query(database.url, "UPDATE piipe.workers SET seen_at = now() - interval '2 days'");
    const heartbeat = keep(pool);
    await heartbeat.asleep();
    expect(await list()).toMatchObject([{ stoppedAt: null, figures: { stored: 0 } }]);
    heartbeat.store(7);
    await heartbeat.wake();
    await heartbeat.asleep();
    expect(await list()).toMatchObject([{ stoppedAt: null, figures: { stored: 7 } }]);
    heartbeat.store(9);
    heartbeat.stop();
    await heartbeat.ended;
    expect(await list()).toMatchObject([{ stoppedAt: expect.stringMatching(UTC), figures: { stored: 9 } }]);
    expect(heartbeat.events).toEqual([]);
  });

  it("ends without a last report when it is aborted", async () => {
    const heartbeat = keep(pool);
    await heartbeat.asleep();
    heartbeat.abort();
    await heartbeat.ended;
    expect(await list()).toMatchObject([{ stoppedAt: null }]);
  });

  it("tells of a missing right, and goes on trying", async () => {
    const role = await createTestRole(database.url);
    const limited = openPool({ url: new Secret(role.url), connectionsMax: 1 });
    try {
      const heartbeat = keep(limited);
      await heartbeat.asleep();
      expect(heartbeat.events).toMatchObject([
        { type: "heartbeat.failed", code: "database.denied", sqlState: "42501" },
        { type: "heartbeat.failed", code: "database.denied", sqlState: "42501" },
      ]);
      await query(
        database.url,
        `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT SELECT, INSERT, UPDATE, DELETE ON piipe.workers TO ${role.name}`,
      );
      await heartbeat.wake();
      await heartbeat.asleep();
      expect(await list()).toMatchObject([{ stoppedAt: null }]);
      heartbeat.stop();
      await heartbeat.ended;
      expect(heartbeat.events).toHaveLength(2);
      expect(await list()).toMatchObject([{ stoppedAt: expect.stringMatching(UTC) }]);
    } finally {
      await limited.close();
      await role.drop();
    }
  });

  describe("while the database is away", () => {
    let gate: Gate;
    let gated: PostgresPool;

    beforeEach(async () => {
      const url = new URL(database.url);
      gate = await startGate(Number(url.port));
      url.port = String(gate.port);
      gated = openPool({ url: new Secret(url.href), connectionsMax: 1 });
    });
    afterEach(async () => {
      await gated.close();
      await gate.shut();
    });

    it("says so at each try, and reports again when it is back", async () => {
      const heartbeat = keep(gated);
      await heartbeat.asleep();
      await gate.shut();
      for (let tries = 1; tries <= 2; tries += 1) {
        await heartbeat.wake();
        await until("the try has failed", () => heartbeat.events.length === tries);
        await heartbeat.asleep();
      }
      expect(heartbeat.events[1]).toMatchObject({ type: "heartbeat.failed", code: "database.unreachable" });
      await gate.open();
      heartbeat.store(3);
      await heartbeat.wake();
      await heartbeat.asleep();
      expect(await list()).toMatchObject([{ figures: { stored: 3 } }]);
      heartbeat.stop();
      await heartbeat.ended;
      expect(heartbeat.events).toHaveLength(2);
    });

    it("ends all the same: the last report is given up", async () => {
      const heartbeat = keep(gated);
      await heartbeat.asleep();
      await gate.shut();
      heartbeat.stop();
      await heartbeat.ended;
      expect(await list()).toMatchObject([{ stoppedAt: null }]);
      expect(heartbeat.events).toMatchObject([{ type: "heartbeat.failed", code: "database.unreachable" }]);
    });

    it("and gives it up in time when no answer comes", async () => {
      const heartbeat = keep(gated);
      await heartbeat.asleep();
      await withClient(database.url, async (client) => {
        await client.query("BEGIN; LOCK TABLE piipe.workers IN ACCESS EXCLUSIVE MODE");
        heartbeat.stop();
        await heartbeat.timeLastReportOut();
        await heartbeat.ended;
      });
      // Who gave up says nothing more: the run is over.
      expect(heartbeat.events).toEqual([]);
    });
  });
});
