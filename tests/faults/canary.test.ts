import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { definePipeline } from "../../src/define-pipeline.ts";
import { type EmbeddedPostgres, startPostgres } from "../../src/embedded/postgres.ts";
import { MASK_NAMES, REJECTION_CODES, type RejectionCode } from "../../src/pipeline/contracts.ts";
import { Canaries } from "../support/canaries.ts";
import { type CliResult, LOCAL_AWS, runCli } from "../support/cli.ts";
import { query } from "../support/postgres.ts";
import { answerWithError, createTestBucket, POINTER_CLASS, type S3Proxy, startS3Proxy } from "../support/s3.ts";
import { callSqs, testSqs } from "../support/sqs.ts";

/** Every mask, and around them every way to be refused. */
const COLUMNS = `
  user_id: { type: text }
  h: { type: text, mask: hmac-sha256, reveal: true, nullable: true }
  email: { type: text, mask: hmac-sha256, nullable: true }
  nested: { from: device.id, type: text, mask: hmac-sha256, nullable: true }
  attribute: { from: "@attribute.secret", type: text, mask: hmac-sha256, nullable: true }
  w: { type: text, mask: hmac-over-sha256, nullable: true }
  s: { type: text, mask: aes-siv, nullable: true }
  det: { type: ip, mask: ipcrypt-deterministic, keyVersion: 1, nullable: true }
  pfx: { type: ip, mask: ipcrypt-pfx, keyVersion: 1, nullable: true }
  ff1: { type: text, mask: fpe-ff1, digits: 9, keyVersion: 1, nullable: true }
  net: { type: ip, mask: generalize, nullable: true }
  at: { type: timestamp, mask: generalize, precision: hour, nullable: true }
  r: { type: text, mask: redact, nullable: true }
  d: { type: text, mask: drop }
  bare: { type: text, mask: sha256, nullable: true }
  n: { type: number, nullable: true }
  small: { type: integer, nullable: true }
  short: { type: text, nullable: true }
  indexed: { type: text, nullable: true }
  wild: { type: text, nullable: true, piiDetection: quarantine }
  message: { from: Message, type: text, nullable: true, piiDetection: "off" }
  details: { type: json, nullable: true }
  phone: { type: phone, region: DE, mask: hmac-sha256, nullable: true }
  mac: { type: mac, mask: hmac-sha256, nullable: true }
  amount: { type: decimal, mask: hmac-sha256, nullable: true }
  big: { type: integer, coerce: true, mask: hmac-sha256, nullable: true }
  born: { type: timestamp, format: [rfc3339, epoch-ms], mask: hmac-sha256, nullable: true }
  hop: { type: ip, take: first, strip: port, otherwise: null, mask: hmac-over-sha256, nullable: true }
  either: { from: ["gone[0].id", device.id], type: text, mask: hmac-sha256, nullable: true }
  label: { type: text, nullable: true }
  tags: { type: "text[]", nullable: true }
  prices: { type: "decimal[]", nullable: true }
  took: { type: text, nullable: true }
  channel: { type: text, default: web }
  tenant: { value: acme, type: text }
  level: { type: integer, absent: default }
  context:
    type: json
    masks:
      id: { mask: hmac-sha256, reveal: true }
      "list[].email": { mask: hmac-sha256, key: email }
      "list[].ip": { type: ip, mask: ipcrypt-deterministic, keyVersion: 1 }
      "nested.tags[]": aes-siv
      nested.at: { type: timestamp, mask: generalize }
      red: redact
      gone: drop
`;

const TABLE = `CREATE TABLE events (
  user_id text, h text, email text, nested text, attribute text, w text, s text, det inet, pfx text, ff1 text, net cidr,
  at timestamptz, r text, d text, bare text, n double precision, small integer CHECK (small <> 13),
  short varchar(8) CHECK (short::text <> 'overflow' OR 1 / (length(short) - 8) > 0)
    CHECK (short NOT LIKE '& %' OR short::tsquery IS NOT NULL), indexed text)`;
