import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { exitCodeOf } from "../../src/cli/failure.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { type InnerPipeline, type InnerPipelineOptions, createInnerPipeline } from "../support/inner-pipeline.ts";
import { type TestDatabase, createTestDatabase, query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { callSqs, queueArn, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

/*
 * Rows that PostgreSQL refuses for what they hold, under codes that look like faults of the schema; and tables that take no
 * row under the same codes. Each queue has a dead-letter queue that takes what is received more than three times.
 */

const GOOD = 200;
const BAD = 13;

interface Cause {
  readonly sqlState: string;
  readonly what: string;
  /** Makes the table `events (grp text, n integer)`, which refuses rows for which the condition on `n` is true. */
  readonly ddl: (refuses: string) => string;
  readonly reason: string;
  /** When the table takes no row: what the error says, in its message or its hint. */
  readonly says: string;
  readonly code?: ErrorCode;
  /** Through a role that owns nothing. */
  readonly asRole?: boolean;
}

const trigger = (statement: string): Cause["ddl"] => {
  return (refuses) => `
    CREATE TABLE events (grp text, n integer);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF ${refuses.replaceAll("n ", "NEW.n ")} THEN ${statement} END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE PROCEDURE refuse()`;
};

const raised = (condition: string, sqlState: string): Cause => ({
  sqlState,
  what: `RAISE ${condition}`,
  ddl: trigger(`RAISE EXCEPTION 'no' USING ERRCODE = '${condition}';`),
  reason: "database.trigger",
  says: "a trigger or function",
});

const CAUSES: readonly Cause[] = [
  raised("raise_exception", "P0001"),
  raised("check_violation", "23514"),
  raised("undefined_table", "42P01"),
  raised("insufficient_privilege", "42501"),
  raised("feature_not_supported", "0A000"),
  raised("internal_error", "XX000"),
  raised("PI001", "PI001"),
  // As of the connection, or of other transactions.
  raised("connection_failure", "08006"),
  raised("read_only_sql_transaction", "25006"),
  raised("serialization_failure", "40001"),
  raised("out_of_memory", "53200"),
  raised("lock_not_available", "55P03"),
  raised("query_canceled", "57014"),
  raised("admin_shutdown", "57P01"),
  {
    sqlState: "P0004",
    what: "ASSERT",
    ddl: trigger("ASSERT false, 'no';"),
    reason: "database.trigger",
    says: "a trigger or function",
  },
  {
    sqlState: "42P01",
    what: "a trigger that sends rows to a table that is not there",
    ddl: trigger("EXECUTE 'INSERT INTO events_of_2031 VALUES ($1.*)' USING NEW;"),
    reason: "database.trigger",
    says: "a trigger or function in the database failed: a table does not exist",
  },
  {
    sqlState: "42P01",
    what: "a trigger whose dynamic SQL holds a value that looks like a function of piipe's",
    ddl: trigger("EXECUTE format('SELECT %L FROM events_of_2031', 'x piipe.canonical(text) y');"),
    reason: "database.trigger",
    says: "a trigger or function in the database failed: a table does not exist",
  },
  {
    sqlState: "P0001",
    what: "a deferred trigger, at COMMIT",
    ddl: (refuses) =>
      `${trigger("RAISE 'no';")(refuses)};
       DROP TRIGGER refuse ON events;
       CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE PROCEDURE refuse()`,
    reason: "database.trigger",
    says: "a trigger or function",
  },
  {
    sqlState: "44000",
    what: "a view's CHECK OPTION",
    ddl: (refuses) => `
      CREATE TABLE stored (grp text, n integer);
      CREATE VIEW events AS SELECT * FROM stored WHERE NOT (${refuses}) WITH CHECK OPTION`,
    reason: "database.view",
    says: "the CHECK OPTION of a view",
  },
  {
    sqlState: "23514",
    what: "a missing partition",
    ddl: (refuses) => `
      CREATE TABLE events (grp text, n integer) PARTITION BY RANGE (n);
      CREATE TABLE low PARTITION OF events FOR VALUES FROM (MINVALUE) TO (${refuses === "n >= 0" ? "0" : BAD});
      CREATE TABLE high PARTITION OF events FOR VALUES FROM (${refuses === "n >= 0" ? "100000" : BAD + 1}) TO (MAXVALUE)`,
    reason: "database.partition",
    says: "no partition of the table takes a row",
  },
  {
    sqlState: "42501",
    what: "row-level security",
    ddl: (refuses) => `
      CREATE TABLE events (grp text, n integer);
      ALTER TABLE events ENABLE ROW LEVEL SECURITY;
      CREATE POLICY fits ON events FOR INSERT WITH CHECK (NOT (${refuses}))`,
    reason: "database.policy",
    says: "No GRANT is missing",
    asRole: true,
  },
  {
    sqlState: "42601",
    what: "a value that a CHECK reads as a query",
    ddl: (refuses) => `
      CREATE TABLE events (grp text, n integer,
        CHECK (CASE WHEN ${refuses} THEN (grp || ' & &')::tsquery IS NOT NULL ELSE true END))`,
    reason: "database.row",
    says: "PostgreSQL refused a statement",
  },
];

/** One of each thing that is said. */
const TAKES_NONE = [
  "RAISE serialization_failure",
  "RAISE insufficient_privilege",
  "ASSERT",
  "a trigger that sends rows to a table that is not there",
  "a view's CHECK OPTION",
  "a missing partition",
  "row-level security",
];

const sqs = testSqs();
let template: TestDatabase;
beforeAll(async () => {
  template = await createTestDatabase("migrated");
});
afterAll(() => template.drop());

interface Bench {
  readonly pipeline: InnerPipeline;
  /** How workers get to the database. */
  readonly databaseUrl: string;
  readonly rows: () => Promise<number>;
  readonly deadLetters: () => Promise<number>;
}

async function setUp(
  ddl: string,
  {
    asRole = false,
    isFifo = false,
    ...options
  }: Partial<InnerPipelineOptions> & { asRole?: boolean; isFifo?: boolean } = {},
): Promise<Bench> {
  const kind: Record<string, string> = isFifo ? { FifoQueue: "true" } : {};
  const deadLetterQueue = await sqs.createTestQueue(kind);
  const deadLetterTargetArn = await queueArn(sqs.endpoint, deadLetterQueue.url);
  const pipeline = await createInnerPipeline(sqs, {
    template,
    columns: { grp: { type: "text" }, n: { type: "integer" } },
    queueAttributes: { ...kind, RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 3 }) },
    ...options,
  });
  onTestFinished(() => pipeline.remove());
  await query(pipeline.databaseUrl, ddl);
  let { databaseUrl } = pipeline;
  if (asRole) {
    const role = await createTestRole(databaseUrl);
    onTestFinished(() => role.drop());
    await query(
      databaseUrl,
      `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT ALL ON ALL TABLES IN SCHEMA piipe TO ${role.name};
       GRANT ALL ON events TO ${role.name}`,
    );
    databaseUrl = role.url;
  }
  return {
    pipeline,
    databaseUrl,
    async rows() {
      const [row] = await query<{ count: string }>(pipeline.databaseUrl, "SELECT count(*) FROM events");
      return Number(row?.count);
    },
    deadLetters: async () => (await sqs.count(deadLetterQueue.url)).total,
  };
}

