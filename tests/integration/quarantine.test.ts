import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type CliResult, runCli, runProcess, startCli, startCommand } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import {
  createLoginPipeline,
  LOGIN_COLUMNS,
  type LoginPipeline,
  type LoginPipelineOptions,
} from "../support/login-pipeline.ts";
import { query, withClient } from "../support/postgres.ts";
import { startSqsProxy } from "../support/sqs-proxy.ts";
import { callSqs, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

/** Refuses every login event: no app_version is a whole number. */
const BROKEN_COLUMNS = LOGIN_COLUMNS.replace("app_version: { type: version }", "app_version: { type: integer }");

const sqs = testSqs();
let pipelines: LoginPipeline[] = [];
afterEach(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
  pipelines = [];
});

async function loginPipeline(options: LoginPipelineOptions = {}): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs, { settings: "quarantine: { haltAboveShare: 1 }", ...options });
  pipelines.push(pipeline);
  return pipeline;
}

/** Exchanges a part of the configuration, which must be there. */
async function reconfigure({ folder }: LoginPipeline, from: string, to: string): Promise<void> {
  const file = join(folder, "piipe.yaml");
  const text = await readFile(file, "utf8");
  expect(text).toContain(from);
  await writeFile(file, text.replace(from, to));
}

const mend = (pipeline: LoginPipeline): Promise<void> =>
  reconfigure(pipeline, "app_version: { type: integer }", "app_version: { type: version }");

/** Sends the bodies through a configuration that refuses them all. */
async function quarantine(pipeline: LoginPipeline, bodies: readonly string[]): Promise<void> {
  await sqs.send(pipeline.queue.url, bodies);
  const { code, stdout, stderr } = await runCli(["run", "--until-empty", "--json"], pipeline);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ stored: 0, quarantined: bodies.length });
}

function replay(pipeline: LoginPipeline, args: readonly string[] = ["--all"]): Promise<CliResult> {
  return runCli(["quarantine", "replay", ...args, "--json"], pipeline);
}

const jsonOf = ({ stdout }: CliResult): unknown => JSON.parse(stdout);

const states = (pipeline: LoginPipeline) =>
  query<{ state: string; sealed: boolean; count: number }>(
    pipeline.databaseUrl,
    `SELECT state, sealed_body IS NOT NULL OR sealed_metadata IS NOT NULL AS sealed, count(*)::integer AS count
     FROM piipe.quarantine GROUP BY 1, 2 ORDER BY 1`,
  );

const audits = (pipeline: LoginPipeline) =>
  query<{ action: string; operator: string; reason: string | null; details: Record<string, unknown> }>(
    pipeline.databaseUrl,
    "SELECT action, operator, reason, details FROM piipe.audit ORDER BY id",
  );

const userIds = async ({ databaseUrl }: LoginPipeline): Promise<readonly string[]> =>
  (await query<{ user_id: string }>(databaseUrl, "SELECT user_id FROM user_logins ORDER BY user_id")).map(
    (row) => row.user_id,
  );