/** What refuses rows otherwise, quoting what it can. */
const REFUSERS = `
  CREATE TABLE plain (t text);
  CREATE VIEW picky AS SELECT * FROM plain WHERE t = '' WITH CHECK OPTION;
  CREATE TABLE parts (t text) PARTITION BY LIST (t);
  CREATE TABLE guarded (t text);
  ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
  ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
  CREATE ROLE canary_guard; GRANT ALL ON SCHEMA public TO canary_guard; ALTER TABLE guarded OWNER TO canary_guard;
  CREATE FUNCTION guard(t text) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'INSERT INTO guarded VALUES (t)';
  ALTER FUNCTION guard OWNER TO canary_guard;
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    CASE NEW.short
      WHEN 'raise' THEN RAISE 'no % %', NEW.s, NEW.user_id USING DETAIL = NEW.s, HINT = NEW.s;
      WHEN 'view' THEN INSERT INTO picky VALUES (NEW.s);
      WHEN 'part' THEN INSERT INTO parts VALUES (NEW.s);
      WHEN 'policy' THEN PERFORM guard(NEW.s);
      ELSE
    END CASE;
    RETURN NEW;
  END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE PROCEDURE refuse()`;

const canaries = new Canaries();
/** In a column without a mask: what is searched for like the others, and is there. */
const stored = new Canaries();
let postgres: EmbeddedPostgres;
const sqs = testSqs();
let s3: S3Proxy;
let folder: string;
let queue: { readonly name: string; readonly url: string };
let environment: Readonly<Record<string, string>>;
let databaseUrl: string;
/** What every command printed, where nothing raw may be. */
const printed: { readonly command: string; readonly text: string }[] = [];

const random = (below: number): number => Math.floor(Math.random() * below);
const group = (): string => (4_096 + random(60_000)).toString(16);
/** A few values each: every one of them is a search of its own through all files. */
const few = (make: () => string): (() => string) => {
  const values = Array.from({ length: 3 }, () => canaries.note(make()));
  return () => values[random(values.length)] ?? "";
};
const ipv4 = few(() => `198.51.${100 + random(100)}.${100 + random(155)}`);
const ipv6 = few(() => `2001:db8:${group()}:7:8:9:a:${group()}`);
const digits = few(() => String(123_456_789 + random(800_000_000)));
const time = few(() => `2031-03-04T05:17:${10 + random(50)}.${123_456 + random(800_000)}Z`);

/** As people of the country write it; its international form is as raw. */
const phone = few(() => {
  const subscriber = String(20_000_000 + random(70_000_000));
  canaries.note(`4930${subscriber}`);
  return `030 / ${subscriber}`;
});
const mac = few(() => `02-00-5e-${[1, 2, 3].map(() => (16 + random(240)).toString(16)).join("-")}`);
const amount = few(() => `${100_000_000_000 + random(900_000_000)}.25`);
const big = few(() => `92${String(10 ** 15 + random(10 ** 15))}7`);
const epochMs = few(() => String(1_930_000_000_000 + random(60_000_000_000)));

/** A good event: a canary in every masked field, in fields that no column declares, and in their names. */
function event(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    user_id: "u-1",
    h: canaries.text(),
    email: canaries.note(`${canaries.text()}@example.com`),
    device: { id: canaries.text(), other: canaries.text() },
    w: canaries.text(),
    s: `${canaries.text()} é ü`,
    det: ipv4(),
    pfx: ipv6(),
    ff1: digits(),
    net: ipv4(),
    at: time(),
    r: canaries.text(),
    d: canaries.text(),
    bare: canaries.noteHashed(canaries.marker + random(1e9)),
    n: 1,
    small: 1,
    short: "ok",
    indexed: "ok",
    wild: "ok",
    Message: "ok",
    details: { n: 1 },
    phone: phone(),
    mac: mac(),
    amount: amount(),
    big: big(),
    born: Number(epochMs()),
    hop: `${ipv4()}:443, 192.0.2.1`,
    label: "a label",
    tags: ["a", "b"],
    prices: ["1.50", 2],
    took: "1 day",
    context: {
      id: canaries.text(),
      list: [
        { email: canaries.note(`${canaries.text()}@example.com`), ip: ipv4() },
        { ip: ipv6(), email: null },
      ],
      nested: { tags: [canaries.text(), canaries.text()], at: time(), n: 1.5 },
      red: canaries.text(),
      gone: canaries.text(),
    },
    ...changes,
  };
}

