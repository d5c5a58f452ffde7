import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Snapshot } from "../../src/app/snapshot.ts";
import { type CliResult, runCli, startCli, startCommand } from "../support/cli.ts";
import { createDeadLetters } from "../support/dead-letters.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { sqsError } from "../support/sqs-proxy.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const NOBODY = "127.0.0.1:9";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeEach(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterEach(() => pipeline.remove());

const status = (environment: Readonly<Record<string, string>> = {}, ...args: readonly string[]): Promise<CliResult> =>
  runCli(["status", ...args], {
    folder: pipeline.folder,
    environment: { ...pipeline.environment, ...environment },
  });
const snapshotOf = ({ stdout }: CliResult): Snapshot => JSON.parse(stdout) as Snapshot;

describe("piipe status", () => {
  it("says first that no worker runs while messages wait, and receives none of them", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(3));
    const { code, stdout, stderr } = await status();
    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      "! no worker has run in the last day, and 3 messages wait",
      "  → `piipe run` starts one",
    ]);
    expect(stdout).toContain(`: ${pipeline.queue.name} → user_logins\n`);
    expect(stdout).toMatch(/^queue +3 waiting, 0 held, 0 delayed$/m);
    expect((await sqs.count(pipeline.queue.url)).visible).toBe(3);
  });

  it("shows the workers that run, what they do, and what was refused, without a value of an event", async () => {
    await sqs.send(pipeline.queue.url, [...loginEvents(5), JSON.stringify({ user_id: "secret-user", ip: "10.1.2.3" })]);
    const worker = startCommand(["run"], pipeline);
    await worker.printed("pipeline.started");
    // What it did is in its next report.
    await until("the worker has reported what it did", async () =>
      (await status()).stdout.includes("received 6, stored 5, quarantined 1, deleted 6"),
    );
    const { code, stdout } = await status();
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toBe("! 1 refused event waits in the quarantine");
    for (const group of ["lag", "rates", "in flight", "batches", "stages", "so far", "retries"]) {
      expect(stdout).toMatch(new RegExp(`^${group} +\\S`, "m"));
    }
    expect(stdout).toContain("received 6, stored 5, quarantined 1, deleted 6");
    expect(stdout).toMatch(new RegExp(`^ +running .* ${process.pid} `, "m"));
    expect(stdout).toMatch(/^ +field\.missing +1 /m);
    for (const raw of ["secret-user", "10.1.2.3"]) expect(stdout).not.toContain(raw);

    const snapshot = snapshotOf(await status({}, "--json"));
    expect(snapshot).toMatchObject({
      queue: pipeline.queue.name,
      table: "user_logins",
      depth: { ok: true, value: { visible: 0, hidden: 0, delayed: 0 } },
      workers: {
        ok: true,
        value: [{ state: "running", pid: process.pid, number: null, figures: { stored: 5, quarantined: 1 } }],
      },
      quarantine: { ok: true, value: { pending: 1, reasons: [{ code: "field.missing", count: 1 }] } },
    });

    worker.signal("SIGTERM");
    await worker.ended;
    const after = await status();
    expect(after.code).toBe(0);
    expect(after.stdout.split("\n")[0]).toBe("! no worker runs");
    expect(after.stdout).toMatch(/^ +stopped /m);
    expect(after.stdout).not.toMatch(/^lag/m);
  });

  it("says that all is well when it is", async () => {
    const worker = startCommand(["run"], pipeline);
    await worker.printed("pipeline.started");
    await until("it has reported", async () => (await status()).stdout.startsWith("✓"));
    expect((await status()).stdout.split("\n")[0]).toBe("✓ all is well: running 1 worker, nothing waits");
    worker.signal("SIGTERM");
    await worker.ended;
  });

  it("names a worker that was killed, until another has taken its place", async () => {
    const killed = startCli(["run"], pipeline);
    await killed.printed("pipeline.started");
    const rows = () => query(pipeline.databaseUrl, "SELECT FROM piipe.workers");
    await until("it has reported", async () => (await rows()).length === 1);
    killed.process.kill("SIGKILL");
    await killed.ended;
    await query(pipeline.databaseUrl, "UPDATE piipe.workers SET seen_at = now() - interval '1 minute'");
    const alone = await status();
    expect(alone.stdout).toMatch(new RegExp(`^! worker .*, process ${killed.process.pid} is silent for 1 min`, "m"));
    const next = startCommand(["run"], pipeline);
    await next.printed("pipeline.started");
    await until("the next one has reported", async () => (await rows()).length === 2);
    const replaced = await status();
    expect(replaced.stdout.split("\n")[0]).toBe("✓ all is well: running 1 worker, nothing waits");
    expect(replaced.stdout).toMatch(/^ +silent /m);
    next.signal("SIGTERM");
    await next.ended;
  });
});

