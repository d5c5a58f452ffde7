import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { callSqs, testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let pipelines: LoginPipeline[] = [];
afterEach(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
  pipelines = [];
});

async function pipelineOf(settings: string, columns = LOGIN_COLUMNS): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs, {
    settings: `quarantine: { haltAboveShare: 1 }\n${settings}`,
    columns,
  });
  pipelines.push(pipeline);
  return pipeline;
}

async function run(pipeline: LoginPipeline) {
  const result = await runCli(["run", "--until-empty", "--json"], pipeline);
  return { ...result, totals: JSON.parse(result.stdout) as Record<string, unknown> };
}

const EVENT = {
  user_id: "u-1",
  app_version: "2.3.0",
  device_type: "android",
  ip: "199.172.111.135",
  locale: "RU",
  device_id: "593-47-5928",
};
const event = (changes: Record<string, unknown>): string => JSON.stringify({ ...EVENT, ...changes });

const userIds = async ({ databaseUrl }: LoginPipeline): Promise<readonly string[]> =>
  (await query<{ user_id: string }>(databaseUrl, "SELECT user_id FROM user_logins ORDER BY 1")).map(
    (row) => row.user_id,
  );

/** Every row of piipe's own tables and of the target, as text. */
async function dump({ databaseUrl }: LoginPipeline): Promise<string> {
  const tables = await query<{ name: string }>(
    databaseUrl,
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('piipe', 'public')",
  );
  const rows = await Promise.all(
    tables.map(({ name }) => query<{ row: string }>(databaseUrl, `SELECT t::text AS row FROM ${name} AS t`)),
  );
  return rows
    .flat()
    .map(({ row }) => row)
    .join("\n");
}

it("stores an event that was sent again under a new message id once, and empties the queue", async () => {
  const pipeline = await pipelineOf("dedupeBy: meta.event_id");
  const ids = Array.from({ length: 40 }, (_, n) => `anna-${n}@example.com`);
  const bodies = ids.map((id, n) => event({ user_id: `u-${n}`, meta: { event_id: id } }));
  await sqs.send(pipeline.queue.url, [...bodies, ...bodies.slice(0, 10)]);
  const first = await run(pipeline);
  expect(first.totals).toMatchObject({ received: 50, stored: 40, duplicate: 10, quarantined: 0, deleted: 50 });
  await sqs.send(pipeline.queue.url, bodies);
  const second = await run(pipeline);
  expect(second.totals).toMatchObject({ received: 40, stored: 0, duplicate: 40, quarantined: 0, deleted: 40 });
  expect(await userIds(pipeline)).toEqual(ids.map((_, n) => `u-${n}`).toSorted());
  expect(await sqs.count(pipeline.queue.url)).toMatchObject({ total: 0 });

  const rows = await dump(pipeline);
  const shown = [rows, rows.replaceAll("-", ""), first.stdout, first.stderr, second.stdout, second.stderr].join("\n");
  expect(rows).toContain("u-39");
  for (const id of ids) {
    const digest = createHash("sha256").update(id).digest("hex");
    // The key is cut to 32 digits: so much of a bare hash would do to test a guess.
    for (const text of [id, digest.slice(0, 32)]) expect(shown).not.toContain(text);
  }
});