const json = (changes: Readonly<Record<string, unknown>>): string => JSON.stringify(event(changes));
/** JSON that JSON.stringify would not write. */
const raw = (field: string, text: string): string => json({ [field]: "PLACE" }).replace('"PLACE"', () => text);

/** What SNS makes of an event without raw message delivery. */
const notification = (Message: string): Readonly<Record<string, unknown>> => ({
  Type: "Notification",
  MessageId: canaries.text(),
  TopicArn: "arn:aws:sns:eu-west-1:000000000000:orders",
  Subject: canaries.text(),
  Message,
  Timestamp: "2026-01-31T12:00:00.000Z",
  MessageAttributes: { secret: { Type: "String", Value: canaries.text() }, [canaries.text()]: canaries.text() },
});

const UNWRAP = "[sns, gzip, json]";
/** In what `UNWRAP` names. */
const wrapped = (body: string): string =>
  JSON.stringify(notification(gzipSync(JSON.stringify(body)).toString("base64")));

/** Reasons that only what is wrapped is refused for: no message of the queue's is too large as it is. */
type WrappedReason = "body.too-large" | "body.wrapping" | "body.confirmation";

function badWrappings(): Readonly<Record<WrappedReason, string>> {
  return {
    "body.too-large": wrapped(json({ extra: canaries.marker.repeat(60_000) })),
    "body.wrapping": JSON.stringify(notification(canaries.text())),
    "body.confirmation": JSON.stringify({ ...notification(canaries.text()), Type: "SubscriptionConfirmation" }),
  };
}

const pointer = (bucket: string, key: string): string =>
  JSON.stringify([POINTER_CLASS, { s3BucketName: bucket, s3Key: key, [canaries.text()]: canaries.text() }]);

/** Reasons that lie in S3. */
type ObjectReason = "body.object-missing" | "body.object-refused";

/** Of several tables, or rows of elements; of a transform. */
type TableReason = "body.too-many-rows" | "event.unmatched" | "event.transform";

/** Events that are elements, into a row for each and one for each of their items. */
const ORDER_TABLES = `
  orders:
    when: { kind: order }
    columns:
      order_id: { type: text }
      who: { type: text, mask: hmac-sha256, reveal: true, nullable: true }
      context: { type: json, nullable: true, masks: { ip: { type: ip, mask: hmac-sha256 }, "seen[].by": { mask: hmac-sha256, key: who } } }
  order_items:
    when: { kind: order }
    each: items
    columns:
      order_id: { from: ^.order_id, type: text }
      position: { from: "@index", type: integer }
      gift_to: { type: text, mask: hmac-sha256, key: who, reveal: true, nullable: true }
      card: { type: text, mask: aes-siv, nullable: true }
      note: { type: text, nullable: true }`;

const ORDER_SCHEMA = `
  CREATE TABLE orders (order_id text PRIMARY KEY, who text, context jsonb);
  CREATE TABLE order_items (
    order_id text NOT NULL REFERENCES orders, position integer CHECK (position < 5), gift_to text, card text, note text,
    UNIQUE (order_id, position))`;

/** A canary in every masked field, in fields around the elements and in them, and in their names. */
function order(id: string, changes: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const item = () => ({
    gift_to: canaries.text(),
    card: canaries.text(),
    note: "ok",
    [canaries.text()]: canaries.text(),
  });
  return {
    kind: "order",
    order_id: id,
    who: canaries.text(),
    context: { ip: ipv4(), seen: [{ by: canaries.text() }, { by: canaries.text() }], n: 1 },
    items: [item(), item()],
    [canaries.text()]: { [canaries.text()]: canaries.text() },
    ...changes,
  };
}

const records = (...events: readonly unknown[]): string =>
  JSON.stringify({ Records: events, [canaries.text()]: canaries.text() });

function badTableBodies(): Readonly<Record<Exclude<TableReason, "event.transform">, string>> {
  const one = canaries.text();
  return {
    "body.too-many-rows": records(order("many", { items: Array.from({ length: 10_001 }, () => ({})), who: one })),
    "event.unmatched": records(order("none"), { kind: one, [one]: one }),
  };
}