/** Messages that the run received. */
const receivedBy = (events: readonly TelemetryEvent[]): number =>
  events.reduce((sum, event) => sum + (event.type === "deliveries.received" ? event.count : 0), 0);

const body = (n: number): string => JSON.stringify({ grp: `g${n % 4}`, n });
/** Good ones, and the bad one at its place. */
function bodies(place: number): string[] {
  const all = Array.from({ length: GOOD }, (_, index) => body(1_000 + index));
  all.splice(place, 0, body(BAD));
  return all;
}
const placeOf = (index: number): number => [0, GOOD / 2, GOOD][index % 3] ?? 0;

describe("one row that is refused under a code that looks like a fault of the schema", () => {
  it.each(CAUSES.map((cause, index) => ({ ...cause, index })))(
    "$sqlState, $what: it alone is quarantined",
    async ({ ddl, reason, asRole, index }) => {
      const bench = await setUp(ddl(`n = ${BAD}`), asRole === undefined ? {} : { asRole });
      const { pipeline, databaseUrl } = bench;
      await sqs.send(pipeline.queue.url, bodies(placeOf(index)));
      const { ended } = pipeline.start({ databaseUrl });
      expect(await ended).toMatchObject({ received: GOOD + 1, stored: GOOD, quarantined: 1, deleted: GOOD + 1 });
      expect(await query(pipeline.databaseUrl, "SELECT reason FROM piipe.quarantine")).toEqual([{ reason }]);
      expect(await bench.rows()).toBe(GOOD);
      expect(await bench.deadLetters()).toBe(0);
    },
  );

  it("without a sealing key it alone stays in the queue", async () => {
    const bench = await setUp(trigger("RAISE 'no';")(`n = ${BAD}`), { hasKeys: false });
    const { pipeline } = bench;
    await sqs.send(pipeline.queue.url, bodies(0));
    expect(await pipeline.start().ended).toMatchObject({ stored: GOOD, left: 1, deleted: GOOD });
    expect((await sqs.count(pipeline.queue.url)).total).toBe(1);
    expect(await bench.deadLetters()).toBe(0);
  });

  it.each([1, 1_000])("in a FIFO queue, in batches of %d, the others of its group keep their order", async (rows) => {
    const ddl = trigger("RAISE 'no';")(`n = ${BAD}`).replace("grp text", "seq bigserial, grp text");
    const bench = await setUp(ddl, { isFifo: true, batch: { rows } });
    const { pipeline } = bench;
    const all = bodies(30).slice(0, 61);
    for (let first = 0; first < all.length; first += 10) {
      await callSqs(sqs.endpoint, "SendMessageBatch", {
        QueueUrl: pipeline.queue.url,
        Entries: all.slice(first, first + 10).map((text, index) => ({
          Id: String(index),
          MessageBody: text,
          MessageGroupId: (JSON.parse(text) as { grp: string }).grp,
          MessageDeduplicationId: randomUUID(),
        })),
      });
    }
    expect(await pipeline.start().ended).toMatchObject({ stored: 60, quarantined: 1, deleted: 61 });
    const stored = await query<{ grp: string; n: number }>(
      pipeline.databaseUrl,
      "SELECT grp, n FROM events ORDER BY seq",
    );
    for (const group of ["g0", "g1", "g2", "g3"]) {
      const numbers = stored.filter(({ grp }) => grp === group).map(({ n }) => n);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    expect(await bench.deadLetters()).toBe(0);
  });

  it("alone in a quiet queue it is judged by what was stored before", async () => {
    const bench = await setUp(trigger("RAISE 'no';")(`n = ${BAD}`));
    const { pipeline } = bench;
    const worker = pipeline.start({ untilEmpty: false });
    await sqs.send(pipeline.queue.url, [body(1_000)]);
    await until("the first is stored", async () => (await bench.rows()) === 1);
    await sqs.send(pipeline.queue.url, [body(BAD)]);
    await until("it is held", async () => worker.events.some(({ type }) => type === "batch.held"));
    worker.stop();
    expect(await worker.ended).toMatchObject({ stored: 1, quarantined: 1, deleted: 2 });
  });
});

describe("a table that takes no row", () => {
  it.each(CAUSES.filter(({ what }) => TAKES_NONE.includes(what)))(
    "$sqlState, $what: halts, blames no row and says what is true",
    async ({ ddl, says, code, asRole, sqlState }) => {
      const bench = await setUp(ddl("n >= 0"), asRole === undefined ? {} : { asRole });
      const { pipeline, databaseUrl } = bench;
      await sqs.send(pipeline.queue.url, bodies(0).slice(0, 120));
      const error: unknown = await pipeline.start({ databaseUrl }).ended.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: code ?? "database.refused", sqlState });
      const { message, hint } = error as { message: string; hint: string };
      expect(`${message} ${hint}`).toContain(says);
      expect(exitCodeOf(error)).toBe(4);
      expect(await pipeline.quarantined()).toEqual([]);
      expect((await sqs.count(pipeline.queue.url)).total).toBe(120);
    },
  );

  it("ends no service: it keeps what it has, and goes on when the table was mended", async () => {
    const bench = await setUp(trigger("RAISE 'no';")("n >= 0"));
    const { pipeline } = bench;
    await sqs.send(pipeline.queue.url, bodies(0));
    const worker = pipeline.start({ untilEmpty: false });
    await until("it is held", async () => worker.events.some(({ type }) => type === "batch.held"));
    // What it begins with, and as many more.
    expect((await sqs.count(pipeline.queue.url)).inFlight).toBeLessThanOrEqual(200);
    await query(pipeline.databaseUrl, "DROP TRIGGER refuse ON events");
    await until("all are stored", async () => (await bench.rows()) === GOOD + 1);
    worker.stop();
    expect(await worker.ended).toMatchObject({ received: GOOD + 1, quarantined: 0, deleted: GOOD + 1 });
    expect(await bench.deadLetters()).toBe(0);
  });

  it("and a service that is stopped meanwhile gives everything back, and says why", async () => {
    const bench = await setUp(trigger("RAISE 'no';")("n >= 0"));
    const { pipeline } = bench;
    await sqs.send(pipeline.queue.url, bodies(0).slice(0, 20));
    const worker = pipeline.start({ untilEmpty: false });
    await until("it is held", async () => worker.events.some(({ type }) => type === "batch.held"));
    worker.stop();
    await expect(worker.ended).rejects.toMatchObject({ code: "database.refused", sqlState: "P0001" });
    const settled = worker.events.filter((event) => event.type === "deliveries.settled");
    expect(settled.reduce((sum, { released }) => sum + released, 0)).toBe(receivedBy(worker.events));
    expect((await sqs.count(pipeline.queue.url)).total).toBe(20);
    expect(await pipeline.quarantined()).toEqual([]);
  });
});

