import { resolve } from "node:path";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import { PiipeError } from "../errors.ts";
import { MASK_NAMES } from "../pipeline/contracts.ts";
import { columnsOf } from "./config.ts";
import type { Config } from "./config.ts";
import { parseConfig } from "./load-config.ts";
import type { PipelineConfig, pipelineConfigSchema } from "./schema.ts";
import { Secret } from "./secret.ts";

const MINIMAL = {
  source: { sqs: { queue: "login-queue" } },
  sink: { postgres: { url: "postgres://user:geheim@host/db", table: "audit.user_logins" } },
  columns: { user_id: { type: "text" } },
} as const satisfies PipelineConfig;

const parse = (input: unknown): Config => parseConfig(input, { baseFolder: "/etc/piipe" });

function problems(change: Readonly<Record<string, unknown>>): readonly string[] {
  return failure({ ...MINIMAL, ...change });
}

function failure(input: unknown): readonly string[] {
  const error = thrownBy(() => parse(input));
  expect(error).toBeInstanceOf(PiipeError);
  expect(error).toMatchObject({ code: "config.invalid", retryable: false });
  return (error as PiipeError).message.split("\n");
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return null;
}

const declared = (settings: object) => columnsOf(parse({ ...MINIMAL, ...settings }));
const sqs = (settings: object) => ({ source: { sqs: { queue: "q", ...settings } } });
const postgres = (settings: object) => ({ sink: { postgres: { ...MINIMAL.sink.postgres, ...settings } } });
const column = (settings: object) => ({ columns: { c: { type: "text", ...settings } } });
const inner = (masks: object) => ({ columns: { c: { type: "json", masks } } });

test("how a column is read is kept only where the configuration says something", () => {
  const columns = declared({
    columns: {
      a: { type: "timestamp", format: "sql", zone: "Europe/Berlin", cut: true, coerce: false },
      b: { type: "ip", take: "first", strip: "port", otherwise: null, nullable: true },
      c: { type: "text", value: "acme" },
      d: { type: "text[]", absent: "default", coerce: true },
      e: { type: "integer", default: 0 },
    },
  });
  expect(columns[0]).toMatchObject({ formats: ["sql"], zone: "Europe/Berlin", cut: true });
  expect(columns[0]).not.toHaveProperty("coerce");
  expect(columns[1]).toMatchObject({ take: "first", strip: "port", otherwise: null });
  expect(columns[2]).toMatchObject({ origin: { kind: "constant", value: "acme" }, from: "c", piiDetection: "off" });
  expect(columns[3]).toMatchObject({ absent: "default", coerce: true, piiDetection: "warn" });
  expect(columns[4]).toMatchObject({ fallback: 0 });
});

test("every default is filled in", () => {
  expect(parse(MINIMAL)).toStrictEqual({
    name: "user_logins",
    source: {
      sqs: { queue: "login-queue", region: null, endpoint: null, visibilityTimeoutSeconds: null },
      unwrap: [],
      each: null,
      s3: { endpoint: null, deleteObject: false },
    },
    sink: {
      postgres: {
        url: new Secret("postgres://user:geheim@host/db"),
        password: null,
        createTable: false,
        maxConnections: 4,
        settings: "transaction",
      },
    },
    keys: { file: null, secret: null, domain: "user_logins" },
    tables: [
      {
        name: { schema: "audit", name: "user_logins" },
        when: [],
        each: null,
        notPersonal: [],
        columns: [
          {
            name: "user_id",
            origin: { kind: "field", path: ["user_id"] },
            from: "user_id",
            type: "text",
            nullable: false,
            mask: null,
            digits: null,
            precision: null,
            keyVersion: null,
            reveal: false,
            piiDetection: "warn",
          },
        ],
      },
    ],
    unmatched: "quarantine",
    unknownFields: "ignore",
    dedupeBy: null,
    allowUnkeyed: false,
    batch: { rows: 1000, bytes: 4_194_304, lingerMs: 50 },
    quarantine: { haltAboveShare: 0.5 },
    warnings: [],
  });
});

test("a business id is a field, a path or an attribute", () => {
  const dedupeBy = (from: string | string[]): Config["dedupeBy"] => parse({ ...MINIMAL, dedupeBy: from }).dedupeBy;
  expect(dedupeBy("event_id")).toEqual({ from: "event_id", origin: { kind: "field", path: ["event_id"] } });
  expect(dedupeBy("order.id")).toEqual({ from: "order.id", origin: { kind: "field", path: ["order", "id"] } });
  const attribute = { kind: "attribute", name: "event-id" };
  const places = [
    { kind: "field", path: ["event_id"] },
    { kind: "field", path: ["ids", 0] },
  ];
  expect(dedupeBy(["event_id", "ids[0]"])).toEqual({ from: "event_id or ids[0]", origin: { kind: "first", places } });
  expect(dedupeBy("@attribute.event-id")).toEqual({ from: "@attribute.event-id", origin: attribute });
});