/** Refused by a row of theirs for reasons that flat events have as well. */
function badElements(): readonly string[] {
  const one = canaries.text();
  return [
    records(one),
    records(order("a", { items: { [one]: one } })),
    records(order("b", { items: [one] })),
    records(order("c", { items: [{ gift_to: { [one]: one } }] })),
    records(order("d", { who: one, items: [{ note: one }] })),
    records(order("e", { items: [{ gift_to: one }, { note: `for ${one}` }] })),
    records(order("f", { items: Array.from({ length: 6 }, () => ({ gift_to: one })) })),
    records(order("g"), order("g")),
    JSON.stringify({ Records: { [one]: order("h") } }),
  ];
}

/** Sends pointers to good and bad objects, and to such as are not there or denied. */
async function sendPointers(bodies: readonly string[]): Promise<void> {
  const bucket = await createTestBucket(sqs.endpoint);
  for (const body of bodies) {
    const key = `${canaries.text()}/${canaries.text()} ä`;
    await bucket.put(key, body);
    await send(pointer(bucket.name, key));
  }
  const denied = canaries.text();
  s3.answer = ({ path }, response) =>
    path.includes(denied) ? answerWithError(response, 403, "AccessDenied") : undefined;
  await send(pointer(bucket.name, denied));
  await send(pointer(bucket.name, canaries.text()));
  await send(pointer(canaries.text(), canaries.text()));
  await send(pointer(`${canaries.text()}/`, canaries.text()));
}

/** A body for every other reason, with canaries wherever it has room for them. */
function badBodies(): Readonly<Record<Exclude<RejectionCode, WrappedReason | ObjectReason | TableReason>, string>> {
  const one = canaries.text();
  return {
    "body.empty": " ",
    "body.not-json": `{"user_id":"${one}","h":"${one}"`,
    "body.not-object": JSON.stringify([one]),
    "body.too-deep": raw("extra", `${"[".repeat(101)}"${one}"${"]".repeat(101)}`),
    "body.too-many-keys": json({
      extra: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`${one}${i}`, i])),
    }),
    // A key with an escape, and more values beside it than are read so.
    "body.too-costly": raw("extra", `{"\\u0061":["${one}"${",0".repeat(20_000)}]}`),
    "body.wrapped": json(
      notification(JSON.stringify({ customer: { name: one, birth_date: one }, ship_to: `${one}@example.com` })),
    ),
    "body.pointer": pointer(one, one),
    "body.duplicate-key": raw("h", `"${one}","h":"${one}"`),
    "body.forbidden-key": raw("extra", `{"__proto__":"${one}"}`),
    "field.missing": json({ user_id: undefined }),
    "field.null": json({ user_id: null }),
    "field.type": json({ h: { [one]: one } }),
    "field.format": json({ det: one }),
    "field.range": raw("n", "1e400"),
    "field.too-long": json({ h: canaries.marker.repeat(5_000) }),
    "field.nul-character": json({ h: `${one}\u0000` }),
    "field.lone-surrogate": raw("h", `"${one}\\ud800"`),
    "field.json-text": json({ email: JSON.stringify({ first_name: one, order: { email: one } }) }),
    "field.unknown": json({ [one]: one }),
    "leak.echo": json({ h: one, user_id: `user ${one}` }),
    "leak.detected": json({ wild: `${one}@example.com` }),
    "database.value": json({ short: "overflow" }),
    "database.constraint": json({ small: 13 }),
    "database.trigger": json({ short: "raise" }),
    "database.partition": json({ short: "part" }),
    "database.view": json({ short: "view" }),
    "database.policy": json({ short: "policy" }),
    "database.row": json({ short: "& &" }),
    "database.limit": json({ indexed: Array.from({ length: 9_000 }, () => random(36).toString(36)).join("") }),
  };
}

async function writeConfig(unknownFields: "ignore" | "quarantine", unwrap = ""): Promise<void> {
  await writeFile(
    join(folder, "piipe.yaml"),
    `source: { sqs: { queue: ${queue.name} }${unwrap === "" ? "" : `, unwrap: ${unwrap}`} }
sink: { postgres: { url: "\${DATABASE_URL}", table: events } }
keys: { file: ./piipe.keys.json }
allowUnkeyed: true
unknownFields: ${unknownFields}
quarantine: { haltAboveShare: 1 }
columns:${COLUMNS}`,
  );
}

