import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { SAMPLE_TABLE_FILE } from "../../src/embedded/sample-events.ts";
import { utcDay } from "../../src/postgres/utc-day.ts";
import { addDays, partitionOf } from "../../src/storage/ledger/ledger-maintenance.ts";
import { runCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { type LoginPipeline, createLoginPipeline } from "../support/login-pipeline.ts";
import { startPostgresProxy } from "../support/postgres-proxy.ts";
import { directUrl, endIdleSessions, postgresMajor, query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";

interface Finding {
  readonly subject: string;
  readonly level: string;
  readonly text: string;
  readonly code: string | null;
  readonly hint: string | null;
}

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterAll(async () => {
  await pipeline.remove();
});

/** Past the pooler, if the tests run behind one. */
async function check(databaseUrl = directUrl(pipeline.databaseUrl)) {
  const environment = { ...pipeline.environment, DATABASE_URL: databaseUrl };
  const { code, stdout } = await runCli(["check", "--json"], { folder: pipeline.folder, environment });
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return { code, of: (subject: string) => findings.filter((finding) => finding.subject === subject) };
}

it("has nothing to say against the server of the tests", async () => {
  const { code, of } = await check();
  expect(code).toBe(0);
  for (const subject of ["database", "connections", "migrations", "rights", "ledger", "table"]) {
    expect(of(subject)).toMatchObject([{ level: "ok" }]);
  }
  expect(of("tls")[0]).toMatchObject({ level: "ok", text: expect.stringContaining("stays on this machine") });
  expect(of("clock")[0]).toMatchObject({ level: "ok", text: expect.stringContaining("PostgreSQL") });
});

it("warns of a database that is not UTF-8, as a run does at its start, and a run goes round what that cannot hold", async () => {
  const name = `latin_${randomBytes(6).toString("hex")}`;
  const server = inject("serverUrl");
  await query(server, `CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  try {
    await query(url.href, await readFile(SAMPLE_TABLE_FILE, "utf8"));
    const options = { folder: pipeline.folder, environment: { ...pipeline.environment, DATABASE_URL: url.href } };
    expect((await runCli(["migrate"], options)).code).toBe(0);
    const { code, of } = await check(url.href);
    expect(code).toBe(0);
    expect(of("database")).toMatchObject([
      { level: "ok" },
      { level: "warning", text: expect.stringContaining("is LATIN1"), hint: expect.stringContaining("UTF8") },
    ]);
    const [event = ""] = loginEvents(1);
    const withLocale = (locale: string): string => JSON.stringify({ ...(JSON.parse(event) as object), locale });
    await sqs.send(pipeline.queue.url, [...loginEvents(9), withLocale("Zürich"), withLocale("東京")]);
    const { stdout, stderr } = await runCli(["run", "--until-empty", "--json"], options);
    expect(stderr).toContain("the encoding of the database is LATIN1");
    expect(JSON.parse(stdout)).toMatchObject({ stored: 10, quarantined: 1 });
  } finally {
    await endIdleSessions();
    await query(server, `DROP DATABASE ${name}`);
  }
});

it("fails where transactions are read-only", async () => {
  const url = new URL(directUrl(pipeline.databaseUrl));
  url.searchParams.set("options", "-c default_transaction_read_only=on");
  const { code, of } = await check(url.href);
  expect(code).toBe(4);
  expect(of("database")).toMatchObject([{ level: "ok" }, { level: "error", code: "database.unavailable" }]);
});

it("warns when the database has not the connections that a run may open", async () => {
  const name = new URL(pipeline.databaseUrl).pathname.slice(1);
  await query(pipeline.databaseUrl, `ALTER DATABASE ${name} CONNECTION LIMIT 3`);
  const { code, of } = await check();
  await query(pipeline.databaseUrl, `ALTER DATABASE ${name} CONNECTION LIMIT -1`);
  expect(code).toBe(0);
  expect(of("connections")).toMatchObject([
    {
      level: "warning",
      text: expect.stringMatching(/^a run opens up to 4, and the server has room for only [0-3] more$/),
    },
  ]);
});

it.skipIf(postgresMajor() < 11)("warns when a user who makes no partitions has none for tomorrow", async () => {
  const role = await createTestRole(directUrl(pipeline.databaseUrl));
  await query(
    pipeline.databaseUrl,
    `GRANT USAGE ON SCHEMA piipe TO ${role.name};
     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA piipe TO ${role.name};
     GRANT INSERT ON user_logins TO ${role.name}`,
  );
  const before = await check(role.url);
  expect(before.of("ledger")).toMatchObject([{ level: "ok", text: expect.stringContaining("once a week") }]);
  const tomorrow = addDays(utcDay(Date.now()), 1);
  await query(pipeline.databaseUrl, `DROP TABLE ${partitionOf(tomorrow)}`);
  const { code, of } = await check(role.url);
  await role.drop();
  expect(code).toBe(0);
  expect(of("ledger")).toMatchObject([
    { level: "warning", text: expect.stringContaining(tomorrow), hint: expect.stringContaining("piipe migrate") },
  ]);
});

it("tells a right that a run must have from one that only its reports need", async () => {
  const role = await createTestRole(directUrl(pipeline.databaseUrl));
  await query(
    pipeline.databaseUrl,
    `GRANT USAGE ON SCHEMA piipe TO ${role.name};
     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA piipe TO ${role.name};
     GRANT INSERT ON user_logins TO ${role.name};
     REVOKE UPDATE ON piipe.workers FROM ${role.name}`,
  );
  const reports = await check(role.url);
  await query(pipeline.databaseUrl, `REVOKE INSERT ON piipe.quarantine FROM ${role.name}`);
  const run = await check(role.url);
  await role.drop();
  expect(reports.code).toBe(0);
  expect(reports.of("rights")).toMatchObject([
    { level: "ok" },
    {
      level: "warning",
      text: expect.stringContaining("lacks UPDATE on piipe.workers: a run works without"),
      hint: expect.stringContaining('GRANT UPDATE ON "piipe"."workers"'),
    },
  ]);
  expect(run.code).toBe(4);
  expect(run.of("rights")).toMatchObject([
    { level: "error", code: "database.denied", text: expect.stringContaining("INSERT on piipe.quarantine") },
  ]);
});

it("does not wait for long for a server that accepts connections and never answers, and looks at the queue", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { code, of } = await check(`postgres://u@127.0.0.1:${(server.address() as AddressInfo).port}/x`);
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, "close");
  expect(code).toBe(4);
  expect(of("database")).toMatchObject([{ level: "error", code: "database.unreachable" }]);
  expect(of("queue")[0]).toMatchObject({ level: "ok" });
});

it("looks no further in a database that is lost on the way", async () => {
  const proxy = await startPostgresProxy(directUrl(pipeline.databaseUrl));
  proxy.arm({ point: "before BEGIN", effect: "half-open" });
  const { code, of } = await check(proxy.url);
  await proxy.close();
  expect(code).toBe(4);
  expect(of("database")).toMatchObject([{ level: "error", code: "database.unreachable" }]);
  for (const subject of ["migrations", "rights", "ledger", "table"]) expect(of(subject)).toEqual([]);
  expect(of("columns")).toMatchObject([{ level: "skipped", text: expect.stringContaining("could not be read") }]);
});

it("plans the workers that a promise takes, and asks the server for the connections of all of them", async () => {
  const { code, stdout } = await runCli(
    ["check", "--json", "--plan", "99%/60s", "--peak", "90000", "--worker-rate", "2000"],
    {
      folder: pipeline.folder,
      environment: { ...pipeline.environment, DATABASE_URL: directUrl(pipeline.databaseUrl) },
    },
  );
  expect(code).toBe(0);
  const { plan, findings } = JSON.parse(stdout) as { plan: object; findings: Finding[] };
  expect(plan).toMatchObject({ queueLength: 13_026, workersMax: 68, connections: 276 });
  const findingOf = (subject: string): unknown => findings.find((finding) => finding.subject === subject);
  expect(findingOf("plan")).toMatchObject({ level: "ok", text: expect.stringMatching(/at most 68 workers.* 13026 /) });
  expect(findingOf("connections")).toMatchObject({
    level: "warning",
    text: expect.stringMatching(/^the plan's workers open up to 276, and the server has room for only \d+ more$/),
  });
});

it.each([
  [["--plan", "99%/60s"], "--plan, --peak and --worker-rate go together"],
  [["--plan", "99%/30s", "--peak", "1", "--worker-rate", "1"], "run as many as the peak needs"],
  [["--plan", "98%/60s", "--peak", "1", "--worker-rate", "1"], "Give one of 90, 95, 99, 99.9"],
  [["--plan", "99%/60s", "--peak", "0.5", "--worker-rate", "1"], "Give whole messages a second"],
])("refuses %j", async (args, text) => {
  const { code, stderr } = await runCli(["check", ...args], { folder: pipeline.folder });
  expect(code).toBe(2);
  expect(stderr).toContain(text);
});