test("what is given stays", () => {
  const config = parse({
    name: "logins",
    source: {
      sqs: {
        queue: "arn:aws:sqs:eu-west-1:000000000000:login-queue.fifo",
        region: "eu-west-1",
        endpoint: "http://127.0.0.1:4566",
        visibilityTimeoutSeconds: 43_200,
      },
      unwrap: ["sns", "s3", "gzip"],
      s3: { endpoint: "http://127.0.0.1:9000", deleteObject: true },
    },
    sink: { postgres: { url: "postgresql://u@/db?host=/tmp", table: "t", createTable: true, maxConnections: 100 } },
    keys: { file: "./keys.json", domain: "shared" },
    columns: {
      "a.b": { type: "json", nullable: true },
      ip: { type: "ip", mask: "hmac-sha256", from: "net.ip" },
      tenant: { type: "text", from: "@attribute.tenant" },
      sku: { type: "text", from: ["items[0].sku", '"item.sku"', "@sns.subject"] },
    },
    unknownFields: "quarantine",
    allowUnkeyed: true,
    batch: { rows: 1, bytes: 1_048_576, lingerMs: 0 },
    quarantine: { haltAboveShare: 1 },
  } satisfies PipelineConfig);
  expect(config.source.sqs.queue).toBe("arn:aws:sqs:eu-west-1:000000000000:login-queue.fifo");
  expect(config.sink.postgres.url.reveal()).toBe("postgresql://u@/db?host=/tmp");
  expect(config).toMatchObject({
    name: "logins",
    source: {
      sqs: { region: "eu-west-1", endpoint: "http://127.0.0.1:4566", visibilityTimeoutSeconds: 43_200 },
      unwrap: ["sns", "s3", "gzip"],
      s3: { endpoint: "http://127.0.0.1:9000", deleteObject: true },
    },
    sink: { postgres: { createTable: true, maxConnections: 100 } },
    keys: { file: resolve("/etc/piipe/keys.json"), secret: null, domain: "shared" },
    tables: [
      {
        name: { schema: null, name: "t" },
        notPersonal: [],
        columns: [
          { name: "a.b", from: "a.b", origin: { kind: "field", path: ["a.b"] }, nullable: true },
          { name: "ip", from: "net.ip", origin: { kind: "field", path: ["net", "ip"] }, mask: "hmac-sha256" },
          { name: "tenant", origin: { kind: "attribute", name: "tenant" } },
          {
            name: "sku",
            from: 'items[0].sku or "item.sku" or @sns.subject',
            origin: {
              kind: "first",
              places: [
                { kind: "field", path: ["items", 0, "sku"] },
                { kind: "field", path: ["item.sku"] },
                { kind: "metadata", name: "sns.subject" },
              ],
            },
          },
        ],
      },
    ],
    unknownFields: "quarantine",
    allowUnkeyed: true,
    batch: { rows: 1, bytes: 1_048_576, lingerMs: 0 },
    quarantine: { haltAboveShare: 1 },
    warnings: [],
  });
});

test("one step of unwrapping needs no list", () => {
  expect(parse({ ...MINIMAL, source: { ...MINIMAL.source, unwrap: "sns" } }).source.unwrap).toEqual(["sns"]);
});

test.each(["\n", "\r\n"])("leaves out the line's end of a URL that was read from a file: %j", (end) => {
  const url = "postgres://u:p@h/db?sslmode=require";
  const { sink } = parse({ ...MINIMAL, ...postgres({ url: `${url}${end}` }) });
  expect(sink.postgres.url.reveal()).toBe(url);
});

test.each([
  [{ type: "text" }, "warn"],
  [{ type: "json" }, "warn"],
  [{ type: "version" }, "off"],
  [{ type: "text", mask: "redact" }, "off"],
  [{ type: "text", piiDetection: "quarantine" }, "quarantine"],
  // What the producer gives, and what the queue makes.
  [{ type: "text", from: "@attribute.tenant" }, "warn"],
  [{ type: "text", from: "@group_id" }, "warn"],
  [{ type: "text", from: "@message_id" }, "off"],
  [{ type: "text", from: "@sent_at" }, "off"],
  [{ type: "text", from: ["@sent_at", "@received_at"] }, "off"],
  [{ type: "text", from: ["time", "@sent_at"] }, "warn"],
] as const)("%j has `piiDetection: %s`", (settings, piiDetection) => {
  expect(declared({ columns: { c: settings } })).toMatchObject([{ piiDetection }]);
});

test("the keys' domain is the pipeline's name, else the table's", () => {
  expect(parse({ ...MINIMAL, name: "n" }).keys.domain).toBe("n");
  expect(parse({ ...MINIMAL, name: "n", keys: { domain: "d" } })).toMatchObject({ name: "n", keys: { domain: "d" } });
});