describe("piipe quarantine replay", () => {
  it("stores what was refused once the configuration is mended: once, and then there is nothing to do", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    const events = loginEvents(25);
    await quarantine(pipeline, events);
    expect(await states(pipeline)).toEqual([{ state: "pending", sealed: true, count: 25 }]);
    await mend(pipeline);

    const first = await replay(pipeline, ["--code", "field.format"]);
    expect(jsonOf(first)).toMatchObject({ events: 0 });
    const again = await replay(pipeline, ["--code", "field.type", "--reason", "versions mended"]);
    expect({ code: again.code, ...(jsonOf(again) as object) }).toEqual({
      code: 0,
      dryRun: false,
      events: 25,
      stored: 25,
      skipped: 0,
      alreadySettled: 0,
      refused: 0,
      unopened: 0,
      refusals: [],
    });
    const nothing = await replay(pipeline);
    expect({ code: nothing.code, json: jsonOf(nothing) }).toMatchObject({ code: 0, json: { events: 0, stored: 0 } });
    expect(nothing.stderr).toContain("nothing to replay");

    expect(await userIds(pipeline)).toEqual(events.map((_, index) => `user-${index}`).toSorted());
    expect(await states(pipeline)).toEqual([{ state: "replayed", sealed: false, count: 25 }]);
    const entries = await audits(pipeline);
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      action: "replay",
      operator: expect.stringMatching(/^.+@.+$/),
      reason: "versions mended",
      details: { table: "user_logins", dryRun: false, events: 25, ids: expect.any(Array) },
    });
    expect(new Set(entries[0]?.details["ids"] as string[]).size).toBe(25);
    for (const { stdout, stderr } of [first, again, nothing]) {
      for (const body of events) {
        const { ip, device_id: device, user_id: user } = JSON.parse(body) as Record<string, string>;
        for (const raw of [ip, device, user]) expect(stdout + stderr).not.toContain(raw);
      }
    }
  });

  it("gives the tokens that the pipeline itself would have given", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    const [event = ""] = loginEvents(1);
    await quarantine(pipeline, [event]);
    await mend(pipeline);
    await replay(pipeline);
    const row = async () =>
      query(pipeline.databaseUrl, "SELECT masked_ip, masked_device_id, app_version FROM user_logins");
    const [replayed] = await row();
    await query(pipeline.databaseUrl, "TRUNCATE user_logins");
    await sqs.send(pipeline.queue.url, [event]);
    await runCli(["run", "--until-empty"], pipeline);
    expect(await row()).toEqual([replayed]);
  });

  it("leaves what is refused again with the reason that it has now, and exits with 5", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    const [good = "", other = ""] = loginEvents(2);
    await quarantine(pipeline, [
      good,
      other.replace(/"ip":"[^"]*"/, '"ip":"999.1.1.1"'),
      other.replace(/"device_type":"[^"]*"/, `"device_type":"${"x".repeat(80)}"`),
    ]);
    await mend(pipeline);
    // What PostgreSQL itself refuses goes the same way.
    await query(
      pipeline.databaseUrl,
      "ALTER TABLE user_logins ALTER COLUMN device_type TYPE text, ADD CONSTRAINT short CHECK (length(device_type) < 50)",
    );
    const before = await query<{ now: Date }>(pipeline.databaseUrl, "SELECT now()");
    const result = await replay(pipeline);
    expect({ code: result.code, ...(jsonOf(result) as object) }).toMatchObject({
      code: 5,
      events: 3,
      stored: 1,
      refused: 2,
      refusals: expect.arrayContaining([
        { code: "field.format", path: "ip", detail: "expected an IP address, found other text", count: 1 },
        { code: "database.constraint", path: "device_type (constraint short)", count: 1 },
      ]),
    });
    expect(result.stderr).toContain("1 × field.format at ip");
    expect(result.stderr).not.toContain("999.1.1.1");
    expect(await states(pipeline)).toEqual([
      { state: "pending", sealed: true, count: 2 },
      { state: "replayed", sealed: false, count: 1 },
    ]);
    const pending = await query<{ reason: string; path: string | null; last_seen: Date }>(
      pipeline.databaseUrl,
      "SELECT reason, path, last_seen FROM piipe.quarantine WHERE state = 'pending' ORDER BY reason",
    );
    expect(pending).toMatchObject([
      { reason: "database.constraint", path: "device_type (constraint short)" },
      { reason: "field.format", path: "ip" },
    ]);
    for (const { last_seen: lastSeen } of pending) {
      expect(lastSeen.getTime()).toBeGreaterThanOrEqual(before[0]?.now.getTime() ?? Infinity);
    }
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins DROP CONSTRAINT short");
    expect(jsonOf(await replay(pipeline))).toMatchObject({ stored: 1, refused: 1 });
  });

  it("changes nothing in a dry run", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    const [good = "", bad = ""] = loginEvents(2);
    await quarantine(pipeline, [good, bad.replace(/"ip":"[^"]*"/, '"ip":"999.1.1.1"')]);
    await mend(pipeline);
    const snapshot = () => query(pipeline.databaseUrl, "SELECT * FROM piipe.quarantine ORDER BY message_id");
    const before = await snapshot();
    const result = await replay(pipeline, ["--all", "--dry-run"]);
    expect({ code: result.code, ...(jsonOf(result) as object) }).toMatchObject({
      code: 5,
      dryRun: true,
      wouldStore: 1,
      refused: 1,
    });
    expect(result.stderr).toContain("1 would be stored");
    expect(await snapshot()).toEqual(before);
    expect(await pipeline.rows()).toBe(0);
    expect(await audits(pipeline)).toMatchObject([{ action: "replay", details: { dryRun: true, events: 2 } }]);
  });

  it("restores attributes, group, ids and times of the message", async () => {
    const pipeline = await loginPipeline({
      queueAttributes: { FifoQueue: "true" },
      columns: `${BROKEN_COLUMNS}
  tenant: { from: "@attribute.tenant", type: text, mask: hmac-sha256 }
  tenant_group: { from: "@group_id", type: text }
  message_id: { from: "@message_id", type: uuid }
  sent_at: { from: "@sent_at", type: timestamp }
  received_at: { from: "@received_at", type: timestamp }
`,
    });
    await query(
      pipeline.databaseUrl,
      `ALTER TABLE user_logins ADD tenant text, ADD tenant_group text, ADD message_id uuid, ADD sent_at timestamptz,
       ADD received_at timestamptz, ADD place serial`,
    );
    const events = loginEvents(6);
    for (const [index, body] of events.entries()) {
      await callSqs(sqs.endpoint, "SendMessage", {
        QueueUrl: pipeline.queue.url,
        MessageBody: body,
        MessageGroupId: `group-${index % 2}`,
        MessageDeduplicationId: String(index),
        MessageAttributes: { tenant: { DataType: "String", StringValue: `tenant-canary-${index % 3}` } },
      });
    }
    expect((await runCli(["run", "--until-empty"], pipeline)).code).toBe(0);
    // As if they had been sent hours apart, and quarantined in the opposite order.
    await query(
      pipeline.databaseUrl,
      `WITH numbered AS (SELECT message_id, row_number() OVER (ORDER BY message_id) AS place FROM piipe.quarantine)
       UPDATE piipe.quarantine AS entry SET sent_at = entry.sent_at - numbered.place * interval '1 hour',
         first_seen = entry.first_seen + numbered.place * interval '1 second' - interval '1 minute'
       FROM numbered WHERE numbered.message_id = entry.message_id`,
    );
    await mend(pipeline);
    expect(jsonOf(await replay(pipeline))).toMatchObject({ stored: 6 });
    const rows = await query<{ tenant: string; tenant_group: string; user_id: string; same: boolean }>(
      pipeline.databaseUrl,
      `SELECT login.user_id, login.tenant, login.tenant_group,
         login.sent_at = entry.sent_at AND login.received_at = date_trunc('milliseconds', entry.first_seen) AS same
       FROM user_logins login JOIN piipe.quarantine entry ON entry.message_id = login.message_id::text
       ORDER BY login.place`,
    );
    expect(rows).toHaveLength(6);
    for (const { tenant, tenant_group: group, user_id: user, same } of rows) {
      expect(group).toBe(`group-${Number(user.slice(5)) % 2}`);
      expect(tenant).toMatch(/^h1_[\w-]{43}$/);
      expect(same).toBe(true);
    }
    expect(new Set(rows.map(({ tenant, user_id: user }) => `${Number(user.slice(5)) % 3} ${tenant}`)).size).toBe(3);
    const sent = await query<{ in_order: boolean }>(
      pipeline.databaseUrl,
      "SELECT array_agg(place ORDER BY sent_at) = array_agg(place ORDER BY place) AS in_order FROM user_logins",
    );
    expect(sent).toEqual([{ in_order: true }]);
  });

  it("writes the originals of `reveal` columns and the links of a rotation as a run does", async () => {
    const pipeline = await loginPipeline({
      columns: BROKEN_COLUMNS.replace(
        "{ from: ip, type: ip, mask: hmac-sha256 }",
        "{ from: ip, type: ip, mask: hmac-sha256, reveal: true }",
      ),
    });
    const events = loginEvents(12);
    await quarantine(pipeline, events);
    expect(await query(pipeline.databaseUrl, "SELECT * FROM piipe.vault")).toEqual([]);
    await mend(pipeline);
    // A rotation since: version 2 is primary, version 1 linking.
    const keyringFile = join(pipeline.folder, "piipe.keys.json");
    const keyring = JSON.parse(await readFile(keyringFile, "utf8")) as { versions: Array<{ state: string }> };
    const [first] = keyring.versions;
    const second = { ...first, version: 2, state: "primary", root: Buffer.alloc(32, 7).toString("base64url") };
    await writeFile(keyringFile, JSON.stringify({ ...keyring, versions: [{ ...first, state: "linking" }, second] }));
    expect(jsonOf(await replay(pipeline))).toMatchObject({ stored: 12 });
    const [counts] = await query(
      pipeline.databaseUrl,
      `SELECT count(*)::integer AS rows,
         count(*) FILTER (WHERE masked_ip LIKE 'h2\\_%')::integer AS of_version_2,
         count(vault.token)::integer AS with_original, count(link.old_token)::integer AS linked
       FROM user_logins login
       LEFT JOIN piipe.vault vault ON vault.column_name = 'masked_ip' AND vault.token = login.masked_ip
       LEFT JOIN piipe.key_links link ON link.column_name = 'masked_ip' AND link.new_token = login.masked_ip
         AND link.old_token LIKE 'h1\\_%'`,
    );
    expect(counts).toEqual({ rows: 12, of_version_2: 12, with_original: 12, linked: 12 });
  });

  it("changes nothing with a wrong private file, and leaves alone what was sealed to another key", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    await quarantine(pipeline, loginEvents(3));
    await mend(pipeline);
    const folder = pipeline.folder;
    await runCli(["keys", "new", "--file", "other.keys.json", "--private-file", "other.private.json"], pipeline);
    const wrong = await replay(pipeline, ["--all", "--private-file", "other.private.json"]);
    expect({ code: wrong.code, json: jsonOf(wrong) }).toMatchObject({
      code: 3,
      json: { stored: 0, unopened: 3, error: { code: "keys.invalid" } },
    });
    expect(await states(pipeline)).toEqual([{ state: "pending", sealed: true, count: 3 }]);

    // From now on sealed to the other key: each file opens its own.
    const keyringFile = join(folder, "piipe.keys.json");
    const keyring = JSON.parse(await readFile(keyringFile, "utf8")) as object;
    const other = JSON.parse(await readFile(join(folder, "other.keys.json"), "utf8")) as { sealing: object };
    await writeFile(keyringFile, JSON.stringify({ ...keyring, sealing: other.sealing }));
    await reconfigure(pipeline, "app_version: { type: version }", "app_version: { type: integer }");
    await quarantine(pipeline, loginEvents(2));
    await mend(pipeline);
    const mixed = await replay(pipeline);
    expect({ code: mixed.code, json: jsonOf(mixed) }).toMatchObject({
      code: 5,
      json: { events: 5, stored: 3, unopened: 2, refused: 0 },
    });
    expect(mixed.stderr).toContain("not opened 2");
    const rest = await replay(pipeline, ["--all", "--private-file", "other.private.json"]);
    expect({ code: rest.code, json: jsonOf(rest) }).toMatchObject({ code: 0, json: { events: 2, stored: 2 } });
    expect(await pipeline.rows()).toBe(5);
  });

  it("opens no event that was moved here from another queue", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    await quarantine(pipeline, loginEvents(1));
    await query(pipeline.databaseUrl, "UPDATE piipe.quarantine SET message_id = 'here'");
    const other = await loginPipeline({ columns: BROKEN_COLUMNS });
    for (const name of ["piipe.keys.json", "piipe.private.json"]) {
      await copyFile(join(pipeline.folder, name), join(other.folder, name));
    }
    const environment = { ...other.environment, DATABASE_URL: pipeline.databaseUrl };
    await sqs.send(other.queue.url, loginEvents(1));
    await runCli(["run", "--until-empty"], { folder: other.folder, environment });
    // As whoever has a worker's role may write.
    const [moved] = await query<{ id: string }>(
      pipeline.databaseUrl,
      `UPDATE piipe.quarantine AS entry SET source_id = mine.source_id, source = mine.source
       FROM piipe.quarantine AS mine WHERE mine.message_id = 'here' AND entry.source_id <> mine.source_id
       RETURNING entry.message_id AS id`,
    );
    await mend(pipeline);
    const replayed = await replay(pipeline, [moved?.id ?? ""]);
    expect({ code: replayed.code, json: jsonOf(replayed) }).toMatchObject({
      code: 3,
      json: { stored: 0, unopened: 1 },
    });
    const show = ["quarantine", "show", moved?.id ?? "", "--open", "--reason", "test"];
    const shown = await runCli(show, pipeline);
    expect({ code: shown.code, stdout: shown.stdout }).toEqual({ code: 3, stdout: "" });
    expect(shown.stderr).toContain("belong to another message or queue");
    expect(await pipeline.rows()).toBe(0);
  });

  it("replays the others when somebody gave an event times that no message has", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    await quarantine(pipeline, loginEvents(3));
    await query(
      pipeline.databaseUrl,
      `UPDATE piipe.quarantine SET sent_at = '-infinity', reason = 'constructor'
       WHERE message_id = (SELECT min(message_id) FROM piipe.quarantine)`,
    );
    await mend(pipeline);
    const { code, stdout } = await replay(pipeline);
    expect({ code, json: JSON.parse(stdout) }).toMatchObject({ code: 5, json: { events: 3, stored: 2, unopened: 1 } });
    const list = await runCli(["quarantine", "list", "--json"], pipeline);
    expect(JSON.parse(list.stdout)).toMatchObject({ total: 1, entries: [{ code: "constructor" }] });
    expect((await runCli(["quarantine", "discard", "--all", "--yes"], pipeline)).code).toBe(0);
  });

  it("lets another pipeline's events in the same database alone", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    await quarantine(pipeline, loginEvents(2));
    await mend(pipeline);
    await query(
      pipeline.databaseUrl,
      `INSERT INTO piipe.quarantine (source_id, message_id, source, sent_at, reason, attempt, sealed_body)
       SELECT 1, 'of-another-queue', 'arn:aws:sqs:us-west-1:000000000000:other', sent_at, reason, attempt, sealed_body
       FROM piipe.quarantine LIMIT 1`,
    );
    const named = await replay(pipeline, ["of-another-queue"]);
    expect({ code: named.code, json: jsonOf(named) }).toMatchObject({ code: 2, json: { stored: 0 } });
    expect(jsonOf(await replay(pipeline))).toMatchObject({ events: 2, stored: 2, unopened: 0 });
    await runCli(["quarantine", "discard", "--all", "--yes"], pipeline);
    expect(await states(pipeline)).toEqual([
      { state: "pending", sealed: true, count: 1 },
      { state: "replayed", sealed: false, count: 2 },
    ]);
  });
});

