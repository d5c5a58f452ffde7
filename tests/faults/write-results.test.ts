import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { exitCodeOf } from "../../src/cli/failure.ts";
import { Secret } from "../../src/config/secret.ts";
import type { ErrorCode } from "../../src/errors.ts";
import type { Totals } from "../../src/pipeline/totals.ts";
import { type PostgresConnection, type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import { databaseFailure } from "../../src/postgres/database-failure.ts";
import { messageKeyOf, sourceIdOf } from "../../src/storage/ledger/claim.ts";
import type { TelemetryEvent } from "../../src/telemetry/events.ts";
import { type EngineRun, startEngine } from "../support/engine-run.ts";
import { ModelSource, delivery } from "../support/model-source.ts";
import { type WirePoint, startPostgresProxy } from "../support/postgres-proxy.ts";
import {
  type TestDatabase,
  createTestDatabase,
  directUrl,
  endIdleSessions,
  query,
  withClient,
} from "../support/postgres.ts";
import { type TestRole, createTestRole } from "../support/roles.ts";
import { until } from "../support/until.ts";

/*
 * Every row of the table "What a failed write leads to" (docs/message-life.md), on a real PostgreSQL below the real engine
 * and sink; the queue is a model. Failures have their real cause where PostgreSQL has one on demand, else the
 * connection gives the answer. What SQS itself answers is in tests/integration/sqs-source-faults.test.ts and
 * tests/faults/sqs-faults.test.ts; the share of refused events in tests/faults/poison.test.ts. One file, although a long
 * one: it is one table.
 */

/** One batch: so many a run takes before anything is written. */
const MESSAGES = 10;

/** One for the file: a new one for each of so many tests would take most of their time. */
let database: TestDatabase;
let role: TestRole;
const pools: PostgresPool[] = [];

beforeAll(async () => {
  const made = await createTestDatabase("migrated");
  // The table is of the server's own answers: a pooler gives some of them a SQLSTATE of its own.
  database = { ...made, url: directUrl(made.url) };
  role = await createTestRole(database.url);
});
afterAll(async () => {
  await role.drop();
  await database.drop();
});
beforeEach(async () => {
  await sql(`
    DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;
    TRUNCATE piipe.ledger, piipe.quarantine;
    CREATE TABLE events (grp text, n integer, t text);
    GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT ALL ON ALL TABLES IN SCHEMA piipe TO ${role.name};
    GRANT ALL ON events TO ${role.name};
    ALTER ROLE ${role.name} LOGIN PASSWORD '${new URL(role.url).password}' CONNECTION LIMIT -1`);
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function sql<Row extends Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
  return query<Row>(database.url, text, values);
}

/** One connection: whether it is kept can be told by its backend. */
function poolAs(url: string): PostgresPool {
  const pool = openPool({ url: new Secret(url), connectionsMax: 1 });
  pools.push(pool);
  return pool;
}

interface Run extends EngineRun {
  readonly source: ModelSource;
}

/** Runs until the queue is empty. */
async function start(
  pool: PostgresPool,
  bodies: readonly string[],
  onEvent: (event: TelemetryEvent) => void = () => {},
): Promise<Run> {
  const source = new ModelSource();
  source.send(...bodies.map((body, index) => delivery(idOf(index), body)));
  return { ...(await startEngine({ databaseUrl: database.url, pool, source, onEvent })), source };
}

function idOf(index: number): string {
  return `m${String(index).padStart(4, "0")}`;
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));

async function stored(): Promise<{ rows: number; distinct: number }> {
  const [row] = await sql<{ rows: number; distinct: number }>(
    'SELECT count(*)::int AS rows, count(DISTINCT n)::int AS "distinct" FROM events',
  );
  if (row === undefined) throw new Error("a count is one row");
  return row;
}

const quarantined = (): Promise<Array<{ id: string; reason: string }>> =>
  sql("SELECT message_id AS id, reason FROM piipe.quarantine ORDER BY message_id");

async function backendOf(pool: PostgresPool): Promise<string> {
  const { rows } = await pool.query("asking", "SELECT pg_backend_pid()::text AS pid");
  return rows[0]?.["pid"] ?? "";
}

/** The first statements with values fail as if the server had said so: what a function raises is another thing. */
function failingFirst(inner: PostgresPool, times: number, sqlState: string): PostgresPool {
  let count = 0;
  const connect = async (abort?: AbortSignal): Promise<PostgresConnection> => {
    const connection = await inner.connect(abort);
    return {
      ...connection,
      query(doing, text, values) {
        if (values === undefined || count === times) return connection.query(doing, text, values);
        count += 1;
        const error = Object.assign(new pg.DatabaseError("failed", 0, "error"), { code: sqlState });
        return Promise.reject(databaseFailure(error, doing));
      },
    };
  };
  return { ...inner, connect };
}

async function refuseAll(): Promise<void> {
  await sql(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'failed'; END $$;
    CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE PROCEDURE fail()`);
}

async function waitingBackend(): Promise<number> {
  let pid = 0;
  await until("a backend waits for a lock", async () => {
    const [row] = await sql<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'piipe'`,
    );
    pid = row?.pid ?? 0;
    return pid !== 0;
  });
  return pid;
}