test("the result is frozen to its depths, and does not print the URL", () => {
  const config = parse(MINIMAL);
  const [table] = config.tables;
  const [first] = columnsOf(config);
  for (const part of [
    config,
    config.source.sqs,
    config.tables,
    table,
    table?.name,
    table?.columns,
    first,
    first?.origin,
  ]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
  expect(JSON.stringify(config)).not.toContain("geheim");
});

test("the input is left as it was", () => {
  const input = structuredClone(MINIMAL);
  parse(input);
  expect(input).toStrictEqual(MINIMAL);
  expect(Object.isFrozen(input.source)).toBe(false);
});

test("sha256 with allowUnkeyed warns", () => {
  const columns = { ip: { type: "ip", mask: "sha256" }, id: { type: "text", mask: "sha256" }, x: { type: "text" } };
  expect(parse({ ...MINIMAL, columns, allowUnkeyed: true }).warnings).toStrictEqual([
    "mask sha256 has no key (ip, id): every IPv4 address was recovered from its bare SHA-256 in 162 s on one core. Use hmac-sha256 where you can.",
  ]);
});

describe("what is wrong and what would be right", () => {
  const QUEUE = "it must be a queue's name, URL or ARN";
  const URL_TEXT =
    "it must be a URL that begins with postgres:// or postgresql://, special characters in its password percent-encoded";
  const ENDPOINT = "source.sqs.endpoint is wrong; it must be an http or https URL without user and password";
  const TABLE = "it must be table or schema.table, each part at most 63 bytes";
  const TOP =
    "the keys here are name, source, sink, keys, columns, tables, unmatched, unknownFields, dedupeBy, allowUnkeyed, batch, quarantine";
  const MASKS = `it must be one of ${MASK_NAMES.join(", ")}`;
  const DOMAIN = "it must be 1 to 128 characters, without / and control characters";

  const BUSINESS_ID = "a field, a path such as order.id, or @attribute.NAME";

  type Case = readonly [Record<string, unknown>, ...string[]];
  const cases: readonly Case[] = [
    [sqs({ queue: undefined }), "source.sqs.queue is missing; give a queue's name, URL or ARN"],
    [sqs({ queue: "" }), `source.sqs.queue is empty; ${QUEUE}`],
    [sqs({ queue: 7 }), "source.sqs.queue is a whole number; put it in quotes; it must be a queue's name, URL or ARN"],
    [sqs({ queue: "a b" }), `source.sqs.queue is wrong; ${QUEUE}`],
    [sqs({ queue: "q".repeat(81) }), `source.sqs.queue is wrong; ${QUEUE}`],
    [sqs({ queue: "arn:aws:sns:eu-west-1:000000000000:q" }), `source.sqs.queue is wrong; ${QUEUE}`],
    [sqs({ queue: "https://u:p@sqs.example/1/q" }), `source.sqs.queue is wrong; ${QUEUE}`],
    [sqs({ queue: "https://sqs.example/" }), `source.sqs.queue is wrong; ${QUEUE}`],
    [sqs({ queue: "ftp://sqs.example/1/q" }), `source.sqs.queue is wrong; ${QUEUE}`],
    [sqs({ region: "eu west" }), "source.sqs.region is wrong; it must be the name of an AWS region"],
    [sqs({ endpoint: "localhost:4566" }), ENDPOINT],
    [sqs({ endpoint: "http://" }), ENDPOINT],
    [sqs({ endpoint: "http://u:geheim@h" }), ENDPOINT],
    [
      sqs({ visibilityTimeoutSeconds: 1 }),
      "source.sqs.visibilityTimeoutSeconds is too small; it must be a whole number of seconds from 2 to 43200",
    ],
    [{ sink: undefined }, "sink is missing; give a mapping with the key postgres"],
    [postgres({ url: "mysql://u:geheim@h/db" }), `sink.postgres.url is wrong; ${URL_TEXT}`],
    [postgres({ url: "postgres://u:ge/heim@h/db" }), `sink.postgres.url is wrong; ${URL_TEXT}`],
    [postgres({ table: "a.b.c" }), `sink.postgres.table is wrong; ${TABLE}`],
    [postgres({ table: "t".repeat(64) }), `sink.postgres.table is wrong; ${TABLE}`],
    [
      postgres({ table: "a/b" }),
      "sink.postgres.table cannot name the keys' domain, which needs 1 to 128 characters, without / and control characters; give the pipeline a name",
    ],
    [
      postgres({ createTable: "yes", maxConnections: 101 }),
      "sink.postgres.createTable is text; it must be true or false",
      "sink.postgres.maxConnections is too large; it must be a whole number of connections from 1 to 100",
    ],
    [
      postgres({ url: "postgres://u@h/db", password: "geheim" }),
      "sink.postgres.password is none of the known; it must be iam, or a mapping with the key file or secret",
    ],
    [
      postgres({ url: "postgres://u@h/db", password: {} }),
      "sink.postgres.password names no place, or two; it must have the key file or the key secret",
    ],
    [
      postgres({
        url: "postgres://u@h/db",
        password: { file: "f", secret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf" },
      }),
      "sink.postgres.password names no place, or two; it must have the key file or the key secret",
    ],
    [
      postgres({ url: "postgres://u@h/db", password: { secret: "db" } }),
      "sink.postgres.password.secret is wrong; it must be the ARN of a secret in AWS Secrets Manager",
    ],
    [
      postgres({ url: "postgres://u:geheim@h/db", password: "iam" }),
      "sink.postgres.password is there beside the password of sink.postgres.url; remove one of them",
    ],
    [{ name: "a/b" }, `name is wrong; ${DOMAIN}`],
    [{ keys: { domain: "a\n" } }, `keys.domain is wrong; ${DOMAIN}`],
    [
      { keys: { file: "f", secret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys-AbCdEf" } },
      "keys.secret is there beside keys.file; remove one of them",
    ],
    [
      { keys: { secret: "arn:aws:s3:::keys" } },
      "keys.secret is wrong; it must be the ARN of a secret in AWS Secrets Manager",
    ],
    [{ keys: { file: "" } }, "keys.file is empty; it must be the path of a keyring file"],
    [
      { keys: null },
      "keys is empty; give a mapping with the keys file, secret and domain, or remove the key where it is optional",
    ],
    [{ columns: [] }, "columns is a list; it must be a mapping with a key for each column"],
    [{ columns: {} }, "columns has no columns; it must have one or more"],
    [
      { columns: { ["c".repeat(64)]: { type: "text" } } },
      "a column's name is wrong; it must be 1 to 63 bytes long, without a zero byte",
    ],
    [
      { columns: { ["__proto__"]: { type: "text" }, a: { type: "text" } } },
      "columns.__proto__ is no possible column; give the column another name",
    ],
    [
      column({ type: undefined }),
      "columns.c.type is missing; give one of text, integer, number, decimal, boolean, timestamp, date, uuid, ip, version, phone, mac, json, text[], integer[], number[], decimal[], boolean[], uuid[], timestamp[], date[]",
    ],
    [
      column({ type: "string" }),
      "columns.c.type is none of the known; it must be one of text, integer, number, decimal, boolean, timestamp, date, uuid, ip, version, phone, mac, json, text[], integer[], number[], decimal[], boolean[], uuid[], timestamp[], date[]",
    ],
    [
      { columns: { "a b.c": { type: "jsn" } } },
      'columns["a b.c"].type is none of the known; did you mean json? It must be one of text, integer, number, decimal, boolean, timestamp, date, uuid, ip, version, phone, mac, json, text[], integer[], number[], decimal[], boolean[], uuid[], timestamp[], date[]',
    ],
    [
      column({ from: "@sentat" }),
      "columns.c.from names unknown metadata; it must be one of @message_id, @sent_at, @received_at, @group_id, @sns.topic, @sns.subject, @sns.timestamp, @sns.message_id, @index, @attribute.NAME, or in double quotes a field that begins with @",
    ],
    [
      column({ from: "a..b" }),
      "columns.c.from has an empty part (part 2); it must be a field, or a path such as device.os.name",
    ],
    [
      column({ from: "items[-1].sku" }),
      "columns.c.from has no possible index in part 1; an index is a whole number from 0 in brackets, as in items[0].sku",
    ],
    [
      column({ from: 5 }),
      "columns.c.from is a whole number; put it in quotes; it must be a field, a path or a piece of metadata",
    ],
    [
      column({ from: [] }),
      "columns.c.from has too few elements; it must be a list of one or more, each a field, a path or a piece of metadata",
    ],
    [
      column({ from: ["a", "b..c", "@sentat", 5] }),
      "columns.c.from[1] has an empty part (part 2); it must be a field, or a path such as device.os.name",
      "columns.c.from[2] names unknown metadata; it must be one of @message_id, @sent_at, @received_at, @group_id, @sns.topic, @sns.subject, @sns.timestamp, @sns.message_id, @index, @attribute.NAME, or in double quotes a field that begins with @",
      "columns.c.from[3] is a whole number; put it in quotes; it must be a field, a path or a piece of metadata",
    ],
    [
      column({ from: ["day", "@sent_at"], type: "ip" }),
      "columns.c.type does not suit this metadata; it must be timestamp or date or text",
    ],
    [
      column({ from: ["id", "@sns.message_id"] }),
      "columns.c.from names metadata of SNS, and source.unwrap has no sns; add it there, or take the field of the event",
    ],
    [
      { source: { sqs: { queue: "q" }, unwrap: "sn" } },
      "source.unwrap is none of the known; did you mean sns? It must be one of sns, s3, base64, gzip, json, lines",
    ],
    [
      { source: { sqs: { queue: "q" }, unwrap: ["sns", "zip", 5] } },
      "source.unwrap[1] is none of the known; did you mean gzip? It must be one of sns, s3, base64, gzip, json, lines",
      "source.unwrap[2] is a whole number; it must be one of sns, s3, base64, gzip, json, lines",
    ],
    [
      { source: { sqs: { queue: "q" }, unwrap: ["sns", "sns"] } },
      "source.unwrap names sns twice; it must name it once at most",
    ],
    ...[
      ["gzip", "s3"],
      ["sns", "json", "s3"],
      ["s3", "sns", "s3"],
    ].map(
      (unwrap, index) =>
        [
          { source: { sqs: { queue: "q" }, unwrap } },
          index === 2
            ? "source.unwrap names s3 twice; it must name it once at most"
            : "source.unwrap has s3 behind another step than sns; s3 must stand first, or behind sns alone",
        ] as const,
    ),
    [
      { source: { sqs: { queue: "q" }, unwrap: "sns", s3: {} } },
      "source.s3 is for `unwrap: s3`, which source has not; add s3 to source.unwrap, or remove source.s3",
    ],
    [
      { source: { sqs: { queue: "q" }, unwrap: "s3", s3: { endpoint: "minio:9000", deleteObject: "yes", keep: 1 } } },
      "source.s3.endpoint is wrong; it must be an http or https URL without user and password",
      "source.s3.deleteObject is text; it must be true or false",
      "unknown key keep in source.s3; the keys here are endpoint, deleteObject",
    ],
    [
      { source: { sqs: { queue: "q" }, unwrap: Array(7).fill("json") } },
      "source.unwrap is too long; it must have 6 steps at most",
    ],
    ...(["ipcrypt-deterministic", "ipcrypt-pfx"] as const).map(
      (mask) => [column({ mask }), `columns.c.type is none that ${mask} can mask; it must be ip`] as const,
    ),
    [
      column({ mask: "generalize", type: "date" }),
      "columns.c.type is none that generalize can mask; it must be ip or timestamp",
    ],
    [
      column({ mask: "fpe-ff1" }),
      "columns.c.mask is fpe-ff1, which needs to know how many digits the values have; add digits, such as digits: 9",
    ],
    [
      column({ mask: "fpe-ff1", digits: 5 }),
      "columns.c.digits gives a domain of fewer than 1,000,000 values, which NIST SP 800-38G forbids; it must be a whole number from 6 to 56",
    ],
    [column({ mask: "fpe-ff1", digits: 57 }), "columns.c.digits is too large; it must be a whole number from 6 to 56"],
    [column({ digits: 9 }), "columns.c.digits goes with mask: fpe-ff1 only; remove it"],
    [
      column({ mask: "generalize", type: "ip", precision: "hour" }),
      "columns.c.precision goes with mask: generalize of a timestamp only; remove it",
    ],
    [
      column({ mask: "generalize", type: "timestamp", precision: "minute" }),
      "columns.c.precision is none of the known; it must be one of hour, day",
    ],
    [
      column({ mask: "hmac-sha256", keyVersion: 1 }),
      "columns.c.keyVersion goes with ipcrypt-deterministic, ipcrypt-pfx, fpe-ff1 only; remove it",
    ],
    [
      column({ mask: "ipcrypt-pfx", type: "ip", keyVersion: 0 }),
      "columns.c.keyVersion is too small; it must be the number of a key version, from 1 to 9999",
    ],
    [column({ reveal: true }), "columns.c.reveal goes with hmac-sha256, hmac-over-sha256, sha256 only; remove it"],
    [
      column({ mask: "aes-siv", reveal: true }),
      "columns.c.reveal goes with hmac-sha256, hmac-over-sha256, sha256 only; remove it",
    ],
    [
      column({ mask: "hmac-sha256", piiDetection: "off" }),
      "columns.c.piiDetection is for columns without a mask; remove it",
    ],
    ...["ff3", "ff3-1"].map(
      (mask) =>
        [column({ mask }), `columns.c.mask names ${mask}, which NIST has withdrawn as insecure; ${MASKS}`] as const,
    ),
    [
      column({ mask: "hmac-sha265" }),
      `columns.c.mask is none of the known; did you mean hmac-sha256? It must be ${MASKS.replace("it must be ", "")}`,
    ],
    [
      column({ mask: "sha256" }),
      "columns.c.mask is sha256, which has no key: every IPv4 address was recovered from its bare SHA-256 in 162 s on one core; use hmac-sha256, or accept that with allowUnkeyed: true at the top",
    ],
    [
      column({ type: "json", mask: "hmac-sha256" }),
      "columns.c.mask cannot mask json as a whole; name what is personal in it in masks, or give it columns of its own",
    ],
    [
      column({ type: "ip", from: "@sent_at" }),
      "columns.c.type does not suit this metadata; it must be timestamp or date or text",
    ],
    [
      { columns: { m: { from: "d.ip", type: "ip", mask: "hmac-sha256" }, c: { from: "d.ip", type: "text" } } },
      "columns.c would store unmasked what another column masks; mask it too, or remove it",
    ],
    [
      { columns: { m: { from: "d.ip", type: "ip", mask: "hmac-sha256" }, d: { type: "json" } } },
      "columns.d would store unmasked what another column masks; mask it too, or remove it",
    ],
    [column({ key: "email" }), "columns.c.key goes with a mask only; remove it"],
    [
      column({ mask: "hmac-sha256", key: "" }),
      "columns.c.key is empty; it must be 1 to 320 bytes, without control characters",
    ],
    [
      column({ masks: { ip: "redact" } }),
      "columns.c.masks goes with type: json only; remove it, or mask the whole column with mask",
    ],
    [inner({}), "columns.c.masks has no paths; name one, or remove masks"],
    [
      inner({ "a[0].b": "redact" }),
      'columns.c.masks["a[0].b"] has an index; write [] for each element of an array: a single one cannot be masked alone',
    ],
    [
      inner({ ip: "hmac-sh256" }),
      `columns.c.masks.ip is none of the known; did you mean hmac-sha256? It must be ${MASKS.replace("it must be ", "")}`,
    ],
    [inner({ ip: 5 }), `columns.c.masks.ip is a whole number; ${MASKS}`],
    [inner({ ip: { type: "ip" } }), `columns.c.masks.ip.mask is missing; give ${MASKS.replace("it must be ", "")}`],
    [
      inner({ ip: { mask: "redact", from: "x" } }),
      "unknown key from in columns.c.masks.ip; the keys here are mask, type, key, digits, precision, keyVersion, reveal, echo",
    ],
    [
      inner({ n: { mask: "fpe-ff1" } }),
      "columns.c.masks.n.mask is fpe-ff1, which needs to know how many digits the values have; add digits, such as digits: 9",
    ],
    [
      inner({ ip: "sha256" }),
      "columns.c.masks.ip is sha256, which has no key: every IPv4 address was recovered from its bare SHA-256 in 162 s on one core; use hmac-sha256, or accept that with allowUnkeyed: true at the top",
    ],
    ...(["a", "a.b", "a.b.c", "a[]", '"a".b'] as const).map((path): Case => [
      inner({ "a.b": "redact", ...(path === "a.b" ? { '"a"."b"': "redact" } : { [path]: "redact" }) }),
      `columns.c.masks[${JSON.stringify(path === "a.b" ? '"a"."b"' : path)}] leads to the same value as a.b, into it, or where it cannot be; keep one of the two`.replace(
        '["a"]',
        ".a",
      ),
    ]),
    [
      { columns: { c: { type: "json", masks: { ip: "redact" } }, ip: { from: "c.ip", type: "text" } } },
      "columns.ip would store unmasked what another column masks; mask it too, or remove it",
    ],
    [
      {
        columns: { c: { type: "json", masks: { "d[].id": "redact" } }, id: { from: ["x", "c.d[0].id"], type: "text" } },
      },
      "columns.id would store unmasked what another column masks; mask it too, or remove it",
    ],
    [
      { columns: { c: { type: "json", masks: { ip: "redact" } }, d: { from: "c", type: "json" } } },
      "columns.d would store unmasked what another column masks; mask it too, or remove it",
    ],
    [
      {
        columns: { c: { type: "json", masks: { ip: "redact" } }, "c.ip": { from: "x", type: "text", mask: "redact" } },
      },
      "columns.c.masks.ip would have the key of another column, which is called c.ip as well; give it a key of its own with key",
    ],
    [
      { columns: { a: { type: "json", masks: { "b.c": "redact" } }, "a.b": { type: "json", masks: { c: "redact" } } } },
      'columns["a.b"].masks.c would have the key of another column, which is called a.b.c as well; give it a key of its own with key',
    ],
    [
      {
        columns: {
          email: { type: "text", mask: "hmac-sha256" },
          c: { type: "json", masks: { to: { mask: "aes-siv", key: "email" } } },
        },
      },
      "columns.c.masks.to.key is shared with email, which has another mask; columns that share a key must have the same mask, type, keyVersion, digits",
    ],
    [
      {
        columns: {
          a: { type: "ip", mask: "hmac-sha256", key: "b" },
          b: { type: "text", mask: "hmac-sha256" },
        },
      },
      "columns.a.key is shared with b, which has another type; columns that share a key must have the same mask, type, keyVersion, digits",
    ],
    [
      {
        columns: {
          m: { from: ["a[0].ip", "ip"], type: "ip", mask: "hmac-sha256" },
          c: { from: ["x", "a[0]"], type: "json" },
        },
      },
      "columns.c would store unmasked what another column masks; mask it too, or remove it",
    ],
    [
      column({ sealed: true }),
      "unknown key sealed in columns.c; the keys here are from, value, type, coerce, format, zone, cut, default, absent, region, strip, take, otherwise, mask, masks, key, digits, precision, keyVersion, reveal, piiDetection, echo, nullable",
    ],
    [column({ coerce: "yes" }), "columns.c.coerce is text; it must be true or false"],
    [
      column({ type: "uuid", coerce: true }),
      "columns.c.coerce goes with type text, integer, number, boolean, timestamp, date only; remove it",
    ],
    [column({ format: "epoch-ms" }), "columns.c.format goes with type timestamp, date only; remove it"],
    [
      column({ type: "timestamp", format: "epoch" }),
      "columns.c.format is none of the known; did you mean epoch-s? It must be one of rfc3339, epoch-s, epoch-ms, epoch-us, sql, or a list of some",
    ],
    [
      column({ type: "timestamp", format: ["epoch-s", "epoch-ms"] }),
      "columns.c.format has several epochs, which nothing tells apart; it must have one of them at most",
    ],
    [
      column({ type: "timestamp", format: ["rfc3339", "sql"] }),
      "columns.c.format is sql, whose times have no zone; add one, such as zone: Europe/Berlin or zone: UTC",
    ],
    [
      column({ type: "timestamp[]", format: "sql" }),
      "columns.c.format is sql, which goes with single values only; remove it",
    ],
    [
      column({ type: "timestamp", from: "@sent_at", format: "epoch-ms" }),
      "columns.c.format is of what an event holds, and the queue's times have their own; remove it",
    ],
    [column({ type: "timestamp", zone: "UTC" }), "columns.c.zone goes with format: sql only; remove it"],
    ...["Europe/Atlantis", "+01:00", "", "../etc"].map((zone): Case => [
      column({ type: "timestamp", format: "sql", zone }),
      `columns.c.zone is ${zone === "" ? "empty" : "wrong"}; it must be the name of a zone, such as Europe/Berlin or UTC`,
    ]),
    [column({ type: "integer", cut: true }), "columns.c.cut goes with type timestamp, number, decimal only; remove it"],
    [column({ region: "DE" }), "columns.c.region goes with type phone only; remove it"],
    [
      column({ type: "phone", region: "Germany" }),
      "columns.c.region is wrong; it must be the two capital letters of a country, such as DE or US",
    ],
    [column({ strip: "port" }), "columns.c.strip goes with type ip only; remove it"],
    [column({ type: "ip", strip: "path" }), "columns.c.strip is none of the known; it must be port"],
    [column({ take: "first" }), "columns.c.take goes with type ip only; remove it"],
    [
      column({ type: "ip", otherwise: null }),
      "columns.c.otherwise is null, and the column takes none; add nullable: true",
    ],
    [column({ absent: "null" }), "columns.c.absent is none of the known; it must be default"],
    [column({ default: "a", absent: "default" }), "columns.c.absent goes without default; remove one of them"],
    [column({ default: "a", nullable: true }), "columns.c.default fills in for null; remove nullable"],
    [column({ absent: "default", nullable: true }), "columns.c.absent fills in for null; remove nullable"],
    [
      column({ default: "a", mask: "hmac-sha256" }),
      "columns.c.default goes without a mask; remove it, or let nullable: true store NULL",
    ],
    [column({ value: "a", from: "b" }), "columns.c.value goes without from; remove one of them"],
    [column({ value: [] }), "columns.c.value is a list; it must be a text, a number, true or false"],
    [column({ type: "json", default: "{}" }), "columns.c.default goes with types of single values only; remove it"],
    [column({ type: "text[]", mask: "hmac-sha256" }), "columns.c.mask cannot mask an array; use type: json with masks"],
    [column({ nulable: true }), "unknown key nulable in columns.c; did you mean nullable?"],
    [{ dedupeBye: "id" }, "unknown key dedupeBye at the top; did you mean dedupeBy?"],
    [{ dedupeBy: 5 }, `dedupeBy is a whole number; put it in quotes; it must be ${BUSINESS_ID}`],
    [{ dedupeBy: "" }, `dedupeBy is empty; it must be ${BUSINESS_ID}`],
    [
      { dedupeBy: "order..id" },
      "dedupeBy has an empty part (part 2); it must be a field, or a path such as device.os.name",
    ],
    ...["@message_id", "@sent_at", "@received_at", "@group_id", "@id"].map((from): Case => [
      { dedupeBy: from },
      `dedupeBy names metadata, which is another when an event is sent again, or the same for many; it must be ${BUSINESS_ID}`,
    ]),
    [
      { dedupeBy: "@attribute.a b" },
      "dedupeBy names no possible message attribute; after @attribute. it must have 1 to 256 letters, digits, _ - or periods",
    ],
    [
      { dedupeBy: ["id", "@sent_at"] },
      `dedupeBy[1] names metadata, which is another when an event is sent again, or the same for many; it must be ${BUSINESS_ID}`,
    ],
    [{ dedupeBy: ["a".repeat(133), "b".repeat(131)] }, "dedupeBy is wrong; it must be at most 267 bytes long"],
    [{ dedupeBy: "a".repeat(268) }, "dedupeBy is wrong; it must be at most 267 bytes long"],
    [{ piiDetection: "warn" }, `unknown key piiDetection at the top; ${TOP}`],
    [{ "postgres://u:geheim@h/db": 1 }, `unknown key at the top; ${TOP}`],
    [{ unknownFields: "reject" }, "unknownFields is none of the known; it must be one of ignore, quarantine"],
    [
      { batch: { rows: 1.5, bytes: 1000, lingerMs: -1 } },
      "batch.rows is a number with a fraction; it must be a whole number of rows from 1 to 10000",
      "batch.bytes is too small; it must be a whole number of bytes from 1048576 to 67108864",
      "batch.lingerMs is too small; it must be a whole number of milliseconds from 0 to 60000",
    ],
    [
      { quarantine: { haltAboveShare: 0 } },
      "quarantine.haltAboveShare is too small; it must be a number above 0, up to 1",
    ],
    [
      { quarantine: { haltAboveShare: Number.NaN } },
      "quarantine.haltAboveShare is no finite number; it must be a number above 0, up to 1",
    ],
  ];
  test.each(cases.map(([change, ...lines]) => ({ change, lines })))("$change", ({ change, lines }) => {
    expect(problems(change)).toStrictEqual(lines);
  });

  test.each<readonly [unknown, string]>([
    [null, "the configuration is empty; give a mapping with the keys source, sink and columns"],
    [[], "the configuration is a list; it must be a mapping with the keys source, sink and columns"],
    [undefined, "the configuration is missing; give a mapping with the keys source, sink and columns"],
  ])("%j is no configuration", (input, line) => {
    expect(failure(input)).toStrictEqual([line]);
  });

  test("all problems are found at once, also those across settings", () => {
    const lines = failure({
      sink: { postgres: { url: 5 } },
      columns: { a: { type: "x" }, b: { type: "ip", mask: "sha256" } },
    });
    expect(lines.map((line) => line.split(" ", 1)[0])).toStrictEqual([
      "source",
      "sink.postgres.url",
      "columns.a.type",
      "sink.postgres.table",
      "columns.b.mask",
    ]);
  });

  test("after twenty problems the rest is counted", () => {
    const columns = Object.fromEntries(Array.from({ length: 23 }, (_, index) => [`c${index}`, {}]));
    const lines = problems({ columns });
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe("… and 3 more");
  });
});

test("a mask inside a json column is a column with a place, named by the column and the path", () => {
  const columns = {
    ip: { from: "context.ip", type: "ip", mask: "hmac-sha256" },
    ctx: {
      from: "context",
      type: "json",
      masks: { ip: { type: "ip", mask: "hmac-sha256", key: "ip" }, '"d.s"[]."id"': "redact" },
    },
  };
  const [, ctx] = declared({ columns });
  expect(ctx).toMatchObject({ mask: null, piiDetection: "warn" });
  expect(ctx?.masks).toMatchObject([
    { name: "ctx.ip", from: "context.ip", key: "ip", type: "ip", inside: { column: "ctx", path: ["ip"] } },
    {
      name: 'ctx."d.s"[].id',
      from: 'context."d.s"[].id',
      type: "text",
      mask: "redact",
      nullable: true,
      reveal: false,
      inside: { column: "ctx", path: ["d.s", null, "id"] },
    },
  ]);
});

test("the generated type is the schema's input", () => {
  expectTypeOf<PipelineConfig>().toEqualTypeOf<z.input<typeof pipelineConfigSchema>>();
});

test("the type refuses what the schema refuses", () => {
  const { source, sink } = MINIMAL;
  const wrong: readonly PipelineConfig[] = [
    // @ts-expect-error an unknown type
    { source, sink, columns: { a: { type: "string" } } },
    // @ts-expect-error a mask that NIST has withdrawn
    { source, sink, columns: { a: { type: "text", mask: "ff3" } } },
    // @ts-expect-error an unknown key
    { source, sink, columns: { a: { type: "text", nulable: true } } },
    // @ts-expect-error text for a number
    { source, sink, columns: { a: { type: "text" } }, batch: { rows: "5" } },
  ];
  for (const input of wrong) expect(failure(input)).toHaveLength(1);
});
