import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { initCommand } from "../../src/cli/commands/init.ts";
import type { InitOptions } from "../../src/cli/init/init-options.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { readSampleEvents, SAMPLE_CONFIG_FILE, SAMPLE_TABLE_FILE } from "../../src/embedded/sample-events.ts";
import { LOCAL_AWS, runCli, startCommand } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createTestDatabase, query, type TestDatabase } from "../support/postgres.ts";
import { type Answers, scriptedTerminal } from "../support/scripted-terminal.ts";
import { startSqsProxy } from "../support/sqs-proxy.ts";
import { callSqs, queueArn, testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const CANARY = "jane.canary@example.org";
const EVENTS_FILE = fileURLToPath(new URL("events.json", new URL(".", SAMPLE_CONFIG_FILE)));
const SAMPLE = ["--queue", "logins", "--table", "user_logins", "--sample"];
const NEW_FILES = ["piipe.keys.json", "piipe.private.json", "piipe.yaml"];

const sqs = testSqs();
let folder: string;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await query(database.url, await readFile(SAMPLE_TABLE_FILE, "utf8"));
});
afterAll(async () => {
  await database.drop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
});
afterEach(() => rm(folder, { recursive: true }));

const environment = () => ({ ...LOCAL_AWS, AWS_ENDPOINT_URL_SQS: sqs.endpoint });
const withTable = () => ({ ...environment(), DATABASE_URL: database.url });

const init = (args: readonly string[], variables: Readonly<Record<string, string>> = environment(), stdin = "") =>
  runCli(["init", ...args], { folder, environment: variables, stdin });

const columnsOf = async (file: string | URL, variables: Readonly<Record<string, string>>) =>
  (await loadConfig(file instanceof URL ? fileURLToPath(file) : file, variables)).tables.flatMap(
    ({ columns }) => columns,
  );

describe("events that are wrapped", () => {
  const event = JSON.stringify({ order_id: 7, customer: { name: "canary", email: CANARY } });
  const notification = (Message: string) =>
    JSON.stringify({
      Type: "Notification",
      MessageId: "7c7d1a4e-0000-4000-8000-000000000000",
      TopicArn: "arn:aws:sns:eu-west-1:000000000000:orders",
      Message,
      Timestamp: "2026-01-31T12:00:00.000Z",
    });
  const gzip = (text: string) => gzipSync(text).toString("base64");

  it.each<[string, readonly string[], readonly string[]]>([
    ["sns", ["sns"], [notification(event)]],
    ["sns among others, which a run refuses", ["sns"], [notification(event), notification(event), event]],
    ["gzip", ["gzip"], [gzip(event)]],
    ["base64", ["base64"], [Buffer.from(event).toString("base64")]],
    ["json", ["json"], [JSON.stringify(event)]],
    ["several in one another", ["sns", "gzip"], [notification(gzip(event))]],
    ["json in a notification", ["sns", "json"], [notification(JSON.stringify(event))]],
    ["a byte order mark", [], [`\ufeff${event}`]],
  ])("are taken out: %s", async (_, steps, bodies) => {
    const queue = await queueWith(bodies);
    const { code, stdout, stderr } = await init(["--queue", queue.name, "--table", "orders", "--json"]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      unwrap: steps,
      columns: [
        { name: "order_id", mask: null },
        { name: "customer_name", mask: "hmac-sha256" },
        { name: "email", mask: "hmac-sha256" },
      ],
      trial: { fitting: bodies.filter((body) => body !== event).length },
    });
    const yaml = await readFile(join(folder, "piipe.yaml"), "utf8");
    if (steps.length > 0) expect(yaml).toContain(`\n  unwrap: [${steps.join(", ")}]\n`);
    else expect(yaml).not.toContain("unwrap");
    expect(`${stdout}${stderr}${yaml}`).not.toContain("canary");
  });

  it("stay as they are where nothing leads to an object", async () => {
    const { code } = await init([...SAMPLE, "-"], environment(), notification("hi"));
    expect(code).toBe(0);
    expect(await readFile(join(folder, "piipe.yaml"), "utf8")).not.toContain("unwrap");
  });
});

it("fits the table that its own configuration made, with the same masks", async () => {
  const fresh = await createTestDatabase();
  const events = Array.from({ length: 4 }, (_, n) => ({
    id: `o-${n}`,
    placed_at: 1_772_352_001_212 + n,
    customer: { name: "canary smith", email: `${n}-${CANARY}`, phone: `+4930386416${n}` },
    totals: { net: 29.37, currency: "EUR" },
    items: [{ sku: "a", gift_to: n === 0 ? CANARY : null }, { sku: "b" }],
    records: [{ host: "web", mac: `74:20:3b:64:fb:0${n}` }],
    tags: ["x"],
  }));
  const lines = events.map((event) => JSON.stringify(event)).join("\n");
  const variables = { ...environment(), DATABASE_URL: fresh.url };
  const columns = async (): Promise<readonly unknown[]> => {
    const args = ["--queue", "q", "--table", "orders", "--sample", "-", "--json", "--force"];
    const { code, stdout } = await init(args, variables, lines);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as { columns: ReadonlyArray<Record<string, unknown>>; trial: object };
    expect(report.trial).toMatchObject({ fitting: 4, refusals: [], obstacle: null });
    return report.columns.map(({ name, from, mask, masks, format, notes }) => ({
      name,
      from,
      mask,
      masks,
      format,
      notes,
    }));
  };
  const made = await columns();
  expect(made).toHaveLength(11);
  expect((await runCli(["migrate"], { folder, environment: variables })).code).toBe(0);
  expect(await columns()).toEqual(made);
  await fresh.drop();
});

it("masks what holds the value of a masked field, and not what equals one by chance", async () => {
  const people = Array.from({ length: 12 }, (_, n) => `canary${n}x`);
  const events = people.map((user_name, n) => ({
    user_name,
    card_number: 70_000 + n,
    arn: `arn:aws:iam::1:user/${user_name}`,
    message: { lines: [{ text: `hi ${user_name}` }, { text: "x", level: 3 }] },
    duration: n === 3 ? 70_003 : 5,
    reference: 70_000 + n,
    settings: { price: { level: n } },
    steps: [{ price: 1 }, { tax: 2 }],
    surname: n === 5 ? "Price" : `canary-${n}`,
  }));
  const lines = events.map((event) => JSON.stringify(event)).join("\n");
  const { stdout, stderr } = await init([...SAMPLE, "-", "--json"], environment(), lines);
  const { columns, leftOut, trial } = JSON.parse(stdout) as Record<
    "columns" | "leftOut",
    ReadonlyArray<Record<string, unknown>>
  > & {
    trial: object;
  };
  const column = (name: string) => columns.find((each) => each["name"] === name);
  expect(column("arn")).toMatchObject({
    mask: "hmac-sha256",
    reasons: ["holds the value of a masked column in 12 of the events looked at"],
  });
  expect(column("lines")).toMatchObject({
    type: "json",
    masks: [{ path: "[].text", type: "text", mask: "hmac-sha256" }],
  });
  expect(column("duration")).toMatchObject({
    mask: null,
    echo: "allow",
    notes: [expect.stringContaining("by chance")],
  });
  expect(column("reference")).toMatchObject({ mask: "hmac-sha256" });
  expect(column("steps")).toMatchObject({
    mask: null,
    notes: expect.arrayContaining([expect.stringContaining("a key or number")]),
  });
  expect(leftOut).toEqual([]);
  expect(trial).toMatchObject({ fitting: 11, refusals: [{ code: "leak.echo", path: "steps", count: 1 }] });
  expect(stdout + stderr + (await readFile(join(folder, "piipe.yaml"), "utf8"))).not.toMatch(/canary|7000\d/);
});