/** New connections see what has changed of a role or of the database's settings. */
const endConnections = (): Promise<unknown> =>
  sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'piipe'`,
  );

const nameOf = ({ url }: TestDatabase): string => new URL(url).pathname.slice(1);

interface PassingFault {
  readonly sqlState: string | null;
  readonly code: ErrorCode;
  readonly cause: string;
  readonly retriesMin?: number;
  /** What the run writes through. Default: the pool itself. */
  readonly through?: (pool: PostgresPool) => PostgresPool;
  /** Brings the fault about while `run` runs, and ends it. `retried` resolves when a write was tried in vain. */
  readonly befall: (run: () => Promise<void>, retried: Promise<void>) => Promise<void>;
}

const answered = (sqlState: string, code: ErrorCode): PassingFault => ({
  sqlState,
  code,
  cause: "the server's answer",
  retriesMin: 2,
  through: (pool) => failingFirst(pool, 2, sqlState),
  befall: (run) => run(),
});

/** Holds a lock that the write waits for, until its backend was dealt with. */
function whileWaiting(deal: (pid: number) => Promise<unknown>): PassingFault["befall"] {
  return (run) =>
    withClient(database.url, async (blocker) => {
      await blocker.query("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE");
      const running = run();
      await deal(await waitingBackend());
      await blocker.query("COMMIT");
      await running;
    });
}

/** Runs all messages through the fault, and tells what it did to the write and to its connection. */
async function passThrough(fault: PassingFault, url: string) {
  const pool = poolAs(url);
  const before = await backendOf(pool);
  let onRetried = (): void => {};
  const retried = new Promise<void>((resolve) => (onRetried = resolve));
  let run: Run | undefined;
  let totals: Totals | undefined;
  await fault.befall(async () => {
    run = await start(fault.through?.(pool) ?? pool, numbered(MESSAGES), (event) => {
      if (event.type === "batch.retried") onRetried();
    });
    totals = await run.ended;
  }, retried);
  const retries = run?.events.filter((event) => event.type === "batch.retried") ?? [];
  const isConnectionKept = (await backendOf(pool)) === before;
  return { totals, retries, isConnectionKept, released: run?.source.released };
}

async function expectPassed(fault: PassingFault): Promise<void> {
  const { totals, retries, isConnectionKept, released } = await passThrough(fault, role.url);
  expect(totals).toMatchObject({ stored: MESSAGES, duplicate: 0, quarantined: 0, deleted: MESSAGES });
  expect(await stored()).toEqual({ rows: MESSAGES, distinct: MESSAGES });
  expect(await quarantined()).toEqual([]);
  expect(released).toEqual([]);
  expect(retries.length).toBeGreaterThanOrEqual(fault.retriesMin ?? 1);
  for (const retry of retries) expect(retry).toMatchObject({ code: fault.code, sqlState: fault.sqlState });
  expect(isConnectionKept).toBe(fault.code === "database.busy");
}

describe("committed, or the claim returned nothing: deleted", () => {
  it("committed", async () => {
    const { source, ended } = await start(poolAs(role.url), numbered(MESSAGES));
    expect(await ended).toMatchObject({ stored: MESSAGES, duplicate: 0, deleted: MESSAGES });
    expect(source.deleted).toHaveLength(MESSAGES);
    expect(await stored()).toEqual({ rows: MESSAGES, distinct: MESSAGES });
  });

  it("the claim returned nothing, or only some", async () => {
    const pool = poolAs(role.url);
    const first = await start(pool, numbered(MESSAGES));
    expect(await first.ended).toMatchObject({ stored: MESSAGES });
    const again = await start(pool, numbered(MESSAGES + 1));
    expect(await again.ended).toMatchObject({ stored: 1, duplicate: MESSAGES, deleted: MESSAGES + 1 });
    expect(await stored()).toEqual({ rows: MESSAGES + 1, distinct: MESSAGES + 1 });
  });
});

describe("rolled back in favour of others: run again after a random delay, on the same connection", () => {
  it.each<PassingFault>([
    // READ COMMITTED never fails so by itself.
    answered("40001", "database.busy"),
    {
      sqlState: "40P01",
      code: "database.busy",
      cause: "a deadlock with a transaction that claims in another order",
      befall: (run) =>
        withClient(database.url, async (other) => {
          const claim = "INSERT INTO piipe.ledger VALUES ('2023-11-14', $1, $2)";
          const keys = numbered(MESSAGES)
            .map((_, index) => messageKeyOf(idOf(index)))
            .toSorted();
          const source = sourceIdOf(new ModelSource().name);
          // The run's own search must be the one that finds it.
          await other.query("SET deadlock_timeout = '1min'");
          await other.query("BEGIN");
          await other.query(claim, [source, keys.at(-1)]);
          const running = run();
          await waitingBackend();
          await other.query(claim, [source, keys[0]]);
          await other.query("ROLLBACK");
          await running;
        }),
    },
    {
      sqlState: "55P03",
      code: "database.busy",
      cause: "a lock that is not given in time",
      befall: (run, retried) =>
        withClient(database.url, async (holder) => {
          await holder.query(`
            CREATE TABLE held (); GRANT ALL ON held TO PUBLIC;
            CREATE FUNCTION lock_held() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '50ms' AS $$ BEGIN
              LOCK TABLE held IN ROW EXCLUSIVE MODE; RETURN NULL;
            END $$;
            CREATE TRIGGER lock_held BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE PROCEDURE lock_held()`);
          await holder.query("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE");
          const running = run();
          await retried;
          await holder.query("COMMIT");
          await running;
        }),
    },
    {
      sqlState: "57014",
      code: "database.busy",
      cause: "pg_cancel_backend, as a statement timeout does",
      befall: whileWaiting((pid) => sql("SELECT pg_cancel_backend($1)", [pid])),
    },
  ])("$sqlState, by $cause", expectPassed);

  it("a COMMIT that answers ROLLBACK is no success: nothing is deleted for it, and the batch is run again", async () => {
    const { pool, rolledBack } = rollingBackFirst(poolAs(role.url));
    const { source, events, ended } = await start(pool, numbered(MESSAGES));
    source.onDelete = () => expect(events).toContainEqual(expect.objectContaining({ type: "batch.written" }));
    expect(await ended).toMatchObject({ stored: MESSAGES, duplicate: 0, deleted: MESSAGES });
    expect(rolledBack()).toBe(1);
    expect(events.filter((event) => event.type === "batch.retried")).toMatchObject([
      { code: "database.busy", sqlState: null },
    ]);
    expect(await stored()).toEqual({ rows: MESSAGES, distinct: MESSAGES });
  });
});

/** The first transaction fails unseen before its COMMIT, as something between client and server may bring about. */
function rollingBackFirst(inner: PostgresPool): { readonly pool: PostgresPool; readonly rolledBack: () => number } {
  let count = 0;
  const connect = async (abort?: AbortSignal): Promise<PostgresConnection> => {
    const connection = await inner.connect(abort);
    return {
      ...connection,
      async query(doing, text, values) {
        if (text === "COMMIT" && count === 0) {
          count += 1;
          await connection.query(doing, "SELECT 1/0").catch(() => {});
        }
        return connection.query(doing, text, values);
      },
    };
  };
  return { pool: { ...inner, connect }, rolledBack: () => count };
}

describe("the connection is of no use: dropped, the batch run again on a new one", () => {
  it.each<PassingFault>([
    {
      sqlState: "57P01",
      code: "database.unavailable",
      cause: "pg_terminate_backend",
      befall: whileWaiting((pid) => sql("SELECT pg_terminate_backend($1)", [pid])),
    },
    {
      sqlState: "53300",
      code: "database.unavailable",
      cause: "the role's limit of connections",
      async befall(run, retried) {
        await sql(`ALTER ROLE ${role.name} CONNECTION LIMIT 0`);
        await endConnections();
        const running = run();
        await retried;
        await sql(`ALTER ROLE ${role.name} CONNECTION LIMIT -1`);
        await running;
      },
    },
    {
      sqlState: "25006",
      code: "database.unavailable",
      cause: "a database that is read-only, as a standby is",
      async befall(run, retried) {
        await sql(`ALTER DATABASE ${nameOf(database)} SET default_transaction_read_only = on`);
        await endConnections();
        const running = run();
        await retried;
        await withClient(database.url, async (client) => {
          await client.query("SET default_transaction_read_only = off");
          await client.query(`ALTER DATABASE ${nameOf(database)} RESET default_transaction_read_only`);
        });
        await running;
      },
    },
    answered("08006", "database.unreachable"),
    answered("40003", "database.unreachable"),
    answered("53100", "database.unavailable"),
    answered("53200", "database.unavailable"),
    answered("57P03", "database.unavailable"),
  ])("$sqlState, by $cause", expectPassed);

  it.each<[WirePoint, Partial<Totals>]>([
    ["before COMMIT arrives", { stored: MESSAGES, duplicate: 0 }],
    ["before the reply to COMMIT", { stored: 0, duplicate: MESSAGES }],
  ])("a socket lost %s: the ledger tells whether it was committed", async (point, outcome) => {
    const proxy = await startPostgresProxy(role.url);
    try {
      proxy.arm({ point, effect: "cut" });
      const fault: PassingFault = {
        sqlState: null,
        code: "database.unreachable",
        cause: "a cut connection",
        befall: (run) => run(),
      };
      const { totals, retries, isConnectionKept } = await passThrough(fault, proxy.url);
      expect(proxy.fired.get(`cut ${point}`)).toBe(1);
      expect(totals).toMatchObject({ ...outcome, quarantined: 0, deleted: MESSAGES });
      expect(retries).toMatchObject([{ code: "database.unreachable", sqlState: null }]);
      expect(await stored()).toEqual({ rows: MESSAGES, distinct: MESSAGES });
      expect(isConnectionKept).toBe(false);
    } finally {
      await Promise.all(pools.splice(0).map((pool) => pool.close()));
      await proxy.close();
    }
  });
});

describe("a row is at fault: found by halving and quarantined alone, the others are stored", () => {
  const BAD = [13, 37];
  it.each([
    ["22001", "ALTER TABLE events ALTER t TYPE varchar(4)", "too long", "database.value"],
    ["22021", "SELECT", "\0", "database.value"],
    ["23502", "ALTER TABLE events ALTER t SET NOT NULL", null, "database.constraint"],
    [
      "23503 at COMMIT",
      `CREATE TABLE known (t text PRIMARY KEY); INSERT INTO known VALUES ('good');
       ALTER TABLE events ADD FOREIGN KEY (t) REFERENCES known DEFERRABLE INITIALLY DEFERRED;`,
      "bad",
      "database.constraint",
    ],
    [
      "23505",
      "INSERT INTO events (n, t) VALUES (-1, 'bad'); CREATE UNIQUE INDEX ON events (t) WHERE t <> 'good'",
      "bad",
      "database.constraint",
    ],
    ["23514", "ALTER TABLE events ADD CHECK (t <> 'bad')", "bad", "database.constraint"],
    [
      "23P01 at COMMIT",
      `INSERT INTO events (n, t) VALUES (-1, 'bad');
       ALTER TABLE events ADD EXCLUDE (t WITH =) WHERE (t <> 'good') DEFERRABLE INITIALLY DEFERRED`,
      "bad",
      "database.constraint",
    ],
    ["54000", "CREATE INDEX ON events (t)", incompressible(20_000), "database.limit"],
  ] as const)("%s", async (_, ddl, bad, reason) => {
    await sql(ddl);
    const rowsBefore = (await stored()).rows;
    const bodies = numbered(100).map((n) => {
      if (!BAD.includes(Number(n))) return `${n}|good`;
      return bad === null ? n : `${n}|${bad}`;
    });
    const { source, events, ended } = await start(poolAs(role.url), bodies);
    expect(await ended).toMatchObject({ stored: 98, quarantined: 2, deleted: 100 });
    expect(await quarantined()).toEqual(BAD.map((n) => ({ id: idOf(n), reason })));
    expect((await stored()).rows - rowsBefore).toBe(98);
    expect(source.released).toEqual([]);
    expect(events.filter((event) => event.type === "batch.retried")).toEqual([]);
  });

  it("23505 at COMMIT, of two rows that only together violate it: the first is stored, the second quarantined", async () => {
    await sql("ALTER TABLE events ADD UNIQUE (n) DEFERRABLE INITIALLY DEFERRED");
    const bodies = numbered(100).with(80, "20");
    const { ended } = await start(poolAs(role.url), bodies);
    expect(await ended).toMatchObject({ stored: 99, quarantined: 1, deleted: 100 });
    expect(await quarantined()).toEqual([{ id: idOf(80), reason: "database.constraint" }]);
    expect(await stored()).toEqual({ rows: 99, distinct: 99 });
  });

  it("1 bad of 1,000 within 21 statements", async () => {
    await sql("ALTER TABLE events ADD CHECK (n <> 777)");
    const inner = poolAs(role.url);
    let claims = 0;
    const connect = async (abort?: AbortSignal): Promise<PostgresConnection> => {
      const connection = await inner.connect(abort);
      return {
        ...connection,
        query: (doing, text, values) => {
          // The last one is of the quarantine: it stores no row.
          if (text.includes("WITH claimed") && values?.[3] !== "{}") claims += 1;
          return connection.query(doing, text, values);
        },
      };
    };
    const { ended, events } = await start({ ...inner, connect }, numbered(1_000));
    expect(await ended).toMatchObject({ stored: 999, quarantined: 1, deleted: 1_000 });
    const batches = events.filter((event) => event.type === "batch.written" && event.stored + event.rejected > 0);
    // The first batch is small, and good.
    expect(batches).toHaveLength(2);
    expect(claims).toBeLessThanOrEqual(1 + 21);
    expect(await quarantined()).toEqual([{ id: idOf(777), reason: "database.constraint" }]);
  });
});

/** Random text, so that it cannot be squeezed into a page. */
function incompressible(chars: number): string {
  let state = 1;
  return Array.from({ length: chars }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return String.fromCodePoint(0x4e00 + (state >>> 18));
  }).join("");
}

describe("no row is at fault: the run halts, and nothing is quarantined or deleted", () => {
  it.each<[sqlState: string, cause: string, code: ErrorCode, says: string, arrange: () => Promise<unknown>]>([
    ["42P01", "a dropped table", "database.table-missing", "does not exist", () => sql("DROP TABLE events")],
    [
      "42703",
      "a renamed column",
      "database.table-mismatch",
      "a column does not exist",
      () => sql("ALTER TABLE events RENAME t TO u"),
    ],
    [
      "42501",
      "a revoked right",
      "database.denied",
      "lacks a right",
      () => sql(`REVOKE ALL ON events FROM ${role.name}`),
    ],
    [
      "28P01",
      "a changed password",
      "database.credentials",
      "refused the user or the password",
      () => sql(`ALTER ROLE ${role.name} PASSWORD 'other'`),
    ],
    [
      "28000",
      "a role that may not log in",
      "database.credentials",
      "refused the user or the password",
      () => sql(`ALTER ROLE ${role.name} NOLOGIN`),
    ],
    [
      "3D000",
      "a renamed database",
      "database.not-found",
      "the database does not exist",
      async () => {
        await endConnections();
        await endIdleSessions();
        await onServer(`ALTER DATABASE ${nameOf(database)} RENAME TO ${nameOf(database)}_away`);
      },
    ],
    [
      "42P01",
      "a schema piipe that is gone",
      "database.not-migrated",
      "own tables",
      () => sql("ALTER SCHEMA piipe RENAME TO away"),
    ],
    ["P0001", "a trigger's own error", "database.refused", "a trigger", refuseAll],
  ])("%s, by %s", async (sqlState, _, code, says, arrange) => {
    const run = await startThen(arrange);
    const error: unknown = await run.ended.catch((thrown: unknown) => thrown);
    if (sqlState === "3D000") await onServer(`ALTER DATABASE ${nameOf(database)}_away RENAME TO ${nameOf(database)}`);
    if (code === "database.not-migrated") await sql("ALTER SCHEMA away RENAME TO piipe");
    expect(error).toMatchObject({ code, sqlState, retryable: false, message: expect.stringContaining(says) });
    expect((error as { hint: string | null }).hint).not.toBeNull();
    expect(exitCodeOf(error)).toBe(4);
    expect(run.source.deleted).toEqual([]);
    expect(run.source.released).toHaveLength(MESSAGES);
    expect(run.events.filter((event) => event.type === "batch.retried" || event.type === "event.refused")).toEqual([]);
    expect(await quarantined()).toEqual([]);
    expect(await sql("SELECT 1 FROM piipe.ledger")).toEqual([]);
    if (code !== "database.table-missing") expect(await sql("SELECT 1 FROM events")).toEqual([]);
  });

  const onServer = (text: string): Promise<unknown> => query(inject("serverUrl"), text);

  /** The change comes after the start has looked at the table, and before the first write. */
  async function startThen(change: () => Promise<unknown>): Promise<Run> {
    const pool = poolAs(role.url);
    let changed: Promise<unknown> | undefined;
    const connect = async (abort?: AbortSignal): Promise<PostgresConnection> => {
      await (changed ??= change());
      return pool.connect(abort);
    };
    return start({ ...pool, connect }, numbered(MESSAGES));
  }
});
