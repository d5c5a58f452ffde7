import { afterEach, describe, expect, inject, it } from "vitest";
import { type CliResult, type RunningCli, runCli, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { findPgBouncer, type PgBouncer, type PgBouncerSettings, startPgBouncer } from "../support/pgbouncer.ts";
import { createTestDatabase, directUrl, query, withClient } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const MESSAGES = 3_000;
/** One in fifty is no JSON. */
const POISON_EVERY = 50;
const STORED = MESSAGES - MESSAGES / POISON_EVERY;

const events = loginEvents(MESSAGES).map((event, index) => (index % POISON_EVERY === 0 ? `{${index}` : event));

const sqs = testSqs();
let pooler: PgBouncer;
let pipeline: LoginPipeline;

afterEach(async () => {
  await pipeline.remove();
  await pooler.stop();
});

/** A pooler, and a pipeline that knows the database through it only. */
async function prepare(settings: PgBouncerSettings = {}, isMigrated = true): Promise<void> {
  pooler = await startPgBouncer(inject("serverUrl"), settings);
  const database = await createTestDatabase();
  const url = new URL(pooler.url);
  url.pathname = new URL(database.url).pathname;
  const pooled = { url: url.href, drop: () => database.drop() };
  pipeline = await createLoginPipeline(sqs, { database: pooled, isMigrated });
}

function startWorker(): RunningCli {
  return startCli(["run", "--json"], { folder: pipeline.folder, environment: pipeline.environment });
}

/** Sent = stored + quarantined, each once, and nothing is left in the queue. */
async function expectExact(): Promise<void> {
  const [row] = await query(
    pipeline.databaseUrl,
    `SELECT (SELECT count(*) FROM user_logins)::integer AS stored,
            (SELECT count(DISTINCT user_id) FROM user_logins)::integer AS users,
            (SELECT count(*) FROM piipe.quarantine WHERE reason = 'body.not-json')::integer AS quarantined,
            (SELECT count(*) FROM piipe.ledger)::integer AS claimed`,
  );
  expect(row).toEqual({ stored: STORED, users: STORED, quarantined: MESSAGES - STORED, claimed: MESSAGES });
  expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
}

/** Stops workers once they have nothing left to do. */
async function end(...workers: readonly RunningCli[]): Promise<void> {
  await until("the queue is empty", async () => (await sqs.count(pipeline.queue.url)).total === 0, 60_000);
  for (const worker of workers) worker.process.kill("SIGTERM");
  for (const { code, stderr } of await Promise.all(workers.map(({ ended }) => ended))) expect(code, stderr).toBe(0);
}

async function someRows(): Promise<void> {
  await until("some rows are stored", async () => (await pipeline.rows()) > 0);
}

describe.skipIf(findPgBouncer() === null)("behind PgBouncer (needs the Debian package pgbouncer)", () => {
  it.each([
    ["transaction", 2],
    ["session", 5],
  ])("every command works in %s mode", async (mode, size) => {
    await prepare({ pool_mode: mode, default_pool_size: size }, false);
    const run = (...args: string[]): Promise<CliResult> => runCli(args, pipeline);
    expect((await run("migrate")).stderr).toContain("applied ");
    expect(await run("migrate")).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to do") });
    expect(await run("check")).toMatchObject({ code: 0 });
    const logins = loginEvents(3);
    const doubles = logins.map((login) => login.replace("user-", "other-"));
    await sqs.send(pipeline.queue.url, [...logins, ...doubles, "{"]);
    expect(await run("run", "--until-empty")).toMatchObject({ code: 0 });
    expect((await run("duplicates", "--column", "masked_ip")).stdout).toContain("h1_");
    expect((await run("lookup", "ip", "203.0.0.0")).stdout).toContain("user-0");
    expect((await run("quarantine", "list")).stdout).toContain("body.not-json");
    expect(await run("quarantine", "replay", "--all")).toMatchObject({ code: 5 });
    expect(await run("quarantine", "discard", "--all", "--yes")).toMatchObject({ code: 0 });
  });

  it.each<[string, () => Promise<unknown>]>([
    ["a restart of PgBouncer", () => pooler.restart()],
    ["the end of its connections to the server", endServerConnections],
  ])("three workers on a pool of two store every message once, through %s", async (_, disturb) => {
    await prepare({ default_pool_size: 2 });
    const workers = [1, 2, 3].map(() => startWorker());
    // A start that meets no database ends: only what has started is to live through it.
    await Promise.all(workers.map(({ printed }) => printed('"pipeline.started"')));
    await sqs.send(pipeline.queue.url, events.slice(0, MESSAGES / 2));
    await someRows();
    await withInsertsHeldBack(async () => {
      await sqs.send(pipeline.queue.url, events.slice(MESSAGES / 2));
      await until("a write is under way", async () => (await waitingWrites()).length > 0);
      await disturb();
    });
    await end(...workers);
    expect(workers.map(({ stderr }) => stderr()).join("")).toContain('"batch.retried"');
    await expectExact();
  });

  it("max_client_conn reached: a worker goes on with the connections that it has", async () => {
    await prepare({ max_client_conn: 3 });
    await sqs.send(pipeline.queue.url, events);
    const takePlace = <T>(use: () => Promise<T>): Promise<T> => withClient(pipeline.databaseUrl, use);
    const worker = await takePlace(() =>
      takePlace(() =>
        // One place is left. While its first write waits, the worker wants more.
        withInsertsHeldBack(async () => {
          const started = startWorker();
          await started.printed('"batch.retried"');
          expect(await pooler.log()).toContain("no more connections allowed (max_client_conn)");
          return started;
        }),
      ),
    );
    await end(worker);
    await expectExact();
  });

  it("query_wait_timeout: what waited too long for a connection is written later", async () => {
    await prepare({ default_pool_size: 1, query_wait_timeout: 1 });
    const worker = startWorker();
    await sqs.send(pipeline.queue.url, events.slice(0, 1_000));
    await someRows();
    await withClient(pipeline.databaseUrl, async (client) => {
      await client.query("BEGIN");
      await sqs.send(pipeline.queue.url, events.slice(1_000));
      await worker.printed('"batch.retried"');
      expect(await pooler.log()).toContain("query_wait_timeout");
      await client.query("COMMIT");
    });
    await end(worker);
    await expectExact();
  });

  it("statement mode is refused by whatever writes, and by `check`, which say what to set", async () => {
    await prepare();
    await sqs.send(pipeline.queue.url, loginEvents(1));
    await pooler.stop();
    pooler = await startPgBouncer(inject("serverUrl"), { pool_mode: "statement" });
    for (const command of ["check", "migrate", "run"]) {
      const { code, stdout, stderr } = await runThroughPooler(command);
      expect(code).toBe(4);
      expect(stdout + stderr).toContain("[database.refused]");
      expect(stdout + stderr).toContain("the connection pooler is in statement mode");
      expect(stdout + stderr).toContain("pool_mode = transaction");
    }
    expect((await sqs.count(pipeline.queue.url)).total).toBe(1);
  });
});

/** Behind the pooler, where a test has a session of its own. */
function withInsertsHeldBack<T>(use: () => Promise<T>): Promise<T> {
  return withClient(directUrl(pipeline.databaseUrl), async (client) => {
    await client.query("BEGIN; LOCK TABLE user_logins IN SHARE ROW EXCLUSIVE MODE");
    const result = await use();
    await client.query("COMMIT");
    return result;
  });
}

function waitingWrites(): Promise<ReadonlyArray<{ readonly pid: number }>> {
  return query(
    directUrl(pipeline.databaseUrl),
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
}

async function endServerConnections(): Promise<void> {
  for (const { pid } of await waitingWrites())
    await query(inject("serverUrl"), "SELECT pg_terminate_backend($1)", [pid]);
}

/** For a pooler on another port than the one that the pipeline was made with. */
function runThroughPooler(command: string): Promise<CliResult> {
  const url = new URL(pipeline.databaseUrl);
  url.port = new URL(pooler.url).port;
  const environment = { ...pipeline.environment, DATABASE_URL: url.href };
  return runCli([command], { folder: pipeline.folder, environment });
}