it("counts and shows events whose id is that of another event, and no event that is the same in other bytes", async () => {
  const pipeline = await pipelineOf("dedupeBy: event_id");
  const real = event({ event_id: "order-1001", user_id: "buyer" });
  const forged = event({ event_id: "order-1001", user_id: "forger" });
  const { user_id: user, ...rest } = JSON.parse(real) as Record<string, unknown>;
  const respelled = `${JSON.stringify({ note: "not stored", ...rest, user_id: user }, null, 2)} `;
  await sqs.send(pipeline.queue.url, [forged]);
  expect((await run(pipeline)).totals).toMatchObject({ stored: 1 });
  await sqs.send(pipeline.queue.url, [real, respelled, forged]);
  const { totals, stderr } = await run(pipeline);
  expect(totals).toMatchObject({ stored: 0, duplicate: 3, differing: 2, deleted: 3 });
  expect(stderr).toContain("2 events have the id (dedupeBy) of an event that is stored already, and other content");
  expect(stderr).not.toContain("order-1001");
  const status = await runCli(["status"], pipeline);
  expect(status.stdout).toContain("2 events of the last day had the id (dedupeBy) of a stored event and other content");

  // Of one batch, too.
  await sqs.send(pipeline.queue.url, [event({ event_id: "b" }), event({ event_id: "b", locale: "DE" })]);
  const shown = await runCli(["run", "--until-empty"], pipeline);
  expect(shown.stdout + shown.stderr).toContain(
    "already there 1 (1 with other content than the event stored under their id)",
  );
  expect(await userIds(pipeline)).toHaveLength(2);
});

it("without it, the same events are as many rows, and no business id is noted", async () => {
  const pipeline = await pipelineOf("");
  await sqs.send(pipeline.queue.url, [event({ event_id: "a" }), event({ event_id: "a" })]);
  expect((await run(pipeline)).totals).toMatchObject({ stored: 2, duplicate: 0, deleted: 2 });
  expect(await query(pipeline.databaseUrl, "SELECT FROM piipe.business_ids")).toHaveLength(0);
});

it("takes the id from an attribute of the message, also in a replay", async () => {
  const broken = LOGIN_COLUMNS.replace("type: version", "type: integer");
  const pipeline = await pipelineOf('dedupeBy: "@attribute.event-id"', broken);
  const attribute = (id: string): object => ({ "event-id": { DataType: "String", StringValue: id } });
  const send = (id: string, user: string): Promise<unknown> =>
    callSqs(sqs.endpoint, "SendMessage", {
      QueueUrl: pipeline.queue.url,
      MessageBody: event({ user_id: user }),
      MessageAttributes: attribute(id),
    });
  for (const id of ["a", "b"]) await send(id, `${id}-first`);
  expect((await run(pipeline)).totals).toMatchObject({ stored: 0, quarantined: 2 });

  const file = join(pipeline.folder, "piipe.yaml");
  await writeFile(file, (await readFile(file, "utf8")).replace("type: integer", "type: version"));
  for (const id of ["b", "c"]) await send(id, `${id}-second`);
  await sqs.send(pipeline.queue.url, [event({ user_id: "none" })]);
  expect((await run(pipeline)).totals).toMatchObject({ stored: 2, quarantined: 1 });
  expect(await pipeline.quarantined()).toContainEqual({ reason: "field.missing", path: "@attribute.event-id" });

  const replayed = await runCli(["quarantine", "replay", "--all", "--json"], pipeline);
  expect(JSON.parse(replayed.stdout)).toMatchObject({ stored: 1, alreadySettled: 1, refused: 1 });
  expect(await userIds(pipeline)).toEqual(["a-first", "b-second", "c-second"]);
  const states = "SELECT state, count(*)::int AS n FROM piipe.quarantine GROUP BY 1 ORDER BY 1";
  expect(await query(pipeline.databaseUrl, states)).toEqual([
    { state: "pending", n: 1 },
    { state: "replayed", n: 2 },
  ]);
});

