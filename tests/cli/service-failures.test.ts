import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { queueArn, testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs);
  await sqs.send(pipeline.queue.url, ['{"user_id":"u1"}']);
});
afterAll(async () => {
  await pipeline.remove();
});

function withUrl(change: (url: URL) => void): Record<string, string> {
  const url = new URL(pipeline.databaseUrl);
  change(url);
  return { DATABASE_URL: url.href };
}

async function run(environment: Readonly<Record<string, string>>) {
  return runCli(["run", "--until-empty", "--json"], {
    folder: pipeline.folder,
    environment: { ...pipeline.environment, ...environment },
  });
}

describe("a service that cannot be used", () => {
  const PASSWORD = "s3cret-pa55word";
  it.each<[string, () => Record<string, string>, string, string]>([
    ["no PostgreSQL on the port", () => withUrl((url) => (url.port = "9")), "database.unreachable", "127.0.0.1:9"],
    ["a wrong password", () => withUrl((url) => (url.password = PASSWORD)), "database.credentials", "password"],
    ["a missing database", () => withUrl((url) => (url.pathname = "/nowhere")), "database.not-found", "nowhere"],
    [
      "no queue server on the port",
      () => ({ AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:9" }),
      "queue.unreachable",
      "127.0.0.1:9",
    ],
    ["no region", () => ({ AWS_REGION: "", AWS_EC2_METADATA_DISABLED: "true" }), "queue.region-missing", "AWS_REGION"],
    [
      "no credentials",
      () => ({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_EC2_METADATA_DISABLED: "true" }),
      "queue.credentials",
      "AWS_ACCESS_KEY_ID",
    ],
  ])("%s: exit code 4, what and where and what to do, nothing lost", async (_, environment, code, mentions) => {
    const result = await run(environment());
    expect(result.code).toBe(4);
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.stderr).toContain(mentions);
    expect(result.stderr).not.toContain(PASSWORD);
    expect(JSON.parse(result.stdout)).toMatchObject({ stored: 0, deleted: 0, error: { code } });
    expect((await sqs.count(pipeline.queue.url)).total).toBe(1);
  });

  it("a queue that does not exist", async () => {
    await writeFile(
      join(pipeline.folder, "other.yaml"),
      `source: { sqs: { queue: no-such-queue } }
sink: { postgres: { url: "\${DATABASE_URL}", table: user_logins } }
columns: { user_id: { type: text } }`,
    );
    const result = await runCli(["run", "--config", "other.yaml"], pipeline);
    expect(result.code).toBe(4);
    expect(result.stderr).toContain("[queue.not-found]");
    expect(result.stderr).toContain("no-such-queue");
  });

  it("a database without piipe's own tables", async () => {
    const fresh = await createLoginPipeline(sqs, { isMigrated: false });
    const result = await runCli(["run"], fresh);
    expect(result.code).toBe(4);
    expect(result.stderr).toContain("[database.not-migrated]");
    expect(result.stderr).toContain("piipe migrate");
    await fresh.remove();
  });

  it("a missing table, and columns that do not fit: all of it at once, with the remedy", async () => {
    const fresh = await createLoginPipeline(sqs);
    await query(
      fresh.databaseUrl,
      "ALTER TABLE user_logins DROP COLUMN locale, ALTER COLUMN masked_ip TYPE varchar(20)",
    );
    const misfit = await runCli(["run"], fresh);
    expect(misfit.code).toBe(4);
    expect(misfit.stderr).toContain("[database.table-mismatch]");
    expect(misfit.stderr).toContain("locale");
    expect(misfit.stderr).toContain("masked_ip");
    expect(misfit.stderr).toContain("ALTER TABLE");
    await query(fresh.databaseUrl, "DROP TABLE user_logins");
    const missing = await runCli(["run"], fresh);
    expect(missing.code).toBe(4);
    expect(missing.stderr).toContain("[database.table-missing]");
    await fresh.remove();
  });

  it("a run without its key, or with one that others can read, does not start and touches nothing", async () => {
    const keyringFile = join(pipeline.folder, "piipe.keys.json");
    await chmod(keyringFile, 0o644);
    const unsafe = await run({});
    await rename(keyringFile, `${keyringFile}.away`);
    const missing = await run({});
    await rename(`${keyringFile}.away`, keyringFile);
    await chmod(keyringFile, 0o600);
    expect(unsafe.code).toBe(3);
    expect(unsafe.stderr).toContain("[keys.unsafe]");
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain("[keys.missing]");
    expect(await pipeline.rows()).toBe(0);
    expect((await sqs.count(pipeline.queue.url)).visible).toBe(1);
  });

  it("a FIFO queue without a key to seal with", async () => {
    const fifo = await createLoginPipeline(sqs, { queueAttributes: { FifoQueue: "true" } });
    const keyringFile = join(fifo.folder, "piipe.keys.json");
    const keyring = JSON.parse(await readFile(keyringFile, "utf8")) as object;
    await writeFile(keyringFile, JSON.stringify({ ...keyring, sealing: undefined }));
    const result = await runCli(["run", "--until-empty"], fifo);
    expect(result.code).toBe(3);
    expect(result.stderr).toContain("FIFO");
    await fifo.remove();
  });

  it("piipe check names every problem at once and goes on after the first", async () => {
    const { code, stdout } = await runCli(["check", "--json"], {
      folder: pipeline.folder,
      environment: { ...pipeline.environment, DATABASE_URL: "postgres://nobody@127.0.0.1:9/x" },
    });
    expect(code).toBe(4);
    const { findings } = JSON.parse(stdout) as {
      findings: Array<{ subject: string; level: string; code: string | null }>;
    };
    expect(findings.find(({ subject }) => subject === "database")).toMatchObject({
      level: "error",
      code: "database.unreachable",
    });
    expect(findings.find(({ subject }) => subject === "queue")).toMatchObject({ level: "ok" });
  });

  it("piipe check is green when all is well, for a person and for a program", async () => {
    const dead = await sqs.createTestQueue({ MessageRetentionPeriod: "1209600" });
    const policy = { deadLetterTargetArn: await queueArn(sqs.endpoint, dead.url), maxReceiveCount: 5 };
    const green = await createLoginPipeline(sqs, { queueAttributes: { RedrivePolicy: JSON.stringify(policy) } });
    await rm(join(green.folder, "piipe.private.json"));
    const text = await runCli(["check"], green);
    expect(text.code).toBe(0);
    expect(text.stdout).not.toMatch(/^[!✗]/m);
    expect(text.stdout).toMatch(/\nall is well\n$/);
    const { findings } = JSON.parse((await runCli(["check", "--json"], green)).stdout) as {
      findings: Array<{ subject: string; level: string }>;
    };
    const subjects =
      "configuration, keys, database, connections, tls, clock, migrations, rights, ledger, table, columns, " +
      "identity, queue, visibility, retention, encryption, dead letters, permissions";
    expect([...new Set(findings.map(({ subject }) => subject))].join(", ")).toBe(subjects);
    expect(findings.every(({ level }) => level === "ok")).toBe(true);
    await green.remove();
  });

  it("piipe migrate says what it did, and that there is nothing to do", async () => {
    const again = await runCli(["migrate", "--json"], pipeline);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toEqual({
      applied: [],
      tables: [{ table: "user_logins", isCreated: false, viewChanged: null }],
      ledger: { created: 0, dropped: 0, pruned: 0 },
      warnings: [],
    });
    await query(pipeline.databaseUrl, "DROP TABLE user_logins; DROP SCHEMA piipe CASCADE");
    const first = await runCli(["migrate", "--json"], pipeline);
    expect(JSON.parse(first.stdout)).toMatchObject({
      tables: [{ isCreated: true }],
      applied: expect.arrayContaining([expect.stringContaining("ledger")]),
    });
  });
});
