import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { type LoginPipeline, createLoginPipeline } from "../support/login-pipeline.ts";
import { query, renewSessions } from "../support/postgres.ts";
import { type TestRole, createTestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;
let role: TestRole;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs);
  const file = join(pipeline.folder, "piipe.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("table: user_logins }", "table: user_logins, settings: role }"));
  role = await createTestRole(pipeline.databaseUrl);
  await query(
    pipeline.databaseUrl,
    `GRANT USAGE ON SCHEMA piipe TO ${role.name};
     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA piipe TO ${role.name};
     GRANT SELECT, INSERT ON user_logins TO ${role.name};
     ALTER TABLE user_logins ADD COLUMN timeout text DEFAULT current_setting('statement_timeout'),
       ADD COLUMN durable text DEFAULT current_setting('synchronous_commit')`,
  );
});
afterAll(async () => {
  await role.drop();
  await pipeline.remove();
});

const run = (...args: readonly string[]) =>
  runCli(args, { folder: pipeline.folder, environment: { ...pipeline.environment, DATABASE_URL: role.url } });

/** The statements that a command prints, by the setting's name. */
const statementsIn = (text: string): ReadonlyMap<string, string> =>
  new Map(
    [...text.matchAll(/ALTER ROLE "\w+" SET (\w+) = '[^']*'/g)].map(([statement, name = ""]) => [name, statement]),
  );

/** As whoever reads them would: for new connections. */
async function alterRole(statements: Iterable<string>): Promise<void> {
  for (const statement of statements) await query(pipeline.databaseUrl, statement);
  await renewSessions(role.url);
}

it("nothing runs, and `check` fails, while the role lacks settings; each names the statements, as `migrate` does", async () => {
  await sqs.send(pipeline.queue.url, loginEvents(1));
  const check = await run("check", "--json");
  expect(check.code).toBe(4);
  const findings = (JSON.parse(check.stdout) as { findings: ReadonlyArray<{ code: string | null; hint: string }> })
    .findings;
  const hint = findings.find(({ code }) => code === "database.settings")?.hint ?? "";
  const named = statementsIn(hint);
  for (const name of ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"])
    expect([...named.keys()]).toContain(name);
  for (const command of [
    ["run", "--until-empty"],
    ["quarantine", "list"],
  ]) {
    const { code, stderr } = await run(...command);
    expect(code).toBe(4);
    expect(stderr).toContain("[database.settings]");
    expect([...statementsIn(stderr).keys()]).toEqual([...named.keys()]);
  }
  const migrated = await run("migrate");
  expect(migrated.code).toBe(0);
  expect(statementsIn(migrated.stderr)).toEqual(named);
});

it("with the statements run, everything works, and no transaction of a run sets anything", async () => {
  await alterRole(statementsIn((await run("migrate")).stderr).values());
  await alterRole([
    `ALTER ROLE ${role.name} SET statement_timeout = '29s'`,
    `ALTER ROLE ${role.name} SET synchronous_commit = remote_apply`,
  ]);
  expect(await run("migrate")).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to do") as string });
  const check = await run("check");
  expect(check.code, check.stdout).toBe(0);
  expect(check.stdout).toContain("sets what transactions leave to it");
  await sqs.send(pipeline.queue.url, [...loginEvents(40), "{"]);
  expect(await run("run", "--until-empty")).toMatchObject({ code: 0 });
  expect(
    await query(pipeline.databaseUrl, "SELECT timeout, durable, count(*)::integer FROM user_logins GROUP BY 1, 2"),
  ).toEqual([{ timeout: "29s", durable: "remote_apply", count: 41 }]);
  expect((await run("quarantine", "list")).stdout).toContain("body.not-json");
  expect((await run("lookup", "ip", "203.0.0.0")).stdout).toContain("user-0");
});

it.each([
  ["array_nulls", "off"],
  ["synchronous_commit", "local"],
  ["statement_timeout", "'2min'"],
  ["DateStyle", "'SQL, DMY'"],
  ["search_path", "public, pg_catalog"],
])("refuses a role with %s = %s", async (name, value) => {
  await alterRole([`ALTER ROLE ${role.name} SET ${name} = ${value}`]);
  const { code, stderr } = await run("run", "--until-empty");
  expect(code).toBe(4);
  expect(stderr).toContain(`[database.settings]`);
  expect(stderr).toContain(`ALTER ROLE "${role.name}" SET ${name} = `);
  const mended = stderr.match(new RegExp(`ALTER ROLE "${role.name}" SET ${name} = [^;]*?(?=[;.])`, "g")) ?? [];
  await alterRole(mended);
});