describe("a burst of rows that a trigger refuses", () => {
  const bad = (count: number): string[] => Array.from({ length: count }, (_, n) => body(-n - 1));
  const good = (count: number): string[] => Array.from({ length: count }, (_, n) => body(1_000 + n));
  const setUpBurst = (): Promise<Bench> => setUp(trigger("RAISE 'no';")("n < 0"));

  it.each([
    [200, 120, 300],
    [1, 45, 2],
  ])("stops no service: %d good, %d refused, %d good", async (before, refused, after) => {
    const bench = await setUpBurst();
    const { pipeline } = bench;
    const worker = pipeline.start({ untilEmpty: false });
    await sqs.send(pipeline.queue.url, good(before));
    await until("the first are stored", async () => (await bench.rows()) === before);
    await sqs.send(pipeline.queue.url, bad(refused));
    await until("they are held", async () => worker.events.some(({ type }) => type === "batch.held"));
    await sqs.send(pipeline.queue.url, good(after));
    await until("the others are stored", async () => (await bench.rows()) === before + after);
    // Refused rows that were in no batch with a good one say of a table that it takes hardly any: a halt is as right.
    let halt: unknown = null;
    worker.ended.catch((error: unknown) => (halt = error));
    const isSettled = async (): Promise<boolean> => halt !== null || (await pipeline.quarantined()).length === refused;
    await until("they are quarantined, or the run has halted", isSettled);
    worker.stop();
    if (halt === null) expect(await worker.ended).toMatchObject({ stored: before + after, quarantined: refused });
    else expect(halt).toMatchObject({ code: "data.beyond-limit" });
    expect(await bench.rows()).toBe(before + after);
    expect(await bench.deadLetters()).toBe(0);
  });

  it("does not let the table be blamed at a fresh start: 5 of 100 rows pass", async () => {
    const bench = await setUpBurst();
    const { pipeline } = bench;
    await sqs.send(pipeline.queue.url, [...bad(90), ...good(5), ...bad(5)]);
    await expect(pipeline.start().ended).rejects.toMatchObject({ code: "data.beyond-limit" });
    expect(await bench.rows()).toBe(5);
    expect(await bench.deadLetters()).toBe(0);
  });
});