async function writeTables(tables = ORDER_TABLES): Promise<void> {
  await writeFile(
    join(folder, "piipe.yaml"),
    `source: { sqs: { queue: ${queue.name} }, each: Records }
sink: { postgres: { url: "\${DATABASE_URL}" } }
keys: { file: ./piipe.keys.json }
quarantine: { haltAboveShare: 1 }
tables:${tables}`,
  );
}

/** Runs a command and keeps what it printed. */
async function piipe(args: readonly string[], stdin = ""): Promise<CliResult> {
  const result = await runCli(args, { folder, environment, stdin });
  printed.push({ command: args.slice(0, 2).join(" "), text: result.stdout + result.stderr });
  return result;
}

async function well(args: readonly string[], stdin = ""): Promise<string> {
  const { code, stdout, stderr } = await piipe(args, stdin);
  expect({ args, code, stderr: code === 0 ? "" : stderr }).toStrictEqual({ args, code: 0, stderr: "" });
  return stdout;
}

const run = (): Promise<string> => well(["run", "--until-empty", "--json", "--log-level", "debug"]);

async function send(body: string): Promise<void> {
  await callSqs(sqs.endpoint, "SendMessage", {
    QueueUrl: queue.url,
    MessageBody: body,
    MessageAttributes: { secret: { DataType: "String", StringValue: canaries.text() } },
  });
}

beforeAll(async () => {
  const nativeFolder = process.env["PIIPE_TEST_POSTGRES_NATIVE"];
  postgres = await startPostgres(nativeFolder === undefined ? {} : { nativeFolder });
  queue = await sqs.createTestQueue();
  folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
  databaseUrl = postgres.url.replace("/postgres?", "/canary?");
  s3 = await startS3Proxy(sqs.endpoint);
  environment = {
    ...LOCAL_AWS,
    DATABASE_URL: databaseUrl,
    AWS_ENDPOINT_URL_SQS: sqs.endpoint,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
  };
  await query(postgres.url, "CREATE DATABASE canary");
  // The worst that an operator may set: every statement with its parameters, every error with all that it quotes.
  const settings = {
    log_statement: "all",
    log_error_verbosity: "verbose",
    log_min_error_statement: "debug5",
    log_min_messages: "debug1",
    log_min_duration_statement: "0",
  };
  for (const [name, value] of Object.entries(settings)) {
    await query(postgres.url, `ALTER DATABASE canary SET ${name} = '${value}'`);
  }
  await query(databaseUrl, TABLE);
  await query(
    databaseUrl,
    `CREATE TYPE label AS ENUM ('a label', 'another');
     ALTER TABLE events ADD COLUMN wild text, ADD COLUMN message text, ADD COLUMN details jsonb, ADD COLUMN context jsonb,
       ADD COLUMN phone text, ADD COLUMN mac text, ADD COLUMN amount text, ADD COLUMN big text, ADD COLUMN born text,
       ADD COLUMN hop text, ADD COLUMN either text, ADD COLUMN label label, ADD COLUMN tags text[],
       ADD COLUMN prices numeric(9,2)[], ADD COLUMN took interval, ADD COLUMN channel text NOT NULL,
       ADD COLUMN tenant text NOT NULL, ADD COLUMN level integer NOT NULL DEFAULT 3`,
  );
  await query(databaseUrl, "CREATE INDEX ON events (indexed)");
  await query(databaseUrl, REFUSERS);
  await writeConfig("ignore");
  await well(["keys", "new"]);
  await well(["migrate", "--token-checks"]);
});

afterAll(async () => {
  await s3.stop();
  await postgres.stop();
  await rm(folder, { recursive: true });
});

