import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Secret } from "../../src/config/secret.ts";
import { PiipeError } from "../../src/errors.ts";
import type { Delivery } from "../../src/pipeline/contracts.ts";
import { openPool, type PostgresPool } from "../../src/postgres/connection.ts";
import { startEngine } from "../support/engine-run.ts";
import { createInnerPipeline } from "../support/inner-pipeline.ts";
import { delivery, ModelSource } from "../support/model-source.ts";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { startSqsFaults } from "../support/sqs-faults.ts";
import { callSqs, testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let template: TestDatabase;
beforeAll(async () => {
  template = await createTestDatabase("migrated");
  // The serial column numbers the rows as they were stored.
  await query(
    template.url,
    "CREATE TABLE events (seq bigserial, grp text, n integer, t text, CONSTRAINT fits CHECK (n >= 0))",
  );
});
afterAll(async () => {
  await template.drop();
});

/** By group, the numbers in the order in which they were stored. */
async function storedByGroup(databaseUrl: string): Promise<Map<string, number[]>> {
  const rows = await query<{ grp: string; n: number }>(databaseUrl, "SELECT grp, n FROM events ORDER BY seq");
  const groups = new Map<string, number[]>();
  for (const { grp, n } of rows) groups.set(grp, [...(groups.get(grp) ?? []), n]);
  return groups;
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe("a FIFO queue on a real server", () => {
  const GROUPS = 60;
  const PER_GROUP = 12;
  /** By turns what does not fit the columns, and what only PostgreSQL refuses. */
  const isBad = (n: number): boolean => n % 4 === 2;
  const bodyOf = (group: string, n: number): string => {
    if (!isBad(n)) return JSON.stringify({ group, n });
    return JSON.stringify({ group, n: n % 8 === 2 ? `${n}` : -n });
  };

  async function send(queueUrl: string): Promise<void> {
    for (const n of numbers(PER_GROUP)) {
      for (let first = 0; first < GROUPS; first += 10) {
        await callSqs(sqs.endpoint, "SendMessageBatch", {
          QueueUrl: queueUrl,
          Entries: numbers(10).map((index) => ({
            Id: String(index),
            MessageBody: bodyOf(`g${first + index}`, n),
            MessageGroupId: `g${first + index}`,
            MessageDeduplicationId: randomUUID(),
          })),
        });
      }
    }
  }

  it("three workers, one of them cut off, deletes that fail, refused rows: each group in order, each message once", async () => {
    const seed = Date.now() % 1_000_000;
    const pipeline = await createInnerPipeline(sqs, {
      template,
      columns: { grp: { from: "@group_id", type: "text" }, n: { type: "integer" } },
      queueAttributes: { FifoQueue: "true", VisibilityTimeout: "2" },
    });
    const faults = await startSqsFaults(sqs.endpoint, {
      seed,
      rates: { "failed delete entry": 0.15, "error 500": 0.03, "truncated reply": 0.02 },
    });
    onTestFinished(async () => {
      await faults.stop();
      await pipeline.remove();
    });
    await send(pipeline.queue.url);
    let receipts = 0;
    const cutOff = pipeline.start({
      endpoint: faults.endpoint,
      onEvent: ({ type }) => {
        if (type === "deliveries.received") receipts += 1;
        // While it holds what it has just received.
        if (receipts === 3) cutOff.abort();
      },
    });
    const others = [1, 2].map(() => pipeline.start({ endpoint: faults.endpoint }));
    await expect(cutOff.ended).rejects.toMatchObject({ code: "interrupted" });
    await Promise.all(others.map(({ ended }) => ended));

    const fired = Object.fromEntries(faults.fired);
    const stored = await storedByGroup(pipeline.databaseUrl);
    const expected = numbers(PER_GROUP).filter((n) => !isBad(n));
    expect(stored.size, `seed ${seed}`).toBe(GROUPS);
    for (const [group, order] of stored) expect(order, `${group}, seed ${seed}`).toEqual(expected);
    const poison = numbers(GROUPS).flatMap((group) =>
      numbers(PER_GROUP)
        .filter(isBad)
        .map((n) => bodyOf(`g${group}`, n)),
    );
    expect((await pipeline.quarantined()).toSorted()).toEqual(poison.toSorted());
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
    expect(fired["failed delete entry"], JSON.stringify({ seed, fired })).toBeGreaterThan(0);
  });

  it("stores nothing that follows a refused row in a transaction before the one that quarantines it", async () => {
    const pipeline = await createInnerPipeline(sqs, {
      template,
      columns: { n: { type: "integer" } },
      queueAttributes: { FifoQueue: "true" },
    });
    onTestFinished(() => pipeline.remove());
    // The server gives one message of a group at a time: the rows of one batch are of many groups here.
    await callSqs(sqs.endpoint, "SendMessageBatch", {
      QueueUrl: pipeline.queue.url,
      Entries: numbers(10).map((n) => ({
        Id: String(n),
        MessageBody: JSON.stringify({ n: n === 2 ? -n : n }),
        MessageGroupId: `g${n}`,
        MessageDeduplicationId: randomUUID(),
      })),
    });
    expect(await pipeline.start().ended).toMatchObject({ stored: 9, quarantined: 1 });
    const [order] = await query<{ quarantined: number; followed: number }>(
      pipeline.databaseUrl,
      `SELECT (SELECT xmin::text::int FROM piipe.quarantine) AS quarantined,
              (SELECT min(xmin::text::int) FROM events WHERE n > 2) AS followed`,
    );
    expect(order?.followed).toBeGreaterThanOrEqual(order?.quarantined ?? Number.NaN);
  });
});

/** SQS gives several messages of a group at once, which the local server does not: here the queue is a model. */
describe("a FIFO queue that gives many messages of a group at once", () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase(template);
    onTestFinished(() => database.drop());
  });

  /**
   * Runs a worker on the messages until all are settled or it halts. `raise` tells the SQLSTATE that a statement fails
   * with, if any.
   * @returns the messages that are still in the queue, in its order
   */
  async function work(messages: readonly Delivery[], raise: () => string | null): Promise<readonly Delivery[]> {
    const pool = openPool({ url: new Secret(database.url), connectionsMax: 2 });
    const source = new ModelSource({ ordered: true });
    source.send(...messages);
    const failing: PostgresPool = {
      ...pool,
      async connect(abort) {
        const connection = await pool.connect(abort);
        return {
          ...connection,
          query: (doing, text, values) => {
            const sqlState = values === undefined ? null : raise();
            if (sqlState === null) return connection.query(doing, text, values);
            return connection.query(doing, `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${sqlState}'; END $$`);
          },
        };
      },
    };
    const limits = { inFlightMax: 40, batchRowsMax: 10, lingerMs: 1, haltAboveShare: 1 };
    const options = { databaseUrl: database.url, pool: failing, source, limits, clock: quickClock };
    const { ended } = await startEngine({ ...options, rejectedMax: 1 });
    await ended.catch((error: unknown) => {
      if (!(error instanceof PiipeError)) throw error;
    });
    await pool.close();
    const deleted = new Set(source.deleted);
    return messages
      .filter(({ id }) => !deleted.has(id))
      .map((message) => ({ ...message, attempt: message.attempt + 1 }));
  }

  /** Retries at once. */
  const quickClock = {
    ...systemClock,
    sleep: (delayMs: number, signal: AbortSignal) => systemClock.sleep(Math.min(delayMs, 1), signal),
  };

  const message = (group: string, n: number, body: string): Delivery =>
    delivery(`${group} ${n}`, body, { groupId: group });

  it("what follows a refused row is stored only once that is in the quarantine", async () => {
    const messages = [0, -1, 2, 3, -4, 5].map((n) => message("g", Math.abs(n), String(n)));
    // As on a server that refuses piipe's own statement for the quarantine: the worker halts with the rows unsettled.
    await query(
      database.url,
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON piipe.quarantine FOR EACH STATEMENT EXECUTE PROCEDURE refuse()`,
    );
    const left = await work(messages, () => null);
    expect(left.map(({ body }) => body)).not.toContain("0");
    expect(await storedByGroup(database.url)).toEqual(new Map([["g", [0]]]));
    // The operator finds that the rows were right, and the constraint was wrong.
    await query(database.url, "DROP TRIGGER refuse ON piipe.quarantine; ALTER TABLE events DROP CONSTRAINT fits");
    expect(await work(left, () => null)).toEqual([]);
    expect(await storedByGroup(database.url)).toEqual(new Map([["g", [0, -1, 2, 3, -4, 5]]]));
  });

  it.each(numbers(8).map((index) => index + 1))(
    "refused rows and events, failing statements, workers that halt, a constraint that changes: in order (seed %d)",
    async (seed) => {
      const random = new SeededRandom(seed);
      const messages: Delivery[] = [];
      for (const n of numbers(80)) {
        const body = random.chance(0.15) ? `-${n + 1}` : random.chance(0.1) ? `?${n + 1}` : String(n + 1);
        messages.push(message(`g${random.below(3)}`, n + 1, body));
      }
      let left: readonly Delivery[] = messages;
      let runs = 0;
      while (left.length > 0) {
        runs += 1;
        left = await work(left, () => {
          // The last runs come to an end.
          if (runs > 30 || random.chance(0.75)) return null;
          return random.pick(["40001", "40001", "40P01", "57014", "P0001"]);
        });
        if (random.chance(0.2)) {
          const change = "ALTER TABLE events DROP CONSTRAINT IF EXISTS fits";
          const isBack = random.chance(0.5);
          await query(database.url, isBack ? `${change}, ADD CONSTRAINT fits CHECK (n >= 0) NOT VALID` : change);
        }
      }
      const stored = await storedByGroup(database.url);
      for (const [group, order] of stored) {
        const sent = order.map(Math.abs);
        expect(sent, `${group}, seed ${seed}`).toEqual(sent.toSorted((a, b) => a - b));
      }
      const quarantined = await query<{ id: string }>(database.url, "SELECT message_id AS id FROM piipe.quarantine");
      const ids = [...stored].flatMap(([group, order]) => order.map((n) => `${group} ${Math.abs(n)}`));
      const all = [...ids, ...quarantined.map(({ id }) => id)];
      expect(all.toSorted(), `seed ${seed}`).toEqual(messages.map(({ id }) => id).toSorted());
    },
  );
});