it("piipe status tells what is in the dead-letter queue, as far as it may know", async () => {
  const letters = await createDeadLetters(sqs);
  const look = () => runCli(["status"], letters.pipeline);
  expect((await look()).stdout).toContain(`\ndead letters  none in ${letters.queue.name}\n`);
  await sqs.send(letters.queue.url, loginEvents(27));
  const warned = await look();
  expect(warned.code).toBe(0);
  expect(warned.stdout).toContain(
    `! 27 messages in the dead-letter queue ${letters.queue.name}\n  → \`piipe redrive --dry-run\``,
  );
  expect(warned.stdout).toContain(`\ndead letters  27 in ${letters.queue.name}\n`);
  letters.proxy.answer = ({ input }) =>
    input["QueueName"] === letters.queue.name ? sqsError("AccessDenied", 403) : undefined;
  const denied = await look();
  expect(denied.code).toBe(0);
  expect(denied.stdout.split("\n")[0]).toBe("! no worker has run in the last day");
  expect(denied.stdout).toContain("\ndead letters  not known [queue.denied]\n");
  expect(denied.stdout).not.toContain("27 messages");
  await letters.remove();
});

describe("a service that cannot be read: exit code 4, and the rest is shown", () => {
  it("the queue", async () => {
    const { code, stdout } = await status({ AWS_ENDPOINT_URL_SQS: `http://${NOBODY}` });
    expect(code).toBe(4);
    expect(stdout).toMatch(/^✗ the queue could not be read: .*127\.0\.0\.1:9.*\[queue\.unreachable\]\n {2}→ /);
    expect(stdout).toContain("no worker has run in the last day");
  });

  it("the database, told once", async () => {
    await sqs.send(pipeline.queue.url, loginEvents(1));
    const { code, stdout } = await status({ DATABASE_URL: `postgres://nobody:pa55word@${NOBODY}/x` });
    expect(code).toBe(4);
    expect(stdout).toMatch(/^✗ the workers could not be read: .*127\.0\.0\.1:9.*\[database\.unreachable\]/);
    expect(stdout.match(/database\.unreachable/g)).toHaveLength(1);
    expect(stdout).toMatch(/^queue +1 waiting/m);
    expect(stdout).not.toContain("pa55word");
  });

  it("both, for a program", async () => {
    const result = await status(
      { AWS_ENDPOINT_URL_SQS: `http://${NOBODY}`, DATABASE_URL: `postgres://nobody@${NOBODY}/x` },
      "--json",
    );
    expect(result.code).toBe(4);
    expect(snapshotOf(result)).toMatchObject({
      depth: { ok: false, error: { code: "queue.unreachable" } },
      workers: { ok: false, error: { code: "database.unreachable" } },
      quarantine: { ok: false, error: { code: "database.unreachable" } },
    });
  });

  it("a database that was not migrated", async () => {
    await query(pipeline.databaseUrl, "DROP SCHEMA piipe CASCADE");
    const { code, stdout } = await status();
    expect(code).toBe(4);
    expect(stdout).toContain("[database.not-migrated]");
    expect(stdout).toContain("`piipe migrate`");
  });
});

it("piipe status needs a configuration that is right, and says so to a program as well", async () => {
  const missing = await status({}, "--config", "nowhere.yaml", "--json");
  expect(missing.code).toBe(3);
  expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: "config.not-found" } });
  const file = join(pipeline.folder, "piipe.yaml");
  await writeFile(file, `${await readFile(file, "utf8")}\nsurplus: 1\n`);
  const invalid = await status();
  expect(invalid.code).toBe(3);
  expect(invalid.stdout).toBe("");
  expect(invalid.stderr).toContain("[config.invalid]");
});
