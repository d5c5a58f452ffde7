import { afterAll, beforeAll, expect, it } from "vitest";
import { type CliResult, runCli } from "../support/cli.ts";
import { type DsqlStandIn, startDsql } from "../support/dsql.ts";
import { loginEvents } from "../support/login-events.ts";
import { type LoginPipeline, createLoginPipeline } from "../support/login-pipeline.ts";
import { type TestDatabase, createTestDatabase, directUrl, postgresMajor, query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

/** The service is PostgreSQL 16 to its clients. */
const IS_OLD = postgresMajor() < 15;

const sqs = testSqs();
let database: TestDatabase;
let dsql: DsqlStandIn;
let pipeline: LoginPipeline;

beforeAll(async () => {
  database = await createTestDatabase();
  dsql = await startDsql(directUrl(database.url));
  pipeline = await createLoginPipeline(sqs, {
    database: { url: dsql.url, drop: () => database.drop() },
    isMigrated: false,
  });
});
afterAll(async () => {
  await dsql.close();
  await pipeline.remove();
});

const run = (...args: readonly string[]): Promise<CliResult> => runCli(args, pipeline);

it.skipIf(IS_OLD)("Aurora DSQL: every command that is said to work there works over its stand-in", async () => {
  expect(await run("migrate")).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("applied 0001_tables.sql") as string,
  });
  expect(await run("migrate")).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to do") as string });
  const check = await run("check");
  expect(check.code, check.stdout).toBe(0);
  expect(check.stdout).toContain("Aurora DSQL");

  const logins = loginEvents(3);
  const doubles = logins.map((login) => login.replace("user-", "other-"));
  await sqs.send(pipeline.queue.url, [...logins, ...doubles, "{", "[1]"]);
  expect(await run("run", "--until-empty")).toMatchObject({ code: 0 });
  expect(await pipeline.rows()).toBe(6);

  const duplicates = await run("duplicates", "--column", "masked_ip", "--json");
  expect(duplicates.code, duplicates.stderr).toBe(0);
  expect(duplicates.stdout).toContain('"users":2');
  expect((await run("lookup", "ip", "203.0.0.0")).stdout).toContain("user-0");

  expect((await run("quarantine", "list")).stdout).toContain("body.not-json");
  expect((await run("quarantine", "replay", "--all")).code).toBe(5);
  expect(await run("quarantine", "discard", "--all", "--yes")).toMatchObject({ code: 0 });

  expect(await run("erase", "ip", "203.0.0.0", "--yes")).toMatchObject({ code: 0 });
  expect(await pipeline.rows()).toBe(4);
  const audit = await query<{ action: string }>(database.url, "SELECT action FROM piipe.audit ORDER BY at");
  expect(audit.map(({ action }) => action)).toEqual(["lookup", "replay", "discard", "erase"]);
});

it.skipIf(IS_OLD)("Aurora DSQL: what does not work there says so", async () => {
  await sqs.send(pipeline.queue.url, ["{"]);
  await run("run", "--until-empty");
  const dryRun = await run("quarantine", "replay", "--all", "--dry-run");
  expect(dryRun).toMatchObject({ code: 4, stderr: expect.stringContaining("a dry run needs savepoints") as string });
});

it.skipIf(IS_OLD)(
  "Aurora DSQL: more rows than a transaction may delete are erased in parts, by the primary key",
  async () => {
    await sqs.send(pipeline.queue.url, loginEvents(2));
    expect(await run("run", "--until-empty")).toMatchObject({ code: 0 });
    await query(
      database.url,
      `INSERT INTO user_logins SELECT login.* FROM user_logins AS login, generate_series(1, 3100)
     WHERE user_id = 'user-0'`,
    );
    const withoutKey = await run("erase", "ip", "203.0.0.0", "--yes");
    expect(withoutKey).toMatchObject({ code: 4, stderr: expect.stringContaining("a primary key") as string });
    await query(database.url, "ALTER TABLE user_logins ADD COLUMN id serial PRIMARY KEY");
    expect(await run("erase", "ip", "203.0.0.0", "--yes")).toMatchObject({ code: 0 });
    const left = await query(database.url, "SELECT 1 FROM user_logins WHERE user_id = 'user-0'");
    expect(left).toEqual([]);
    expect(dsql.rowsMax()).toBeLessThanOrEqual(3_000);
  },
);
