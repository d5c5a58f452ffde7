import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quarantineListCommand } from "../../src/cli/commands/quarantine-list.ts";
import { type CliResult, runCli } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { scriptedTerminal } from "../support/scripted-terminal.ts";
import { callSqs, testSqs } from "../support/sqs.ts";

const CANARY = "canary-41c0";
const good = {
  user_id: "u",
  app_version: "1.2.3",
  device_type: "ios",
  ip: "203.0.113.9",
  locale: "US",
  device_id: CANARY,
};
/** Refused in the order of their reasons. */
const BAD = {
  "body.not-json": `{"user_id": "${CANARY}"`,
  "field.format": JSON.stringify({ ...good, ip: `${CANARY}.999` }),
  "field.type": JSON.stringify({ ...good, user_id: 4_117_711 }),
} as const;

const sqs = testSqs();
let pipeline: LoginPipeline;
/** Message ids by the reason of their refusal. */
const ids = new Map<string, string>();

const idOf = (reason: keyof typeof BAD): string => {
  const id = ids.get(reason);
  if (id === undefined) throw new Error(`nothing was refused for ${reason}`);
  return id;
};

const quarantine = (args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
  runCli(["quarantine", ...args], {
    folder: pipeline.folder,
    environment: { ...pipeline.environment, ...environment },
  });

const audits = () =>
  query<{ action: string; reason: string | null; details: object }>(
    pipeline.databaseUrl,
    "SELECT action, reason, details FROM piipe.audit ORDER BY id",
  );

function expectNothingRaw(...results: readonly CliResult[]): void {
  for (const { stdout, stderr } of results) {
    expect(stdout + stderr).not.toContain(CANARY);
    expect(stdout + stderr).not.toContain("4117711");
    expect(stdout + stderr).not.toContain("tenant-7");
  }
}

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs, {
    columns: `${LOGIN_COLUMNS}  tenant: { from: "@attribute.tenant", type: text, mask: redact, nullable: true }\n`,
    settings: "quarantine: { haltAboveShare: 1 }",
  });
  await query(pipeline.databaseUrl, "ALTER TABLE user_logins ADD tenant text");
  for (const body of Object.values(BAD)) {
    await callSqs(sqs.endpoint, "SendMessage", {
      QueueUrl: pipeline.queue.url,
      MessageBody: body,
      MessageAttributes: { tenant: { DataType: "String", StringValue: "tenant-7" } },
    });
  }
  const run = await runCli(["run", "--until-empty"], pipeline);
  if (run.code !== 0) throw new Error(run.stderr);
  for (const { reason, message_id: id } of await query<{ reason: string; message_id: string }>(
    pipeline.databaseUrl,
    "SELECT reason, message_id FROM piipe.quarantine",
  )) {
    ids.set(reason, id);
  }
  // One after the other, as in life.
  await query(
    pipeline.databaseUrl,
    `UPDATE piipe.quarantine SET first_seen = first_seen - interval '1 minute' * length(reason),
       last_seen = last_seen - interval '1 second' * length(reason)`,
  );
});
afterAll(async () => {
  await pipeline.remove();
});