it("gives what holds the value of a masked field the key of that field, so that both join", async () => {
  const events = ["canary-ann", "canary-ben", "canary-cleo"].map((name, n) => ({
    user_name: name,
    login: name,
    who: name,
    buyer: { handle: name },
    lines: [{ by: name }, { note: "x" }],
    number: n,
  }));
  const lines = events.map((event) => JSON.stringify(event)).join("\n");
  const { stdout } = await init([...SAMPLE, "-", "--json"], environment(), lines);
  const { columns } = JSON.parse(stdout) as { columns: ReadonlyArray<Record<string, unknown>> };
  const masked = { type: "text", mask: "hmac-sha256" };
  expect(columns).toMatchObject([
    { name: "user_name", ...masked, key: "who" },
    { name: "login", ...masked, key: "who" },
    { name: "who", ...masked },
    { name: "handle", ...masked, key: "who" },
    { name: "lines", type: "json", masks: [{ path: "[].by", ...masked, key: "who" }] },
    { name: "number", mask: null },
  ]);
  expect(columns[2]).not.toHaveProperty("key");
});

describe("tables as frameworks make them", () => {
  const events = Array.from({ length: 12 }, (_, n) => ({
    id: `d69123e8-026e-4668-86a3-0000000000${10 + n}`,
    number: 9_007_199_254_740_000 + n,
    status: n % 3 === 0 ? "PAID" : "OPEN",
    total: n % 2 === 0 ? 34.95 : "189.00",
    rate: 0.123_456_789,
    placedAt: 1_772_352_001_212 + n * 1_000,
    shippedAt: "2026-03-01T10:00:00.123456Z",
    deliveredAt: "2026-03-01T10:00:00+01:00",
    startedAt: "2026-03-01 10:00:00.5",
    tags: n % 2 === 0 ? [] : ["a", "b"],
    quantity: String(n),
    isNew: "true",
    channel: n === 5 ? null : "web",
    customer: { email: CANARY, name: "canary", since: "2020-01-01" },
    note: "hello",
    code: 7,
  }));
  const lines = events.map((event) => JSON.stringify(event)).join("\n");

  it("take the events as they are, without an ALTER and without a loss that is not told of", async () => {
    await query(
      database.url,
      `CREATE TYPE order_status AS ENUM ('OPEN', 'PAID');
       CREATE TABLE orders (
         id uuid PRIMARY KEY, number bigint, status order_status NOT NULL, total numeric(10,2), rate numeric(6,4),
         placed_at timestamp(0) without time zone, shipped_at timestamp(3), delivered_at timestamptz(6), started_at timestamp(6),
         tags text[] NOT NULL, quantity integer, is_new boolean, channel varchar(255) NOT NULL DEFAULT 'web', customer jsonb,
         note varchar(3), code varchar(255), created_at timestamp(0) NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now())`,
    );
    const args = ["--queue", "q", "--table", "orders", "--sample", "-", "--json"];
    const { code, stdout, stderr } = await init(args, withTable(), lines);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    const report = JSON.parse(stdout) as { columns: Array<Record<string, unknown>>; warnings: readonly string[] };
    const settings = Object.fromEntries(
      report.columns.map(({ name, from: _from, notes: _notes, reasons: _reasons, mask: _mask, ...rest }) => [
        name,
        rest,
      ]),
    );
    expect(settings).toEqual({
      id: { type: "uuid", nullable: false },
      number: { type: "integer", nullable: false },
      status: { type: "text", nullable: false },
      total: { type: "decimal", nullable: false },
      rate: { type: "decimal", cut: true, nullable: false },
      placed_at: { type: "timestamp", format: "epoch-ms", cut: true, nullable: false },
      shipped_at: { type: "timestamp", cut: true, nullable: false },
      delivered_at: { type: "timestamp", nullable: false },
      started_at: { type: "timestamp", format: "sql", zone: "UTC", nullable: false },
      tags: { type: "text[]", nullable: false },
      quantity: { type: "integer", coerce: true, nullable: false },
      is_new: { type: "boolean", coerce: true, nullable: false },
      channel: { type: "text", nullable: false, absent: "default" },
      customer: {
        type: "json",
        nullable: false,
        masks: [
          { path: "email", type: "text", mask: "hmac-sha256" },
          { path: "name", type: "text", mask: "hmac-sha256" },
        ],
      },
      note: { type: "text", nullable: false },
      code: { type: "integer", nullable: false },
      created_at: { type: "timestamp", cut: true, nullable: false },
    });
    expect(report).toMatchObject({ leftOut: [{ column: "loaded_at" }], trial: { fitting: 0, isTriedInTable: true } });
    expect(report.warnings).toContainEqual(
      expect.stringMatching(/^column note: 12 of 12 events .* no text that the column/),
    );
    expect(report.warnings).toContainEqual(expect.stringMatching(/^column shipped_at: .* is cut off/));
    expect(`${stdout}${stderr}`).not.toContain("canary");

    await query(database.url, "ALTER TABLE orders ALTER note TYPE varchar(255)");
    const again = await init([...args, "--force"], withTable(), lines);
    expect(JSON.parse(again.stdout)).toMatchObject({ trial: { fitting: 12, refusals: [], obstacle: null } });
  });
});

async function queueWith(bodies: readonly string[], attributes: Readonly<Record<string, string>> = {}) {
  const queue = await sqs.createTestQueue(attributes);
  await sqs.send(queue.url, bodies);
  return queue;
}

async function receiveCounts(queueUrl: string): Promise<readonly number[]> {
  const reply = (await callSqs(sqs.endpoint, "ReceiveMessage", {
    QueueUrl: queueUrl,
    MaxNumberOfMessages: 10,
    MessageSystemAttributeNames: ["All"],
  })) as { Messages?: ReadonlyArray<{ Attributes: { ApproximateReceiveCount: string } }> };
  return (reply.Messages ?? []).map(({ Attributes }) => Number(Attributes.ApproximateReceiveCount));
}

async function lastChanceQueue(): Promise<{ name: string; url: string }> {
  const dead = await sqs.createTestQueue();
  const policy = { deadLetterTargetArn: await queueArn(sqs.endpoint, dead.url), maxReceiveCount: "1" };
  return queueWith(loginEvents(5), { RedrivePolicy: JSON.stringify(policy) });
}