describe("each event is stored once", () => {
  const EVENTS = 2_000;

  async function fullQuarantine(options: LoginPipelineOptions = {}): Promise<LoginPipeline> {
    const pipeline = await loginPipeline({
      columns: BROKEN_COLUMNS,
      settings: "quarantine: { haltAboveShare: 1 }\nbatch: { rows: 100 }",
      ...options,
    });
    await quarantine(pipeline, loginEvents(EVENTS));
    await mend(pipeline);
    return pipeline;
  }

  async function expectEachOnce(pipeline: LoginPipeline, count = EVENTS): Promise<void> {
    const [row] = await query(
      pipeline.databaseUrl,
      "SELECT count(*)::integer AS rows, count(DISTINCT user_id)::integer AS users FROM user_logins",
    );
    expect(row).toEqual({ rows: count, users: count });
    expect(await states(pipeline)).toEqual([{ state: "replayed", sealed: false, count }]);
  }

  it("by several replays at the same time", async () => {
    const pipeline = await fullQuarantine();
    const results = await Promise.all([replay(pipeline), replay(pipeline), replay(pipeline)]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    const stored = results.map((result) => (jsonOf(result) as { stored: number }).stored);
    expect(stored.reduce((sum, count) => sum + count, 0)).toBe(EVENTS);
    await expectEachOnce(pipeline);
  });

  it("by a replay that waits for another one's claims, which are then rolled back", async () => {
    const pipeline = await loginPipeline({ columns: BROKEN_COLUMNS });
    await quarantine(pipeline, loginEvents(5));
    await mend(pipeline);
    await withClient(pipeline.databaseUrl, async (client) => {
      await client.query("BEGIN");
      await client.query("UPDATE piipe.quarantine SET state = 'replayed', sealed_body = NULL");
      const running = replay(pipeline);
      await until("the replay waits for the lock", async () => {
        const waiting = await query(
          pipeline.databaseUrl,
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        return waiting.length > 0;
      });
      await client.query("ROLLBACK");
      expect(jsonOf(await running)).toMatchObject({ stored: 5, alreadySettled: 0 });
    });
    await expectEachOnce(pipeline, 5);
  });

  it("by a replay whose message is delivered again", async () => {
    // Deletes get lost with a success for an answer, so that every quarantined message comes back.
    const proxy = await startSqsProxy(sqs.endpoint);
    const lost = new Set<string>();
    proxy.answer = ({ action, input }) => {
      if (action !== "DeleteMessageBatch") return undefined;
      const entries = input["Entries"] as ReadonlyArray<{ Id: string; ReceiptHandle: string }>;
      for (const { ReceiptHandle } of entries) lost.add(ReceiptHandle);
      const successful = entries.map(({ Id }) => ({ Id }));
      return { status: 200, body: JSON.stringify({ Successful: successful, Failed: [] }) };
    };
    const pipeline = await loginPipeline({
      columns: BROKEN_COLUMNS,
      settings: "quarantine: { haltAboveShare: 1 }\nbatch: { rows: 20 }",
      queueAttributes: { VisibilityTimeout: "2" },
      endpoint: proxy.endpoint,
    });
    const events = loginEvents(300);
    await sqs.send(pipeline.queue.url, events);
    const first = startCommand(["run"], pipeline);
    await until("all are quarantined", async () => (await pipeline.quarantined()).length === 300);
    await until("every delete is lost", () => lost.size >= 300);
    first.signal("SIGTERM");
    expect((await first.ended).code).toBe(0);
    await mend(pipeline);
    const [result, run] = await Promise.all([
      replay(pipeline),
      runProcess(["run", "--until-empty", "--json"], {
        folder: pipeline.folder,
        environment: { ...pipeline.environment, AWS_ENDPOINT_URL_SQS: sqs.endpoint },
      }),
    ]);
    await proxy.stop();
    expect(jsonOf(result)).toMatchObject({ stored: 300, refused: 0 });
    expect(jsonOf(run)).toMatchObject({ stored: 0, quarantined: 0 });
    expect((jsonOf(run) as { duplicate: number }).duplicate).toBeGreaterThanOrEqual(300);
    await expectEachOnce(pipeline, 300);
  });

  it("by a replay that is killed midway and given again", async () => {
    const pipeline = await fullQuarantine();
    const killed = startCli(["quarantine", "replay", "--all"], pipeline);
    await until("some are stored", async () => (await pipeline.rows()) > 0);
    killed.process.kill("SIGKILL");
    await killed.ended;
    const rowsAtKill = await pipeline.rows();
    expect(rowsAtKill).toBeLessThan(EVENTS);
    const rest = await replay(pipeline);
    expect(rest.code).toBe(0);
    await expectEachOnce(pipeline);
  });

  it("by a replay that a signal stops between two pages, and that is then given again", async () => {
    const pipeline = await fullQuarantine();
    const stopped = startCommand(["quarantine", "replay", "--all", "--json"], pipeline);
    await until("some are stored", async () => (await pipeline.rows()) > 0);
    stopped.signal("SIGTERM");
    const result = await stopped.ended;
    expect(result.code).toBe(130);
    const { stored, error } = jsonOf(result) as { stored: number; error: { code: string } };
    expect(error.code).toBe("interrupted");
    expect(await pipeline.rows()).toBe(stored);
    expect(stored).toBeLessThan(EVENTS);
    expect(jsonOf(await replay(pipeline))).toMatchObject({ stored: EVENTS - stored });
    await expectEachOnce(pipeline);
  });
});