it("does not start without a key, or with another one than before", async () => {
  const columns = LOGIN_COLUMNS.replaceAll("mask: hmac-sha256", "mask: redact");
  const pipeline = await pipelineOf("dedupeBy: user_id", columns);
  await sqs.send(pipeline.queue.url, [event({})]);
  expect((await run(pipeline)).totals).toMatchObject({ stored: 1 });

  await runCli(["keys", "new", "--file", "other.keys.json", "--private-file", "other.private.json"], pipeline);
  const file = join(pipeline.folder, "piipe.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("./piipe.keys.json", "./other.keys.json"));
  const other = await run(pipeline);
  expect(other.code).toBe(3);
  expect(other.totals).toMatchObject({ error: { code: "keys.mismatch" } });

  await writeFile(file, text.replace("keys: { file: ./piipe.keys.json }", ""));
  const none = await run(pipeline);
  expect(none.code).toBe(3);
  expect(none.totals).toMatchObject({ error: { code: "keys.missing" } });
  expect(none.stderr).toContain("piipe keys new");
  const check = await runCli(["check", "--json"], pipeline);
  expect(JSON.parse(check.stdout)).toMatchObject({
    findings: expect.arrayContaining([expect.objectContaining({ subject: "keys", code: "keys.missing" })]),
  });
});

it("says before anything is received, and in a check, which rights to the business ids are missing", async () => {
  const pipeline = await pipelineOf("dedupeBy: user_id");
  const role = await createTestRole(pipeline.databaseUrl);
  const limited = { ...pipeline, environment: { ...pipeline.environment, DATABASE_URL: role.url } };
  try {
    await query(
      pipeline.databaseUrl,
      `GRANT USAGE ON SCHEMA piipe TO ${role.name};
       GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA piipe TO ${role.name};
       REVOKE INSERT, DELETE ON piipe.business_ids FROM ${role.name};
       GRANT INSERT ON user_logins TO ${role.name}`,
    );
    await sqs.send(pipeline.queue.url, [event({})]);
    const message = `the PostgreSQL user ${role.name} lacks INSERT on piipe.business_ids, DELETE on piipe.business_ids`;
    const hint = expect.stringContaining('GRANT INSERT ON "piipe"."business_ids"');
    const denied = await run(limited);
    expect(denied.code).toBe(4);
    expect(denied.totals).toMatchObject({ received: 0, error: { code: "database.denied", message, hint } });
    const check = await runCli(["check", "--json"], limited);
    expect(check.code).toBe(4);
    expect(JSON.parse(check.stdout)).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({ subject: "rights", code: "database.denied", text: message, hint }),
      ]),
    });
    const replay = await runCli(["quarantine", "replay", "--all", "--json"], limited);
    expect(JSON.parse(replay.stdout)).toMatchObject({ error: { code: "database.denied", message } });

    await query(pipeline.databaseUrl, `GRANT INSERT, DELETE ON piipe.business_ids TO ${role.name}`);
    const allowed = await runCli(["check", "--json"], limited);
    expect(JSON.parse(allowed.stdout)).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ subject: "rights", level: "ok" })]),
    });
    expect((await run(limited)).totals).toMatchObject({ received: 1, stored: 1, deleted: 1 });
  } finally {
    await role.drop();
  }
});

it("an erasure says that the id's digest stays, and the event that is sent again does not come back", async () => {
  const pipeline = await pipelineOf("dedupeBy: event_id");
  const body = event({ event_id: "a" });
  await sqs.send(pipeline.queue.url, [body]);
  expect((await run(pipeline)).totals).toMatchObject({ stored: 1 });
  const erased = await runCli(["erase", "ip", EVENT.ip, "--yes"], pipeline);
  expect(erased.stdout).toContain("Deleted 1 row");
  expect(erased.stdout).toContain("Keyed digests of the rows' business ids (dedupeBy), until they expire.");
  await sqs.send(pipeline.queue.url, [body]);
  expect((await run(pipeline)).totals).toMatchObject({ stored: 0, duplicate: 1 });
  expect(await pipeline.rows()).toBe(0);
});

it.each([
  ["event_id", { event_id: "a" }, 1],
  ["event_id", {}, 0],
  // A line of a dry run has no attributes.
  ['"@attribute.event-id"', {}, 1],
])("a dry run with dedupeBy: %s and an event with %j gives %i lines", async (dedupeBy, changes, lines) => {
  const pipeline = await pipelineOf(`dedupeBy: ${dedupeBy}`);
  const masked = await runCli(["mask"], { ...pipeline, stdin: event(changes) });
  expect(masked.stdout.split("\n").filter((line) => line !== "")).toHaveLength(lines);
  expect(masked.stderr.includes("field.missing at event_id")).toBe(lines === 0);
});