describe("piipe init", () => {
  it("quotes names with dots and signs, which a run then takes", async () => {
    const event = { "user.id": "u", "@timestamp": "2026-01-31T12:00:00Z", "geo.ip": { "country.code": "DE" } };
    const lines = Array.from({ length: 3 }, () => JSON.stringify(event)).join("\n");
    const { code, stderr } = await init([...SAMPLE, "-"], environment(), lines);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("3 of the 3 events") as unknown,
    });
    const file = join(folder, "piipe.yaml");
    const text = await readFile(file, "utf8");
    for (const from of [`from: '"user.id"'`, `from: '"@timestamp"'`, `from: '"geo.ip"."country.code"'`]) {
      expect(text).toContain(from);
    }
    const columns = await columnsOf(file, { ...environment(), DATABASE_URL: "postgres://u@h/db" });
    expect(columns.map(({ origin }) => origin)).toEqual([
      { kind: "field", path: ["user.id"] },
      { kind: "field", path: ["@timestamp"] },
      { kind: "field", path: ["geo.ip", "country.code"] },
    ]);
  });

  it("shows examples first in its help", async () => {
    const { code, stdout } = await init(["--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples:\n {2}piipe init\n/);
    expect(stdout).toContain("counts as received once more");
  });

  it("leads from a queue and the original table to rows, with the configuration of the example", async () => {
    const queue = await queueWith(await readSampleEvents());
    const result = await init(["--queue", queue.name, "--table", "user_logins"], withTable());
    expect(result).toMatchObject({ code: 0, signal: null });
    expect(result.stderr).toContain("looking at up to 100 messages");
    expect(result.stderr).toContain("counts as received once more");
    expect(result.stderr).toContain("gave 100 messages back");
    expect(result.stderr).toContain("with it a run would take 99 of the 100 events looked at");
    expect(result.stderr).toContain("piipe migrate");
    expect(await sqs.count(queue.url)).toEqual({ visible: 100, inFlight: 0, delayed: 0, total: 100 });

    const inferred = await columnsOf(join(folder, "piipe.yaml"), withTable());
    expect(inferred).toEqual(await columnsOf(SAMPLE_CONFIG_FILE, {}));
    for (const name of NEW_FILES.slice(0, 2)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);

    const options = { folder, environment: withTable() };
    expect((await runCli(["migrate"], options)).code).toBe(0);
    expect((await runCli(["run", "--until-empty"], options)).code).toBe(0);
    const [counts] = await query(
      database.url,
      "SELECT count(*)::int AS rows, count(create_date)::int AS dates, count(*) FILTER (WHERE masked_ip LIKE 'h1\\_%')::int AS masked FROM user_logins",
    );
    expect(counts).toEqual({ rows: 99, dates: 99, masked: 99 });
  });

  it("leads from a sample to rows in a table that did not exist", async () => {
    const fresh = await createTestDatabase();
    const queue = await queueWith(loginEvents(5));
    const variables = { ...environment(), DATABASE_URL: fresh.url };
    const result = await init(
      ["--queue", queue.name, "--table", "logins", "--sample", "-"],
      variables,
      loginEvents(20).join("\n"),
    );
    expect(result.code).toBe(0);
    expect(result.stderr).toContain("the table logins does not exist yet");
    expect(await receiveCounts(queue.url)).toEqual([1, 1, 1, 1, 1]);
    await callSqs(sqs.endpoint, "PurgeQueue", { QueueUrl: queue.url });
    await sqs.send(queue.url, loginEvents(5));
    const options = { folder, environment: variables };
    expect((await runCli(["migrate"], options)).code).toBe(0);
    expect((await runCli(["run", "--until-empty"], options)).code).toBe(0);
    expect(await query(fresh.url, "SELECT count(*)::int AS rows FROM logins WHERE ip LIKE 'h1\\_%'")).toEqual([
      { rows: 5 },
    ]);
    await fresh.drop();
  });

  it("without a database says so, and prints its findings as one JSON object", async () => {
    const { code, stdout, stderr } = await init([...SAMPLE, EVENTS_FILE, "--json"]);
    expect(code).toBe(0);
    expect(stderr).toContain("DATABASE_URL is not set");
    const report = JSON.parse(stdout) as Record<string, unknown> & { columns: Array<Record<string, unknown>> };
    expect(report).toMatchObject({
      file: "piipe.yaml",
      keyring: { origin: "made" },
      queue: "logins",
      table: "user_logins",
      tableExists: null,
      events: { looked: 100, used: 99, otherKinds: 1, unreadable: 0 },
      eventId: null,
      leftOut: [],
      trial: { fitting: 99, refusals: [{ code: "field.missing", path: "user_id", count: 1 }] },
    });
    expect(report.columns.find(({ name }) => name === "ip")).toMatchObject({
      from: "ip",
      type: "ip",
      mask: "hmac-sha256",
      nullable: false,
      reasons: ["its name looks personal (ip)", "holds IP addresses"],
    });
    expect((await readdir(folder)).sort()).toEqual(NEW_FILES);
  });

  it("shows no value of an event, nor a key that is one", async () => {
    const events = [1, 2, 3].map((n) => ({
      id: n,
      free: `write to ${CANARY}`,
      list: [CANARY],
      seen: { [CANARY]: n },
      [`canary ${n}`]: CANARY,
    }));
    await writeFile(join(folder, "sample.json"), JSON.stringify(events));
    const text = await init([...SAMPLE, "sample.json"]);
    const json = await init([...SAMPLE, "sample.json", "--force", "--json"]);
    const file = await readFile(join(folder, "piipe.yaml"), "utf8");
    expect([text.code, json.code]).toEqual([0, 0]);
    expect(file).toContain("free: { type: text, mask: hmac-sha256 }");
    for (const shown of [text.stdout, text.stderr, json.stdout, json.stderr, file])
      expect(shown).not.toContain("canary");
  });

  it("warns of what the table needs and no field gives", async () => {
    await query(database.url, "CREATE TABLE strict (user_id text, amount numeric NOT NULL, email text)");
    const sample = '{"user_id":"u","email":"x"}\n{"user_id":7,"email":"y"}\n{"user_id":"v","email":"z"}\n';
    const args = ["--queue", "logins", "--table", "strict", "--sample", "-"];
    const { code, stderr } = await init(args, withTable(), sample);
    expect(code).toBe(0);
    expect(stderr).toContain("warning: left out: column amount is NOT NULL without a default");
    const yaml = await readFile(join(folder, "piipe.yaml"), "utf8");
    expect(yaml).toContain("email: { type: text, mask: hmac-sha256 }");
    expect(yaml).toContain("# - column amount is NOT NULL");
  });

  it("tries the rows in the table, leaves none there, and says what a run would store", async () => {
    await query(
      database.url,
      "CREATE TABLE tried (n integer CHECK (n < 8), code varchar(4) UNIQUE DEFERRABLE INITIALLY DEFERRED, at timestamp(3)); " +
        "CREATE TABLE needy (n integer, extra text NOT NULL)",
    );
    const events = Array.from({ length: 10 }, (_, n) => ({
      n,
      code: n === 3 ? "c2" : `c${n}`,
      at: "2026-01-31T10:00:00Z",
    }));
    const lines = events.map((event) => JSON.stringify(event)).join("\n");
    const trialOf = async (table: string) => {
      const args = ["--queue", "logins", "--table", table, "--sample", "-", "--json", "--force"];
      const { code, stdout, stderr } = await init(args, withTable(), lines);
      expect(code).toBe(0);
      return {
        stderr,
        ...(JSON.parse(stdout) as {
          trial: object;
          columns: readonly object[];
          warnings: readonly string[];
          leftOut: readonly object[];
        }),
      };
    };
    const tried = await trialOf("tried");
    expect(tried.trial).toEqual({
      fitting: 7,
      skipped: 0,
      refusals: [{ code: "database.constraint", path: null, count: 3 }],
      obstacle: null,
      obstacleCode: null,
      isTriedInTable: true,
    });
    expect(tried.leftOut).toEqual([]);
    // A date would lose the time of day.
    expect(tried.columns).toContainEqual(expect.objectContaining({ name: "at", type: "timestamp" }));
    expect(tried.stderr).toContain("would take 7 of the 10 events looked at: tried in the table, and rolled back");
    const needy = await trialOf("needy");
    expect(needy.trial).toMatchObject({ fitting: 0, refusals: [] });
    expect(needy.warnings).toContainEqual(
      expect.stringMatching(/^no row can be stored: .*column extra is NOT NULL.*\[database\.table-mismatch\]$/),
    );
    expect(
      await query(database.url, "SELECT (SELECT count(*) FROM tried) + (SELECT count(*) FROM needy) AS rows"),
    ).toEqual([{ rows: "0" }]);
  });

  it("names the remedy where another keyring made the tokens in the table", async () => {
    const fresh = await createTestDatabase();
    const variables = { ...environment(), DATABASE_URL: fresh.url };
    const event = JSON.stringify({ id: 1, email: CANARY });
    const queue = await queueWith([event]);
    const args = ["--queue", queue.name, "--table", "members", "--sample", "-", "--json", "--force"];
    const warningsOf = async (extra: readonly string[], more: Readonly<Record<string, string>> = {}) => {
      const { code, stdout } = await init([...args, ...extra], { ...variables, ...more }, event);
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { warnings: readonly string[] }).warnings;
    };
    await warningsOf([]);
    expect((await runCli(["migrate"], { folder, environment: variables })).code).toBe(0);
    expect((await runCli(["run", "--until-empty"], { folder, environment: variables })).code).toBe(0);
    await rename(join(folder, "piipe.keys.json"), join(folder, "first.json"));
    await rm(join(folder, "piipe.private.json"));
    const remedy = "this needs the keyring that made the stored tokens: ";
    const other = await warningsOf([]);
    expect(other).toContainEqual(expect.stringContaining("[keys.mismatch]"));
    expect(other).toContain(`${remedy}name its file with --keys FILE, and run init again with --force`);
    const PIIPE_KEYS = await readFile(join(folder, "piipe.keys.json"), "utf8");
    expect(await warningsOf(["--keys", "none.json"], { PIIPE_KEYS })).toContainEqual(
      expect.stringContaining(`${remedy}put it into PIIPE_KEYS`),
    );
    expect(await warningsOf(["--keys", "first.json"])).not.toContainEqual(expect.stringContaining("keyring"));
    await fresh.drop();
  });

  it("takes large numbers as a run does, from a JSON array as well", async () => {
    await query(database.url, "CREATE TABLE large (mass double precision, ids jsonb, serial jsonb)");
    const event = '{ "mass": 6.02e23, "ids": [9007199254740993], "serial": 9007199254740993 }';
    const args = ["--queue", "logins", "--table", "large", "--sample", "-", "--json"];
    const { stdout } = await init(args, withTable(), `[${event}, ${event}]`);
    expect(JSON.parse(stdout)).toMatchObject({
      columns: [
        { name: "mass", type: "number", notes: [] },
        { name: "ids", type: "json", notes: [] },
        { name: "serial", type: "json", notes: [] },
      ],
      leftOut: [],
      trial: { fitting: 2, refusals: [] },
    });
  });

  it("does not count what a trigger of the table keeps out", async () => {
    await query(
      database.url,
      `CREATE TABLE choosy (n integer);
       CREATE FUNCTION choose() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RETURN CASE WHEN NEW.n < 3 THEN NEW END; END $$;
       CREATE TRIGGER choose BEFORE INSERT ON choosy FOR EACH ROW EXECUTE PROCEDURE choose()`,
    );
    const lines = Array.from({ length: 10 }, (_, n) => `{"n":${n}}`).join("\n");
    const args = ["--queue", "logins", "--table", "choosy", "--sample", "-", "--json"];
    const { stdout, stderr } = await init(args, withTable(), lines);
    expect(JSON.parse(stdout)).toMatchObject({ trial: { fitting: 3, skipped: 7, refusals: [], isTriedInTable: true } });
    expect(stderr).toContain("would take 3 of the 10 events looked at");
    expect(stderr).toContain(
      "warning: 7 events looked at would be skipped: a trigger or rule of the table keeps them out",
    );
  });

  it("ends a trial in which the table refuses row after row", async () => {
    await query(database.url, "CREATE TABLE refusing (n integer CHECK (n < 5))");
    const lines = Array.from({ length: 300 }, (_, n) => `{"n":${n}}`).join("\n");
    const args = ["--queue", "logins", "--table", "refusing", "--sample", "-"];
    const { stderr } = await init(args, withTable(), lines);
    expect(stderr).toContain("a run would take 5 of the 300 events");
    expect(stderr).toContain("warning: the table refused 100 of the first 105 rows");
  });

  it("keeps the type of a column when one value is wrong, leaves defaults alone, and pins the key of its addresses", async () => {
    await query(
      database.url,
      "CREATE TABLE visits (event_id uuid, ip inet NOT NULL, loaded_at timestamptz DEFAULT now(), seen_at timestamptz, " +
        "peer_ip inet, email varchar(20), device_ids text[])",
    );
    const events = Array.from({ length: 20 }, (_, index) => ({
      event_id: `d69123e8-026e-4668-86a3-0000000000${10 + index}`,
      ip: index === 7 ? "999.1.2.3" : `192.0.2.${index}`,
      peer_ip: "canary-host",
      email: CANARY,
      device_ids: ["canary-mac"],
    }));
    const lines = [...events, events[0], events[1], [CANARY]].map((event) => JSON.stringify(event));
    const args = ["--queue", "logins", "--table", "visits", "--sample", "-"];
    const { code, stdout, stderr } = await init(args, withTable(), lines.join("\n"));
    expect(code).toBe(0);
    expect(stderr).toContain("1 of 22 events with a value here would be refused: ip is no ip");
    expect(stderr).toContain("2 of the sampled events come again by event_id: dedupeBy makes them one row");
    expect(stderr).toContain("1 event is no JSON object within piipe's limits");
    expect(stderr).toMatch(
      /field peer_ip .*; the masks that fit it: ipcrypt-deterministic \(of type ip\), ipcrypt-pfx \(of type ip\), generalize \(of type ip\), drop$/m,
    );
    expect(stderr).toMatch(/field email .*; the masks that fit it: redact, drop$/m);
    expect(stderr).toMatch(
      /field device_ids for column device_ids looks personal .*; arrays and objects are masked inside, .* jsonb$/m,
    );
    expect(stderr).toContain("left out: column loaded_at is left to its default");
    expect(`${stdout}${stderr}`).not.toMatch(/999\.1|canary/);
    const file = join(folder, "piipe.yaml");
    const yaml = await readFile(file, "utf8");
    expect(yaml).toContain("ip: { type: ip, mask: ipcrypt-deterministic, keyVersion: 1 }");
    expect(yaml).toContain('seen_at: { from: "@sent_at"');
    expect(yaml).toContain("# - column loaded_at is left to its default");
    expect(yaml).toContain("\n# dedupeBy: event_id\n");
    await writeFile(file, yaml.replace("# dedupeBy", "dedupeBy"));
    expect((await loadConfig(file, withTable())).dedupeBy?.from).toBe("event_id");
  });

  it.each([
    ["order_id text PRIMARY KEY, updated_at timestamptz", "order_id, do: update, newest: updated_at"],
    ["order_id text UNIQUE, updated_at text", "order_id, do: ignore"],
    ["order_id text, updated_at timestamptz, UNIQUE (order_id, updated_at)", null],
  ])("sees what is unique in a table of %s", async (columns, proposed) => {
    await query(database.url, `DROP TABLE IF EXISTS orders; CREATE TABLE orders (${columns})`);
    const lines = ["a", "b"].map((id) => JSON.stringify({ order_id: id, updated_at: "2026-03-01T10:00:00Z" }));
    const args = ["--queue", "logins", "--table", "orders", "--sample", "-"];
    expect((await init(args, withTable(), lines.join("\n"))).code).toBe(0);
    const file = join(folder, "piipe.yaml");
    const yaml = await readFile(file, "utf8");
    if (proposed === null) return expect(yaml).not.toContain("onConflict");
    expect(yaml).toContain(`\n# onConflict: { key: ${proposed} }\n`);
    await writeFile(file, yaml.replace("# onConflict", "onConflict"));
    expect((await loadConfig(file, withTable())).tables[0]?.onConflict?.key).toEqual(["order_id"]);
  });

  it("pins the primary version of a keyring that is there", async () => {
    await query(database.url, "CREATE TABLE peers (ip inet)");
    await runCli(["keys", "new"], { folder });
    await runCli(["keys", "add"], { folder });
    await runCli(["keys", "promote", "2"], { folder });
    const args = ["--queue", "logins", "--table", "peers", "--sample", "-"];
    expect((await init(args, withTable(), '{"ip":"192.0.2.1"}')).code).toBe(0);
    expect(await readFile(join(folder, "piipe.yaml"), "utf8")).toContain("keyVersion: 2");
    const keyring = await readFile(join(folder, "piipe.keys.json"), "utf8");
    await rm(join(folder, "piipe.keys.json"));
    const variables = { ...withTable(), PIIPE_KEYS: keyring };
    expect((await init([...args, "--force"], variables, '{"ip":"192.0.2.1"}')).code).toBe(0);
    expect(await readFile(join(folder, "piipe.yaml"), "utf8")).toContain("keyVersion: 2");
  });

  it("names the schema for editors only where it is", async () => {
    const firstLine = async () => {
      expect((await init([...SAMPLE, EVENTS_FILE, "--force"])).code).toBe(0);
      return (await readFile(join(folder, "piipe.yaml"), "utf8")).split("\n")[0];
    };
    expect(await firstLine()).toContain("# piipe schema > piipe.schema.json lets an editor");
    await writeFile(join(folder, "piipe.schema.json"), "{}");
    expect(await firstLine()).toBe("# yaml-language-server: $schema=./piipe.schema.json");
    await mkdir(join(folder, "node_modules/piipe"), { recursive: true });
    await writeFile(join(folder, "node_modules/piipe/piipe.schema.json"), "{}");
    expect(await firstLine()).toBe("# yaml-language-server: $schema=./node_modules/piipe/piipe.schema.json");
  });

  it("keeps and uses a keyring that is there, also with --force", async () => {
    await runCli(["keys", "new"], { folder });
    const before = await readFile(join(folder, "piipe.keys.json"), "utf8");
    expect((await init([...SAMPLE, EVENTS_FILE])).stderr).toContain("the keyring was there, and is kept");
    expect((await init([...SAMPLE, EVENTS_FILE, "--force"])).code).toBe(0);
    expect(await readFile(join(folder, "piipe.keys.json"), "utf8")).toBe(before);
    const fromEnvironment = await init([...SAMPLE, EVENTS_FILE, "--keys", "other.json", "--force"], {
      ...environment(),
      PIIPE_KEYS: before,
    });
    expect(fromEnvironment.stderr).toContain("PIIPE_KEYS holds the keyring");
    expect(await readdir(folder)).not.toContain("other.json");
  });

  it("writes region and endpoint when they are given, and paths from the file's own folder", async () => {
    await promisify(execFile)("mkdir", ["-p", join(folder, "conf")]);
    const place = ["--region", "eu-west-1", "--endpoint", "http://127.0.0.1:4566", "-c", "conf/logins.yaml"];
    const { code, stderr } = await init([...SAMPLE, EVENTS_FILE, ...place]);
    expect(code).toBe(0);
    expect(stderr).toContain("piipe run -c conf/logins.yaml --until-empty");
    const config = await loadConfig(join(folder, "conf/logins.yaml"), { DATABASE_URL: "postgres://localhost/x" });
    expect(config.source.sqs).toMatchObject({ region: "eu-west-1", endpoint: "http://127.0.0.1:4566" });
    expect(config.keys.file).toBe(join(folder, "piipe.keys.json"));
  });

  it("warns when git would take the keys in", async () => {
    await promisify(execFile)("git", ["init", "--quiet", folder]);
    await writeFile(join(folder, ".gitignore"), "piipe.private.json\n");
    const { stderr } = await init([...SAMPLE, EVENTS_FILE]);
    expect(stderr).toMatch(/warning: git would take in .*piipe\.keys\.json: add it to \.gitignore/);
    expect(stderr).not.toMatch(/git would take in .*piipe\.private\.json/);
  });
});