describe("canaries in every field, key and error path", { timeout: 240_000 }, () => {
  it("go through every mask, every rejection reason and every command", async () => {
    for (let index = 0; index < 5; index += 1) await send(json({ [canaries.text()]: canaries.text() }));
    await send(json({ user_id: stored.text() }));
    const wanted = event();
    for (let index = 0; index < 3; index += 1) await send(JSON.stringify({ ...wanted, user_id: `u-${index}` }));
    await run();
    await writeConfig("quarantine");
    for (const body of Object.values(badBodies())) await send(body);
    // Whatever is wrong inside: of another type, on the way, or left beside what is masked.
    const secret = canaries.text();
    for (const context of [
      { id: { [secret]: secret } },
      { list: { [secret]: secret } },
      { list: [{ ip: secret }] },
      { nested: [secret] },
      { id: secret, note: `of ${secret}` },
      { id: secret, [secret]: 1 },
      { id: JSON.stringify({ first_name: secret }), list: [{ email: JSON.stringify({ a: secret }) }] },
    ]) {
      await send(json({ context }));
    }
    // Of another form or type, and what the event says in its own way in a column without a mask.
    const number030 = phone();
    const bornMs = epochMs();
    for (const fields of [
      { phone: secret },
      { mac: secret },
      { amount: secret },
      { big: secret },
      { born: secret },
      { hop: secret },
      { label: secret },
      { tags: secret },
      { tags: [secret, { [secret]: secret }] },
      { prices: [secret] },
      { took: "soon" },
      { level: secret },
      { channel: { [secret]: secret } },
      { phone: number030, user_id: `call ${number030}` },
      { born: Number(bornMs), tags: [bornMs] },
      { born: Number(bornMs), details: { at: Number(bornMs) } },
    ]) {
      await send(json(fields));
    }
    // What jsonb writes out in digits.
    const number = digits();
    await send(json({ ff1: number, details: "PLACE" }).replace('"PLACE"', `{"n":${Number(number).toExponential()}}`));
    await run();
    await writeConfig("quarantine", UNWRAP);
    for (const body of Object.values(badWrappings())) await send(body);
    for (const body of Object.values(badBodies())) await send(wrapped(body));
    await send(wrapped(JSON.stringify({ ...wanted, user_id: "u-3" })));
    await run();
    await piipe(["mask"], [...Object.values(badWrappings()), ...Object.values(badBodies()).map(wrapped)].join("\n"));
    await piipe(["quarantine", "replay", "--all"]);
    await writeConfig("quarantine", "s3, s3: { deleteObject: true }");
    await sendPointers([JSON.stringify({ ...wanted, user_id: "u-4" }), ...Object.values(badBodies())]);
    await run();
    for (const code of ["body.object-missing", "body.object-refused"]) {
      await piipe(["quarantine", "replay", "--code", code]);
    }
    await landInTables();
    await landTransformed();
    await writeConfig("quarantine");

    const reasons = await query<{ reason: string }>(databaseUrl, "SELECT DISTINCT reason FROM piipe.quarantine");
    expect(reasons.map(({ reason }) => reason).toSorted()).toStrictEqual(Object.keys(REJECTION_CODES).toSorted());
    for (const mask of MASK_NAMES) expect(COLUMNS).toContain(`mask: ${mask}`);
    const [row, fromWrapped, fromObject] = await query<Record<string, unknown>>(
      databaseUrl,
      "SELECT * FROM events WHERE user_id IN ('u-2', 'u-3', 'u-4') ORDER BY user_id",
    );
    for (const each of [row, fromWrapped, fromObject]) {
      expect(Object.keys(each ?? {})).toContain("h");
      for (const [name, value] of Object.entries(each ?? {})) {
        expect([name, value === null]).toEqual([name, name === "d"]);
      }
    }
    for (const each of [fromWrapped, fromObject]) {
      expect({ ...each, user_id: "u-2", attribute: null }).toEqual({ ...row, attribute: null });
    }
    expect(fromWrapped?.["attribute"]).not.toBe(row?.["attribute"]);

    await piipe(["mask"], [JSON.stringify(wanted), ...Object.values(badBodies())].join("\n"));
    await piipe(["check", "--json"]);
    await well(["duplicates", "--json"]);
    await well(["lookup", "h", "-", "--json"], String(wanted["h"]));
    await piipe(["lookup", "det", "-"], canaries.text());
    const { id: innerId } = wanted["context"] as { readonly id: string };
    const innerRow = row?.["context"] as { readonly id: string };
    const [withInner] = await query<{ rows: number }>(
      databaseUrl,
      `SELECT count(*)::integer AS rows FROM events WHERE context ->> 'id' = '${innerRow.id}'`,
    );
    expect(withInner?.rows).toBeGreaterThan(2);
    expect(JSON.parse(await well(["lookup", "context.id", "-", "--json"], innerId))).toMatchObject({ ...withInner });
    await well(["quarantine", "list", "--json"]);
    await piipe(["quarantine", "replay", "--all"]);
    // Of those that may print raw values only what goes to stderr is searched.
    const [entry] = await query<{ message_id: string }>(
      databaseUrl,
      "SELECT message_id FROM piipe.quarantine WHERE reason = 'field.missing'",
    );
    await well(["quarantine", "show", String(entry?.message_id)]);
    const opened = await runCli(["quarantine", "show", String(entry?.message_id), "--open", "--reason", "test"], {
      folder,
      environment,
    });
    expect(opened.stdout).toContain(canaries.marker);
    printed.push({ command: "quarantine show --open, stderr", text: opened.stderr });
    const revealed = await runCli(["reveal", "h", String(row?.["h"]), "--reason", "test"], { folder, environment });
    expect(revealed.stdout).toContain(wanted["h"]);
    printed.push({ command: "reveal, stderr", text: revealed.stderr });

    const innerRevealed = await runCli(["reveal", "context.id", innerRow.id, "--reason", "test"], {
      folder,
      environment,
    });
    expect(innerRevealed.stdout).toBe(`${innerId}\n`);
    printed.push({ command: "reveal of an inner mask, stderr", text: innerRevealed.stderr });

    await well(["keys", "add"]);
    await well(["migrate", "--token-checks"]);
    await well(["keys", "promote", "2"]);
    await writeConfig("ignore");
    await send(JSON.stringify({ ...wanted, user_id: "u-9" }));
    await send(json({}));
    await run();
    await well(["duplicates"]);
    await well(["erase", "h", "-", "--yes"], String(wanted["h"]));
    await well(["erase", "context.list[].email", "-", "--yes"], canaries.text());
    await well(["quarantine", "discard", "--all", "--yes"]);
  });

  it("are in no output of any command", () => {
    expect(printed.length).toBeGreaterThan(15);
    for (const { command, text } of printed) expect([command, canaries.find(Buffer.from(text))]).toEqual([command, []]);
  });

  it("are in no dump of the database", async () => {
    const dump = await dumpOf(databaseUrl);
    // The dump has what may be there.
    for (const text of ["u-1", "[redacted]", "h1_", "h2_", "leak.echo"]) expect(dump.includes(text)).toBe(true);
    expect(canaries.find(Buffer.from(dump))).toEqual([]);
  });

  it("are neither in PostgreSQL's own log nor in any file of its data folder", async () => {
    const log = await readFile(postgres.logFile);
    // It did log statements with their parameters, and errors.
    for (const text of ["u-0", "INSERT INTO", "Failing row contains"]) expect(log.includes(text)).toBe(true);
    await query(databaseUrl, "CHECKPOINT");
    // In the log and in the table's own file, whose name is a number.
    const found = (await stored.findInFolder(dirname(postgres.logFile))).join("\n");
    expect(found).toMatch(/^server\.log: plain text/m);
    expect(found).toMatch(/^\d+: plain text/m);
    expect(await canaries.findInFolder(dirname(postgres.logFile))).toEqual([]);
  });

  it("would be found, in every form", () => {
    const value = canaries.text();
    const bytes = Buffer.from(`before ${value} after`);
    const forms = [
      bytes,
      Buffer.from(bytes.toString("hex")),
      ...[0, 1, 2].map((offset) => Buffer.from(Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64"))),
    ];
    for (const form of forms) {
      expect(canaries.find(form)).not.toEqual([]);
      expect(canaries.find(Buffer.from(form.toString().replaceAll("+", "-").replaceAll("/", "_")))).not.toEqual([]);
    }
    for (const address of [ipv6(), time()]) {
      expect(canaries.find(Buffer.from(`?q=${encodeURIComponent(address)}&`))).not.toEqual([]);
      for (const byte of ["?", "??", "???"]) {
        expect(canaries.find(Buffer.from(Buffer.from(byte + address + byte).toString("base64url")))).not.toEqual([]);
      }
    }
    const digest = createHash("sha256").update(value).digest("hex");
    expect(canaries.find(Buffer.from(`00${digest.toUpperCase()}ff`))).toHaveLength(1);
  });
});

/** Through several tables, and what commands do over all of them. */
async function landInTables(): Promise<void> {
  await writeTables();
  await query(databaseUrl, ORDER_SCHEMA);
  await well(["migrate"]);
  const wanted = order("wanted");
  const card = canaries.text();
  await send(records(wanted, order("other", { who: wanted["who"], items: [{ card }, { card }] })));
  const bad = [...Object.values(badTableBodies()), ...badElements()];
  for (const body of bad) await send(body);
  await run();
  const [count] = await query<Record<string, number>>(
    databaseUrl,
    `SELECT (SELECT count(*)::integer FROM orders) AS orders, count(*)::integer AS items, count(gift_to)::integer AS gifts
     FROM order_items`,
  );
  expect(count).toEqual({ orders: 2, items: 4, gifts: 2 });
  await piipe(["mask"], [records(wanted), ...bad].join("\n"));
  await piipe(["check", "--json"]);
  expect(await well(["duplicates"])).toContain("orders.who: 1 value in 2 rows");
  const found = await well(["lookup", "who", "-", "--json"], String(wanted["who"]));
  expect(JSON.parse(found)).toMatchObject({ rows: 2 });
  await piipe(["lookup", "orders.context.ip", "-"], canaries.text());
  await well(["quarantine", "list", "--json"]);
  const pending = "SELECT message_id FROM piipe.quarantine WHERE reason IN ('event.unmatched', 'body.too-many-rows')";
  for (const { message_id: id } of await query<{ message_id: string }>(databaseUrl, pending)) {
    await piipe(["quarantine", "replay", id]);
  }
  await writeTables(`${ORDER_TABLES}\n      more: { type: text, nullable: true }`);
  await well(["migrate", "--add-columns"]);
  // It shows the names of fields, where these are plain.
  const fresh = {
    kind: "order",
    order_id: "fresh",
    who: canaries.text(),
    items: [{ gift_to: canaries.text(), fresh: canaries.text() }],
  };
  await piipe(["init", "--update", "--sample", "-"], JSON.stringify({ Records: [fresh] }));
  expect(printed.at(-1)?.text).toContain("left out: field fresh has no column in the table");
  expect(await well(["erase", "order_items.card", "-", "--yes", "--set-null"], card)).toContain(
    "Set what is masked to NULL",
  );
  expect(await well(["erase", "who", "-", "--yes"], String(wanted["who"]))).toMatch(
    /Deleted 2 rows of \S+orders, 4 rows of/,
  );
}

/** What is thrown in code may quote the event. */
async function landTransformed(): Promise<void> {
  for (const [name, value] of Object.entries(LOCAL_AWS)) vi.stubEnv(name, value);
  await send(json({}));
  const pipeline = definePipeline(
    {
      source: { sqs: { queue: queue.name, endpoint: sqs.endpoint } },
      sink: { postgres: { url: databaseUrl, table: "orders" } },
      quarantine: { haltAboveShare: 1 },
      columns: { order_id: { type: "text" }, who: { type: "text", mask: "hmac-sha256" } },
    },
    {
      transform(wanted) {
        throw new Error(`no ${JSON.stringify(wanted)}`);
      },
    },
  );
  const keysJson = await readFile(join(folder, "piipe.keys.json"), "utf8");
  const onEvent = (told: object): void => void printed.push({ command: "run in code", text: JSON.stringify(told) });
  expect(await pipeline.run({ untilEmpty: true, keysJson, onEvent })).toMatchObject({ quarantined: 1 });
  vi.unstubAllEnvs();
}

/** Every row of every table of the database, as COPY writes it. */
async function dumpOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_toast%'`,
    );
    const parts: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t`);
      parts.push(name, ...rows.map(({ row }) => row));
    }
    return parts.join("\n");
  } finally {
    await client.end();
  }
}