it("fits a terminal of 80 columns: ids as long as the other commands need them, the rest by --json", async () => {
  const { terminal, output } = scriptedTerminal(pipeline, { secret: null, confirm: null });
  const options = { config: "piipe.yaml", code: null, state: "pending", entriesMax: 20, json: false } as const;
  expect(await quarantineListCommand(options, terminal)).toBe(0);
  expect(Math.max(...output.out.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(output.out).toMatch(/no room for state.*: see --json/);
  expect(output.out).toMatch(new RegExp(`^ +${idOf("field.type").slice(0, 8)} +field\\.type `, "m"));
});

describe("piipe quarantine", () => {
  it.each(["list", "show", "replay", "discard"])("%s --help shows examples first", async (name) => {
    const { code, stdout, stderr } = await runCli(["quarantine", name, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.startsWith("Examples:\n  piipe quarantine")).toBe(true);
    expect(stdout).toContain(`Usage: piipe quarantine ${name}`);
  });

  it.each([
    ["a reason that is none", ["list", "--code", "field.typ"], "Did you mean field.type?"],
    ["a state that is none", ["list", "--state", "lost"], "Allowed choices are pending, replayed, discarded, all"],
    ["a limit that is none", ["list", "--limit", "0"], "from 1 to 10000"],
    ["a replay of nothing in particular", ["replay"], "nothing says which events are meant"],
    ["a replay of ids and all", ["replay", "9f2c1a80", "--all"], "exclude each other"],
    ["a discard of nothing in particular", ["discard", "--yes"], "nothing says which events are meant"],
    ["a discard by code and all", ["discard", "--code", "field.type", "--all"], "exclude each other"],
    ["opening without a reason", ["show", "9f2c1a80", "--open"], "needs a reason"],
    ["opening with a blank reason", ["show", "9f2c1a80", "--open", "--reason", " "], "needs a reason"],
    ["a reason without opening", ["show", "9f2c1a80", "--reason", "curious"], "--open"],
  ])("refuses %s with exit code 2", async (_, args, text) => {
    const { code, stdout, stderr } = await quarantine(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(text);
  });

  it.each([
    ["list", ["list"]],
    ["show", ["show", "9f2c1a80"]],
    ["replay", ["replay", "--all"]],
    ["discard", ["discard", "--all", "--yes"]],
  ])("%s says when the database was not migrated", async (_, args) => {
    const url = new URL(pipeline.databaseUrl);
    url.pathname = "/postgres";
    const { code, stderr } = await quarantine(args, { DATABASE_URL: url.href });
    expect(code).toBe(4);
    expect(stderr).toContain("[database.not-migrated]");
    expect(stderr).toContain("piipe migrate");
  });
});

describe("piipe quarantine list", () => {
  it("counts by reason and lists the newest first, for a person and for a program", async () => {
    const text = await quarantine(["list"]);
    expect(text.code).toBe(0);
    const positions = (["field.type", "field.format", "body.not-json"] as const).map((reason) =>
      text.stdout.indexOf(`${idOf(reason)}  ${reason}`),
    );
    expect(positions).not.toContain(-1);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
    expect(text.stdout).toContain("3 pending events\n");

    const json = await quarantine(["list", "--json"]);
    const { entries, reasons, ...rest } = JSON.parse(json.stdout) as {
      entries: Array<Record<string, unknown>>;
      reasons: unknown[];
    };
    expect(rest).toEqual({ queues: [expect.stringContaining(pipeline.queue.name)], state: "pending", total: 3 });
    expect(reasons).toHaveLength(3);
    expect(entries.map(({ id }) => id)).toEqual([idOf("field.type"), idOf("field.format"), idOf("body.not-json")]);
    expect(entries[1]).toEqual({
      id: idOf("field.format"),
      queue: expect.stringMatching(/^arn:aws:sqs:/),
      code: "field.format",
      path: "ip",
      detail: "expected an IP address, found other text",
      sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z$/),
      firstSeen: expect.any(String),
      lastSeen: expect.any(String),
      attempts: 1,
      state: "pending",
      settledAt: null,
    });
    expectNothingRaw(text, json);
  });

  it("lists by reason and by state, and only so many", async () => {
    const lists = async (args: readonly string[]): Promise<{ total: number; entries: Array<{ id: string }> }> =>
      JSON.parse((await quarantine(["list", "--json", ...args])).stdout) as {
        total: number;
        entries: Array<{ id: string }>;
      };
    const byCode = await lists(["--code", "field.format"]);
    expect(byCode).toMatchObject({ total: 1, entries: [{ id: idOf("field.format") }] });
    const newest = await lists(["--limit", "1", "--state", "all"]);
    expect(newest).toMatchObject({ total: 3, entries: [{ id: idOf("field.type") }] });
    expect(newest.entries).toHaveLength(1);
    expect(await lists(["--state", "discarded"])).toMatchObject({ total: 0, entries: [] });
    expect((await quarantine(["list", "--state", "discarded"])).stdout).toBe("no discarded events\n");
  });
});

describe("piipe quarantine show", () => {
  it("shows what is known without a key, by the beginning of an id as well", async () => {
    const id = idOf("field.format");
    const text = await quarantine(["show", id.slice(0, 8), "--private-file", "nowhere.json"]);
    expect(text.code).toBe(0);
    expect(text.stdout).toContain(id);
    expect(text.stdout).toContain("field.format: a field's text is not of its column's type");
    expect(text.stdout).toContain("path        ip");
    expect(text.stdout).toContain("detail      expected an IP address, found other text");
    expect(text.stdout).toMatch(/^to do {7}Correct the column's `type` /m);
    const json = await quarantine(["show", id, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      id,
      code: "field.format",
      path: "ip",
      attempts: 1,
      remedy: expect.stringContaining("piipe.yaml"),
    });
    expectNothingRaw(text, json);
    expect(await audits()).toEqual([]);
  });

  it("refuses an id that fits none, one that is too short, and one that fits two", async () => {
    const id = idOf("field.format");
    const none = await quarantine(["show", "00000000-0000-0000-0000-000000000000"]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("no event of this queue");
    const short = await quarantine(["show", id.slice(0, 7)]);
    expect(short.code).toBe(2);
    expect(short.stderr).toContain("eight characters");
    const twin = `${id.slice(0, 9)}twin`;
    await query(
      pipeline.databaseUrl,
      `INSERT INTO piipe.quarantine (source_id, message_id, source, sent_at, reason, attempt, sealed_body)
       SELECT source_id, $1, source, sent_at, reason, attempt, sealed_body FROM piipe.quarantine WHERE message_id = $2`,
      [twin, id],
    );
    const two = await quarantine(["show", id.slice(0, 8)]);
    await query(pipeline.databaseUrl, "DELETE FROM piipe.quarantine WHERE message_id = $1", [twin]);
    expect(two.code).toBe(2);
    expect(two.stderr).toContain("2 ids begin with");
  });

  it("opens an event for a reason: the body alone on stdout, and a line in the audit", async () => {
    const id = idOf("body.not-json");
    const { code, stdout, stderr } = await quarantine(["show", id, "--open", "--reason", " ticket 4711 "]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: BAD["body.not-json"] });
    expect(stderr).toContain(id);
    expect(stderr).not.toContain(CANARY);
    const json = await quarantine(["show", id, "--open", "--reason", "ticket 4711", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      id,
      code: "body.not-json",
      body: BAD["body.not-json"],
      groupId: null,
      attributes: { tenant: "tenant-7" },
    });
    expect(json.stderr).toBe("");
    const entry = { action: "open", reason: "ticket 4711", details: { id, queue: expect.stringContaining("arn:") } };
    expect(await audits()).toEqual([entry, entry]);
  });

  it("opens nothing that it cannot note in the audit", async () => {
    const role = await createTestRole(pipeline.databaseUrl);
    await query(
      pipeline.databaseUrl,
      `GRANT USAGE ON SCHEMA piipe TO ${role.name}; GRANT SELECT ON ALL TABLES IN SCHEMA piipe TO ${role.name}`,
    );
    const args = ["show", idOf("field.type"), "--open", "--reason", "r"];
    const result = await quarantine(args, { DATABASE_URL: role.url });
    const listed = await quarantine(["list"], { DATABASE_URL: role.url });
    await role.drop();
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 4, stdout: "" });
    expect(result.stderr).toContain("[database.denied]");
    expect(listed.code).toBe(0);
  });

  it("opens nothing without the private file, with one that others can read, or with another one", async () => {
    const open = (file: string): Promise<CliResult> =>
      quarantine(["show", idOf("field.type"), "--open", "--reason", "r", "--private-file", file]);
    const before = await audits();
    const missing = await open("nowhere.json");
    expect(missing.code).toBe(3);
    expect(missing.stderr).toContain("[keys.missing]");
    const file = join(pipeline.folder, "piipe.private.json");
    await chmod(file, 0o644);
    const unsafe = await open("piipe.private.json");
    await chmod(file, 0o600);
    expect(unsafe.code).toBe(3);
    expect(unsafe.stderr).toContain("[keys.unsafe]");
    expect(await audits()).toEqual(before);
    await runCli(["keys", "new", "--file", "o.keys.json", "--private-file", "o.private.json"], pipeline);
    const other = await open("o.private.json");
    expect(other.code).toBe(3);
    expect(other.stderr).toContain("sealed to another key");
    for (const { stdout } of [missing, unsafe, other]) expect(stdout).toBe("");
    // The attempt is known.
    expect(await audits()).toHaveLength(before.length + 1);
  });
});

describe("piipe quarantine replay and discard", () => {
  it("discard asks for --yes where nobody can be asked, and takes nothing away before", async () => {
    const { code, stdout, stderr } = await quarantine(["discard", "--all"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("--yes");
    expect(await pipeline.quarantined()).toHaveLength(3);
    expect((await quarantine(["list", "--state", "discarded"])).stdout).toBe("no discarded events\n");
  });

  it("discard takes away for good what was sealed, keeps the id, and notes it", async () => {
    const id = idOf("body.not-json");
    const result = await quarantine(["discard", id, "--yes", "--json", "--reason", "a broken producer"]);
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toEqual({ discarded: 1, alreadySettled: 0 });
    expect(
      await query(
        pipeline.databaseUrl,
        `SELECT state, sealed_body, sealed_metadata, settled_at IS NOT NULL AS is_settled,
           EXISTS (SELECT FROM piipe.ledger WHERE ledger.message_id::text = entry.message_id) AS is_known
         FROM piipe.quarantine AS entry WHERE message_id = $1`,
        [id],
      ),
    ).toEqual([{ state: "discarded", sealed_body: null, sealed_metadata: null, is_settled: true, is_known: true }]);
    expect((await audits()).at(-1)).toEqual({
      action: "discard",
      reason: "a broken producer",
      details: { queue: expect.stringContaining("arn:"), events: 1, ids: [id] },
    });

    const again = await quarantine(["discard", id, "--yes", "--json"]);
    expect({ code: again.code, json: JSON.parse(again.stdout) }).toEqual({
      code: 0,
      json: { discarded: 0, alreadySettled: 1 },
    });
    expect(again.stderr).toContain(`${id} is discarded already`);
    const opened = await quarantine(["show", id, "--open", "--reason", "too late"]);
    expect({ code: opened.code, stdout: opened.stdout }).toEqual({ code: 2, stdout: "" });
    expect(opened.stderr).toContain("was discarded");
    expect((await quarantine(["show", id])).stdout).toContain("discarded at ");
    expectNothingRaw(result, again, opened);
  });

  it("replay refuses what it cannot do, and says so in JSON as well", async () => {
    const missing = await quarantine(["replay", "--all", "--private-file", "nowhere.json", "--json"]);
    expect(missing.code).toBe(3);
    expect(JSON.parse(missing.stdout)).toMatchObject({ events: 0, stored: 0, error: { code: "keys.missing" } });
    const unknown = await quarantine(["replay", "no-such-id", "--json"]);
    expect(unknown.code).toBe(2);
    expect(JSON.parse(unknown.stdout)).toMatchObject({ error: { code: "usage.invalid" } });
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins RENAME TO elsewhere");
    const noTable = await quarantine(["replay", "--all", "--json"]);
    await query(pipeline.databaseUrl, "ALTER TABLE elsewhere RENAME TO user_logins");
    expect(noTable.code).toBe(4);
    expect(JSON.parse(noTable.stdout)).toMatchObject({ error: { code: "database.table-missing" } });
  });

  it("replay tells by reason what is refused again, and nothing of the events", async () => {
    const text = await quarantine(["replay", "--all"]);
    expect({ code: text.code, stdout: text.stdout }).toEqual({ code: 5, stdout: "" });
    expect(text.stderr).toContain("2 events: stored 0, refused again 2\n");
    expect(text.stderr).toContain(
      "1 × field.format at ip (expected an IP address, found other text)\n    → Correct the column's `type` ",
    );
    expect(text.stderr).toContain("`piipe quarantine show <id>`");
    const json = await quarantine(["replay", "--all", "--json"]);
    expect(json.code).toBe(5);
    expectNothingRaw(text, json);
  });

  it("replay stores by id what fits now, and names what was settled before", async () => {
    const file = join(pipeline.folder, "piipe.yaml");
    const yaml = await readFile(file, "utf8");
    await writeFile(file, yaml.replace("from: ip, type: ip", "from: ip, type: text"));
    const id = idOf("field.format");
    const args = ["replay", id.slice(0, 12), idOf("body.not-json"), "--json"];
    const result = await quarantine(args);
    expect({ code: result.code, json: JSON.parse(result.stdout) }).toMatchObject({
      code: 0,
      json: { events: 1, stored: 1, alreadySettled: 1, refused: 0, unopened: 0 },
    });
    const again = await quarantine(args);
    expect({ code: again.code, json: JSON.parse(again.stdout) }).toMatchObject({
      code: 0,
      json: { events: 0, stored: 0, alreadySettled: 2 },
    });
    await writeFile(file, yaml);
    expect(again.stderr).toContain(`${id} is replayed already`);
    expect(await query(pipeline.databaseUrl, "SELECT user_id, tenant FROM user_logins")).toEqual([
      { user_id: "u", tenant: expect.stringContaining("redacted") },
    ]);
    expectNothingRaw(result, again);
  });
});