describe("a look at the queue", () => {
  it("counts as one receive, and leaves the messages where they were", async () => {
    const queue = await queueWith(loginEvents(25));
    const { code, stderr } = await init(["--queue", queue.url, "--table", "t", "--messages", "5"]);
    expect(code).toBe(0);
    expect(stderr).toContain("gave 5 messages back");
    expect((await sqs.count(queue.url)).visible).toBe(25);
    const counts = await receiveCounts(queue.url);
    expect(counts.every((count) => count === 1 || count === 2)).toBe(true);
  });

  it("gives back what it received of a FIFO queue", async () => {
    const queue = await sqs.createTestQueue({ FifoQueue: "true", ContentBasedDeduplication: "true" });
    for (const [index, body] of loginEvents(4).entries()) {
      await callSqs(sqs.endpoint, "SendMessage", {
        QueueUrl: queue.url,
        MessageBody: body,
        MessageGroupId: `g${index}`,
      });
    }
    const { code, stderr } = await init(["--queue", queue.name, "--table", "t"]);
    expect(code).toBe(0);
    expect(stderr).toContain("the later messages of their groups wait");
    expect((await sqs.count(queue.url)).visible).toBe(4);
  });

  it("is refused unattended where it may be a message's last receive, and done with --yes", async () => {
    const queue = await lastChanceQueue();
    const args = ["--queue", queue.name, "--table", "t"];
    const refused = await init(args);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("maxReceiveCount 1");
    expect(refused.stderr).toContain("--sample");
    expect(await readdir(folder)).toEqual([]);
    expect((await init([...args, "--yes"])).code).toBe(0);
  });

  it("interrupted by Ctrl-C leaves all messages to be received, and writes nothing", async () => {
    const queue = await queueWith(loginEvents(15));
    const proxy = await startSqsProxy(sqs.endpoint);
    const receives = () => proxy.requests.filter(({ action }) => action === "ReceiveMessage").length;
    proxy.answer = ({ action }) => (action === "ReceiveMessage" && receives() > 1 ? "hang" : undefined);
    const running = startCommand(["init", "--queue", queue.name, "--table", "t"], {
      folder,
      environment: { ...environment(), AWS_ENDPOINT_URL_SQS: proxy.endpoint },
    });
    await until("the second receive", () => receives() > 1);
    expect((await sqs.count(queue.url)).inFlight).toBe(10);
    running.signal("SIGINT");
    const { code, stderr } = await running.ended;
    await proxy.stop();
    expect(code).toBe(130);
    expect(stderr).toContain("gave 10 messages back");
    expect(stderr).toContain("[interrupted]");
    expect(await sqs.count(queue.url)).toMatchObject({ visible: 15, inFlight: 0 });
    expect(await readdir(folder)).toEqual([]);
  });

  it("that fails gives back what was received before", async () => {
    const queue = await queueWith(loginEvents(15));
    const proxy = await startSqsProxy(sqs.endpoint);
    const receives = () => proxy.requests.filter(({ action }) => action === "ReceiveMessage").length;
    proxy.answer = ({ action }) =>
      action === "ReceiveMessage" && receives() > 1
        ? { status: 400, body: JSON.stringify({ __type: "com.amazonaws.sqs#AccessDenied", message: "canary" }) }
        : undefined;
    const result = await init(["--queue", queue.name, "--table", "t"], {
      ...environment(),
      AWS_ENDPOINT_URL_SQS: proxy.endpoint,
    });
    await proxy.stop();
    expect(result.code).toBe(4);
    expect(result.stderr).toContain("[queue.denied]");
    expect(await sqs.count(queue.url)).toMatchObject({ visible: 15, inFlight: 0 });
  });
});

