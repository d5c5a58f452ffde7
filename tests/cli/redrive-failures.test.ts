import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CliResult, runCli } from "../support/cli.ts";
import { createDeadLetters, type DeadLetters } from "../support/dead-letters.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";

/** So many that a redrive which refuses all of them halts. */
const MESSAGES = 120;

const sqs = testSqs();
let letters: DeadLetters;
beforeAll(async () => {
  letters = await createDeadLetters(sqs);
  const { url } = letters.pipeline.queue;
  await sqs.send(url, loginEvents(MESSAGES));
  await letters.move(url);
});
afterAll(async () => {
  await letters.remove();
});

const redrive = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
  runCli(["redrive", ...args], {
    folder: letters.pipeline.folder,
    environment: { ...letters.pipeline.environment, ...environment },
  });

const errorOf = ({ stdout }: CliResult): unknown => (JSON.parse(stdout) as { error?: unknown }).error;

/** The test's own changes to the configuration. */
async function withConfig<T>(change: (yaml: string) => string, work: () => Promise<T>): Promise<T> {
  const file = join(letters.pipeline.folder, "piipe.yaml");
  const yaml = await readFile(file, "utf8");
  await writeFile(file, change(yaml));
  try {
    return await work();
  } finally {
    await writeFile(file, yaml);
  }
}

async function expectUntouched(): Promise<void> {
  expect(await letters.count()).toMatchObject({ visible: MESSAGES, inFlight: 0 });
  expect(await letters.pipeline.rows()).toBe(0);
  expect(await query(letters.pipeline.databaseUrl, "SELECT FROM piipe.audit")).toEqual([]);
}

describe("piipe redrive, refused before anything is received", () => {
  it.each([
    ["without a terminal and without --yes", [], 2, "usage.invalid", "--yes"],
    ["from what names no queue", ["--yes", "--from", "no queue"], 2, "usage.invalid", "--from names no queue"],
    ["from a queue that does not exist", ["--yes", "--from", "nowhere"], 4, "queue.not-found", "nowhere"],
    ["with a configuration that is not there", ["--yes", "-c", "nowhere.yaml"], 3, "config.not-found", "nowhere.yaml"],
  ])("%s", async (_, args, code, name, text) => {
    const result = await redrive(args);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: "" });
    expect(result.stderr).toContain(`[${name}]`);
    expect(result.stderr).toContain(text);
    const json = await redrive([...args, "--json"]);
    expect(json.code).toBe(code);
    expect(errorOf(json)).toMatchObject({ code: name });
    await expectUntouched();
  });

  it("from the configured queue itself", async () => {
    const result = await redrive(["--yes", "--from", letters.pipeline.queue.name]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("--from names the configured queue itself");
  });

  it("from a queue without a redrive policy, if no dead-letter queue is named", async () => {
    const { name, url } = await sqs.createTestQueue();
    const work = (args: readonly string[]) =>
      withConfig(
        (yaml) => yaml.replace(letters.pipeline.queue.name, name),
        () => redrive([...args, "--dry-run", "--json"]),
      );
    const result = await work([]);
    expect(result.code).toBe(2);
    expect(errorOf(result)).toMatchObject({ code: "usage.invalid", hint: expect.stringContaining("--from") });
    expect(result.stderr).toContain("has no redrive policy");
    const named = await work(["--from", letters.queue.name]);
    expect(named.code).toBe(0);
    // They are another queue's.
    expect(JSON.parse(named.stdout)).toMatchObject({ received: 0, foreign: MESSAGES });
    expect((await sqs.count(url)).total).toBe(0);
    await expectUntouched();
  });

  it("with a database that was not migrated, or is not there", async () => {
    const url = new URL(letters.pipeline.databaseUrl);
    url.pathname = "/postgres";
    const bare = await redrive(["--yes", "--json"], { DATABASE_URL: url.href });
    expect(bare.code).toBe(4);
    expect(errorOf(bare)).toMatchObject({ code: "database.not-migrated" });
    const away = await redrive(["--dry-run", "--json"], { DATABASE_URL: "postgres://u@127.0.0.1:1/none" });
    expect(away.code).toBe(4);
    expect(errorOf(away)).toMatchObject({ code: "database.unreachable" });
    await expectUntouched();
  });

  it("by a user who may run, but not note it in the audit; a dry run is noted nowhere", async () => {
    const role = await createTestRole(letters.pipeline.databaseUrl);
    await query(
      letters.pipeline.databaseUrl,
      `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT SELECT ON ALL TABLES IN SCHEMA piipe TO ${role.name};
       GRANT INSERT, DELETE ON piipe.ledger TO ${role.name}; GRANT INSERT, UPDATE ON piipe.quarantine TO ${role.name};
       GRANT SELECT, INSERT ON user_logins TO ${role.name}`,
    );
    const refused = await redrive(["--yes"], { DATABASE_URL: role.url });
    const dry = await redrive(["--dry-run", "--json"], { DATABASE_URL: role.url });
    await role.drop();
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain("INSERT on piipe.audit");
    expect(refused.stderr).toContain("[database.denied]");
    expect({ code: dry.code, json: JSON.parse(dry.stdout) }).toMatchObject({ code: 0, json: { wouldStore: MESSAGES } });
    await expectUntouched();
  });

  it("from a FIFO queue without a key for sealing", async () => {
    const fifo = await createDeadLetters(sqs, { isFifo: true });
    const file = join(fifo.pipeline.folder, "piipe.keys.json");
    const keys = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    delete keys["sealing"];
    await writeFile(file, JSON.stringify(keys));
    const { code, stderr } = await runCli(["redrive", "--yes"], fifo.pipeline);
    await fifo.remove();
    expect(code).toBe(3);
    expect(stderr).toContain("[keys.missing]");
  });
});

describe("piipe redrive of events that do not fit", () => {
  it("tells of every one in a dry run; in earnest halts, and gives all back", async () => {
    const misfit = (yaml: string): string =>
      yaml.replace("user_id: { type: text }", "user_id: { from: name, type: text }");
    const dry = await withConfig(misfit, () => redrive(["--dry-run", "--json"]));
    expect(dry.code).toBe(0);
    expect(JSON.parse(dry.stdout)).toMatchObject({
      wouldStore: 0,
      wouldQuarantine: MESSAGES,
      refusals: [{ code: "field.missing", path: "name", count: MESSAGES }],
    });
    const halted = await withConfig(misfit, () => redrive(["--yes", "--json"]));
    expect(halted.code).toBe(5);
    expect(errorOf(halted)).toMatchObject({ code: "data.beyond-limit" });
    expect(await letters.pipeline.rows()).toBe(0);
    expect(await letters.pipeline.quarantined()).toEqual([]);
    expect((await letters.count()).total).toBe(MESSAGES);
  });
});

it("is refused on a queue that cannot be used, with the service's error", async () => {
  const pipeline = await createLoginPipeline(sqs, { endpoint: "http://127.0.0.1:1" });
  const { code, stderr } = await runCli(["redrive", "--yes"], pipeline);
  await pipeline.remove();
  expect(code).toBe(4);
  expect(stderr).toContain("[queue.unreachable]");
});