describe("refusals beyond the limit", () => {
  it("among which good events are: those are stored at each start, and none of them is a dead letter", async () => {
    const bench = await setUp("CREATE TABLE events (grp text, n integer)");
    const { pipeline } = bench;
    const all = Array.from({ length: 200 }, (_, n) =>
      n % 7 < 4 ? JSON.stringify({ grp: "g", n: "bad" }) : body(1_000 + n),
    );
    await sqs.send(pipeline.queue.url, all);
    const good = all.filter((text) => !text.includes("bad")).length;
    for (let start = 0; start < 8 && (await bench.rows()) < good; start += 1) {
      await expect(pipeline.start().ended).rejects.toMatchObject({ code: "data.beyond-limit" });
    }
    expect(await bench.rows()).toBe(good);
    expect(await bench.deadLetters()).toBe(0);
    // Some may come among so many good ones that nothing speaks against the quarantine.
    const { length: quarantined } = await pipeline.quarantined();
    expect(quarantined).toBeLessThan((all.length - good) / 2);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(all.length - good - quarantined);
  });

  it.each([
    ["do not fit the columns", (n: number) => JSON.stringify({ grp: "g", n: `${n}` })],
    ["PostgreSQL refuses", (n: number) => body(-n - 1)],
  ])("are judged at the end of the queue as well: 60 of 60 that %s", async (_, bad) => {
    const bench = await setUp("CREATE TABLE events (grp text, n integer CHECK (n >= 0))");
    const { pipeline } = bench;
    await sqs.send(
      pipeline.queue.url,
      Array.from({ length: 60 }, (_each, n) => bad(n)),
    );
    const error: unknown = await pipeline.start().ended.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "data.beyond-limit" });
    expect(exitCodeOf(error)).toBe(5);
    expect(await pipeline.quarantined()).toEqual([]);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(60);
  });
});