describe("piipe init --update", () => {
  const OLD = { id: 1, customer: { email: CANARY }, items: [{ sku: "a" }, { sku: "b" }] };
  const NEW = {
    ...OLD,
    customer: { email: CANARY, name: "canary smith", tier: "gold" },
    total: 9.5,
    id2: null,
    paid_at: 1_772_352_001_212,
  };
  const ndjson = (event: object) => `${JSON.stringify(event)}\n`.repeat(3);
  const first = async (variables = environment()) => {
    const { code } = await init(["--queue", "q", "--table", "shop_orders", "--sample", "-"], variables, ndjson(OLD));
    expect(code).toBe(0);
    const file = join(folder, "piipe.yaml");
    const text = (await readFile(file, "utf8")).replace("  id: { type: integer }", "  id: { type: integer } # mine");
    await writeFile(file, text);
    return { file, text };
  };

  it("adds columns for new fields at the end, and leaves every other character as it was", async () => {
    const { file, text } = await first();
    const { code, stdout, stderr } = await init(["--update", "--sample", "-"], environment(), ndjson(NEW));
    expect(code).toBe(0);
    const added = [
      "  # masked: its name looks personal (customer_name); is a name beside what somebody is reached by",
      "  customer_name: { from: customer.name, type: text, mask: hmac-sha256, nullable: true }",
      "  tier: { from: customer.tier, type: text, nullable: true }",
      "  total: { type: decimal, nullable: true }",
      "  paid_at: { type: timestamp, format: epoch-ms, nullable: true }",
      "",
    ].join("\n");
    const updated = await readFile(file, "utf8");
    expect(updated).toContain(added);
    expect(updated.replace(added, "")).toBe(text);
    expect(stdout).toMatch(/customer_name .*hmac-sha256/);
    expect(stderr).toContain("added to piipe.yaml: 4 columns, 1 of them masked");
    expect(stderr).toContain("would take 3 of the 3 events");
    expect(stdout + stderr + updated).not.toContain("canary");

    const again = await init(["--update", "--sample", "-", "--json"], environment(), ndjson(NEW));
    expect(again.code).toBe(0);
    expect(again.stderr).toContain("nothing new: piipe.yaml stays as it is");
    expect(JSON.parse(again.stdout)).toMatchObject({ file: "piipe.yaml", columns: [], trial: { fitting: 3 } });
    expect(await readFile(file, "utf8")).toBe(updated);
  });

  it("looks at the queue and the table that the configuration names, and fills columns of the table", async () => {
    const variables = withTable();
    const { file, text } = await first(variables);
    const queue = await queueWith([JSON.stringify(NEW)]);
    await writeFile(file, text.replace("queue: q", `queue: ${queue.name}`));
    await query(database.url, "CREATE TABLE shop_orders (id bigint, email text, items jsonb, total numeric(9,2))");
    const { code, stdout, stderr } = await init(["--update", "--json"], variables);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stderr).toContain("gave 1 message back");
    expect(JSON.parse(stdout)).toMatchObject({
      tableExists: true,
      columns: [{ name: "total", type: "decimal" }],
      leftOut: [{ field: "customer.name" }, { field: "customer.tier" }, { field: "paid_at" }],
      trial: { fitting: 1, isTriedInTable: true },
    });
    const statements = [
      ...stderr.matchAll(/^left out: field \S+ has no column in the table: (ALTER TABLE .*), then/gm),
    ];
    expect(statements.map(([, statement]) => statement)).toEqual([
      'ALTER TABLE "public"."shop_orders" ADD COLUMN "customer_name" text',
      'ALTER TABLE "public"."shop_orders" ADD COLUMN "tier" text',
      'ALTER TABLE "public"."shop_orders" ADD COLUMN "paid_at" timestamptz',
    ]);
    const still = await init(["--update"], variables);
    expect(still).toMatchObject({ code: 0, stdout: "" });
    expect(still.stderr).toContain("nothing added: piipe.yaml stays as it is");
    expect(still.stderr).toContain("left out: field paid_at has no column");

    for (const [, statement] of statements) await query(database.url, statement ?? "");
    const again = await init(["--update", "--json"], variables);
    expect(JSON.parse(again.stdout)).toMatchObject({
      columns: [{ name: "paid_at" }, { name: "customer_name", mask: "hmac-sha256" }, { name: "tier" }],
      leftOut: [],
      trial: { fitting: 1, isTriedInTable: true },
    });
  });

  it("adds columns that also take events from before the fields were there, and no others", async () => {
    const fresh = await createTestDatabase();
    const variables = { ...environment(), DATABASE_URL: fresh.url };
    await first();
    await query(
      fresh.url,
      `CREATE TABLE shop_orders (id bigint, email text, items jsonb, total numeric, tier text NOT NULL DEFAULT 'none',
        customer_name text NOT NULL DEFAULT '', paid_at timestamptz)`,
    );
    const update = () => init(["--update", "--sample", "-", "--json"], variables, ndjson(NEW));
    const updated = await update();
    expect(JSON.parse(updated.stdout)).toMatchObject({
      columns: [
        { name: "total", nullable: true },
        { name: "paid_at", nullable: true },
        { name: "tier", nullable: false, absent: "default" },
      ],
      leftOut: [{ field: "customer.name", column: "customer_name" }],
      trial: { fitting: 3, isTriedInTable: true },
    });
    expect(updated.stderr).toContain("NOT NULL, and its DEFAULT would be stored unmasked. Drop its NOT NULL, then");
    const older = await init(["--update", "--sample", "-", "--json"], variables, ndjson(OLD));
    expect(JSON.parse(older.stdout)).toMatchObject({ columns: [], trial: { fitting: 3, isTriedInTable: true } });

    await query(fresh.url, "ALTER TABLE shop_orders ALTER customer_name DROP DEFAULT");
    const needed = await update();
    expect(JSON.parse(needed.stdout)).toMatchObject({ columns: [], leftOut: [{ column: "customer_name" }] });
    expect(needed.stderr).toContain("NOT NULL without a DEFAULT. Drop its NOT NULL, then");
    await fresh.drop();
  });

  it("says which refusals come of fields that are left out because their keys may be data", async () => {
    const { file, text } = await first();
    const event = ndjson({ ...OLD, [CANARY]: 1, "canary x": 2 });
    const leftOut = "left out: 2 fields have names that may be data, and so are neither shown nor stored";
    expect((await init(["--update", "--sample", "-"], environment(), event)).stderr).toContain(`${leftOut}\n`);

    const strict = text.replace("unknownFields: ignore", "unknownFields: quarantine");
    await writeFile(file, strict);
    const refused = await init(["--update", "--sample", "-"], environment(), event);
    expect(refused.stderr).toContain(`${leftOut}; with \`unknownFields: quarantine\` their events are refused`);
    expect(refused.stderr).toContain("3 events looked at would be refused");
    expect(refused.stdout + refused.stderr).not.toContain("canary");

    const known = `\n  odd: { from: '"${CANARY}"', type: integer, nullable: true }\n  odder: { from: '"canary x"', type: integer, nullable: true }\nunknownFields`;
    await writeFile(file, strict.replace("\nunknownFields", known));
    const taken = await init(["--update", "--sample", "-", "--json"], environment(), event);
    expect(JSON.parse(taken.stdout)).toMatchObject({ columns: [], leftOut: [], trial: { fitting: 3 } });
  });

  it("takes out what the file says of a field that was left out and is now added, and no other line", async () => {
    const { file } = await first();
    const nothing = { total: null, other: null };
    const args = ["--queue", "q", "--table", "shop_orders", "--sample", "-", "--force"];
    expect((await init(args, environment(), ndjson({ ...OLD, ...nothing }))).code).toBe(0);
    const text = await readFile(file, "utf8");
    const [, entry = ""] = /(\n {2}# - field total .*)\n {2}# - field other /.exec(text) ?? [];
    expect(entry).toContain("was null in every event");
    expect((await init(["--update", "--sample", "-"], environment(), ndjson({ ...OLD, total: 9.5 }))).code).toBe(0);
    const added = "\n  total: { type: decimal, nullable: true }";
    const updated = await readFile(file, "utf8");
    expect(updated).toContain(added);
    expect(updated.replace(added, "")).toBe(text.replace(entry, ""));
  });

  it("says that no row can be stored where the table lacks a column that the configuration had before", async () => {
    const fresh = await createTestDatabase();
    const variables = { ...environment(), DATABASE_URL: fresh.url };
    await first();
    await query(fresh.url, "CREATE TABLE shop_orders (id bigint, email text, total numeric(9,2))");
    const { code, stdout } = await init(["--update", "--sample", "-", "--json"], variables, ndjson(NEW));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      columns: [{ name: "total" }],
      trial: { fitting: 0, obstacle: expect.stringContaining("there is no column items") as unknown },
    });
    await fresh.drop();
  });

  it.each<[string, readonly string[], (text: string) => string, number, string]>([
    ["another queue", ["--queue", "q"], (text) => text, 2, "cannot be used with option '--queue"],
    [
      "columns within brackets",
      [],
      () =>
        "source: { sqs: { queue: q } }\nsink: { postgres: { url: postgres://h/d, table: t } }\ncolumns: { id: { type: integer } }\n",
      2,
      "usage.invalid",
    ],
    ["a file that is no configuration", [], () => "source: 1\n", 3, "config.invalid"],
  ])("refuses %s, and writes nothing", async (_, args, change, code, error) => {
    const { file, text } = await first();
    await writeFile(file, change(text));
    const result = await init(["--update", "--sample", "-", ...args], environment(), ndjson(NEW));
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(error) as unknown });
    expect(await readFile(file, "utf8")).toBe(change(text));
  });

  it("needs a configuration", async () => {
    const { code, stderr } = await init(["--update", "--sample", "-"], environment(), ndjson(NEW));
    expect(code).toBe(3);
    expect(stderr).toContain("[config.not-found]");
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("piipe init fails", () => {
  const failure = async (args: readonly string[], variables = environment(), stdin = "") => {
    const { code, stdout, stderr } = await init([...args, "--json"], variables, stdin);
    const { error } = JSON.parse(stdout) as { error: { code: string; hint: string } };
    expect(stderr).toContain(`[${error.code}]`);
    expect(await readdir(folder)).not.toContain("piipe.keys.json");
    return { code, error: error.code, stderr };
  };

  it("when a configuration is there, and leaves it as it is", async () => {
    await writeFile(join(folder, "piipe.yaml"), "mine");
    expect(await failure([...SAMPLE, EVENTS_FILE])).toMatchObject({ code: 3, error: "config.exists" });
    expect(await readFile(join(folder, "piipe.yaml"), "utf8")).toBe("mine");
  });

  it("when queue or table is missing and nobody can be asked", async () => {
    const { code, error, stderr } = await failure(["--sample", EVENTS_FILE]);
    expect({ code, error }).toEqual({ code: 2, error: "usage.invalid" });
    expect(stderr).toContain("--queue and --table missing");
  });

  it.each<[string, readonly string[], string, string]>([
    ["a sample that is not there", [...SAMPLE, "nowhere.json"], "", "cannot be read (ENOENT)"],
    ["a sample that is no JSON", [...SAMPLE, "-"], `${CANARY}\n`, "none of 1 event is a JSON object"],
    ["an empty sample", [...SAMPLE, "-"], "", "there is no event"],
    ["names that may be data", [...SAMPLE, "-"], '{"canary id":1,"canary@example.org":2}\n', "no field in common"],
    ["events with no field in common", [...SAMPLE, "-"], '{"a":1}\n{"b":1}\n{"c":1}\n', "no field in common"],
  ])("with %s", async (_, args, stdin, why) => {
    const { code, error, stderr } = await failure(args, environment(), stdin);
    expect({ code, error }).toEqual({ code: 2, error: "sample.invalid" });
    expect(stderr).toContain(why);
    expect(stderr).not.toContain("canary");
  });

  it("with a sample that is not UTF-8", async () => {
    await writeFile(join(folder, "sample.json"), Buffer.from("\ufeff[]", "utf16le"));
    const { error, stderr } = await failure([...SAMPLE, "sample.json"]);
    expect(error).toBe("sample.invalid");
    expect(stderr).toContain("is not UTF-8 text");
  });

  it("with events of another table", async () => {
    expect(await failure([...SAMPLE, "-"], withTable(), '{"order":1,"price":2}\n')).toMatchObject({
      code: 2,
      error: "sample.invalid",
    });
  });

  it("with an empty queue, and says what to do", async () => {
    const queue = await sqs.createTestQueue();
    const { code, error, stderr } = await failure(["--queue", queue.name, "--table", "t"]);
    expect({ code, error }).toEqual({ code: 4, error: "queue.empty" });
    expect(stderr).toContain("--sample");
  });

  it("with a queue that is not there", async () => {
    expect(await failure(["--queue", "no-such-queue", "--table", "t"])).toMatchObject({
      code: 4,
      error: "queue.not-found",
    });
  });

  it("with what is no queue or no table", async () => {
    const { code, error, stderr } = await failure(["--queue", "a b", "--table", "a.b.c", "--sample", EVENTS_FILE]);
    expect({ code, error }).toEqual({ code: 3, error: "config.invalid" });
    expect(stderr).toContain("source.sqs.queue");
    expect(stderr).toContain("sink.postgres.table");
  });

  it.each([
    ["DATABASE_URL", "postgres://odd:Tr0ub4dor@lagoon/seven@127.0.0.1:5432/db"],
    ["DATABASE_URL", "postgres://odd:1?lagoon@127.0.0.1:5432/seven"],
    ["AWS_ENDPOINT_URL_SQS", "http://lagoon/seven@127.0.0.1:9"],
    ["AWS_ENDPOINT_URL_SQS", "http://odd:Tr0ub4dor@lagoon/seven"],
  ])("with a password that cuts %s in two, of which it shows nothing", async (name, url) => {
    const { code, error, stderr } = await failure(["--queue", "logins", "--table", "t"], {
      ...environment(),
      [name]: url,
    });
    expect({ code, error }).toEqual({ code: 3, error: "config.invalid" });
    expect(stderr).not.toMatch(/odd|Tr0ub4dor|lagoon|seven/);
  });

  it("with a database that is down, before it looks at a message", async () => {
    const queue = await queueWith(loginEvents(3));
    const down = { ...environment(), DATABASE_URL: "postgres://nobody:secret-canary@127.0.0.1:9/x" };
    const { code, error, stderr } = await failure(["--queue", queue.name, "--table", "t"], down);
    expect({ code, error }).toEqual({ code: 4, error: "database.unreachable" });
    expect(stderr).not.toContain("canary");
    expect(await receiveCounts(queue.url)).toEqual([1, 1, 1]);
  });

  it("with a private file whose keyring is gone, before it looks at a message", async () => {
    await writeFile(join(folder, "piipe.private.json"), "{}");
    const queue = await queueWith(loginEvents(3));
    const { code, error } = await failure(["--queue", queue.name, "--table", "t"]);
    expect({ code, error }).toEqual({ code: 3, error: "keys.exists" });
    expect(await receiveCounts(queue.url)).toEqual([1, 1, 1]);
    expect(await readdir(folder)).toEqual(["piipe.private.json"]);
  });
});

describe("piipe init at a terminal", () => {
  const OPTIONS: InitOptions = {
    queue: null,
    table: null,
    sample: null,
    messagesMax: 10,
    region: null,
    endpoint: null,
    keys: "piipe.keys.json",
    config: "piipe.yaml",
    force: false,
    yes: false,
    update: false,
    json: false,
  };

  const answering = (answers: Answers) => {
    const { terminal, output } = scriptedTerminal({ folder, environment: {} }, answers);
    const options = { ...OPTIONS, region: "us-west-1", endpoint: sqs.endpoint };
    return { run: () => initCommand(options, terminal), output };
  };

  it("asks for the queue and the table", async () => {
    const { terminal, output } = scriptedTerminal(
      { folder, environment: {} },
      { secret: null, confirm: null, texts: { "Which queue?": "logins", "Which table?": "public.logins" } },
      loginEvents(5).join("\n"),
    );
    expect(await initCommand({ ...OPTIONS, sample: "-" }, terminal)).toBe(0);
    expect(output.error).toContain("wrote piipe.yaml");
    for (const line of output.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(output.out).toMatch(/ip .*hmac-sha256 .*its name looks personal \(ip\)/);
    const config = await loadConfig(join(folder, "piipe.yaml"), { DATABASE_URL: "postgres://localhost/x" });
    expect(config.source.sqs.queue).toBe("logins");
    expect(config.tables[0]?.name).toEqual({ schema: "public", name: "logins" });
  });

  it("ends when the person cancels", async () => {
    const { run } = answering({ secret: null, confirm: null, texts: { "Which queue?": null } });
    await expect(run()).rejects.toMatchObject({ code: "interrupted" });
    expect(await readdir(folder)).toEqual([]);
  });

  it("asks before a look that may be a message's last receive, and receives nothing on a no", async () => {
    const queue = await lastChanceQueue();
    const texts = { "Which queue?": queue.name, "Which table?": "t" };
    // The scripted environment is not the process's, where AWS's chain looks.
    for (const [name, value] of Object.entries(LOCAL_AWS)) vi.stubEnv(name, value);
    try {
      const no = answering({ secret: null, confirm: false, texts });
      await expect(no.run()).rejects.toMatchObject({ code: "interrupted" });
      expect(await readdir(folder)).toEqual([]);
      const yes = answering({ secret: null, confirm: true, texts });
      expect(await yes.run()).toBe(0);
      expect(yes.output.error).toContain("gave 5 messages back");
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
