import { describe, expect, test } from "vitest";
import { keyringOf } from "../../tests/support/keyring-of.ts";
import { decoderOf, maskOf, type FlatMasked } from "../../tests/support/one-table.ts";
import { testDelivery } from "../../tests/support/test-delivery.ts";
import { columnsOf } from "../config/config.ts";
import { parseConfig } from "../config/load-config.ts";
import type { PipelineConfig } from "../config/pipeline-config.ts";
import type { Rejection, Result } from "../pipeline/contracts.ts";

/** What the columns make of an event. */
function pipelineOf(columns: PipelineConfig["columns"], states = { 1: "primary" } as const) {
  const config = parseConfig(
    {
      source: { sqs: { queue: "orders" } },
      sink: { postgres: { url: "postgres://localhost/db", table: "orders" } },
      columns,
    },
    { baseFolder: "/" },
  );
  const decode = decoderOf(columnsOf(config), new Map(), { unknownFields: "ignore" });
  const mask = maskOf(columnsOf(config), {
    keyring: keyringOf(states),
    domain: config.keys.domain,
    seal: (text, context) => Buffer.from(`${context}: ${text}`),
  });
  return (event: object | string): Result<FlatMasked, Rejection> => {
    const body = typeof event === "string" ? event : JSON.stringify(event);
    const decoded = decode(testDelivery(body));
    return decoded.ok ? mask(decoded.value) : decoded;
  };
}

function stored(result: Result<FlatMasked, Rejection>): FlatMasked {
  if (!result.ok) throw new Error(`${result.error.code} ${result.error.path ?? ""}`);
  return result.value;
}

const HMAC = "hmac-sha256";

test("tokens are those of a column with the same key, and of no other", () => {
  const values = stored(
    pipelineOf({
      email: { type: "text", mask: HMAC },
      other: { from: "email", type: "text", mask: HMAC },
      shared: { from: "email", type: "text", mask: HMAC, key: "context.to[]" },
      context: { type: "json", masks: { to: { mask: HMAC, key: "email" }, "cc[]": { mask: HMAC, key: "email" } } },
      again: { from: "context", type: "json", masks: { to: HMAC, "cc[]": HMAC } },
    })({ email: "jane@example.com", context: { to: "Jane@Example.com", cc: ["jane@example.com"] } }),
  ).values;
  const [email, other, , context, again] = values;
  expect(JSON.parse(String(context))).toEqual({ to: email, cc: [email] });
  const tokens = new Set([email, other, (JSON.parse(String(again)) as { to: string }).to]);
  expect(tokens.size).toBe(3);
});

test("links and originals are noted under the key, for each value", () => {
  const mask = pipelineOf(
    { context: { type: "json", masks: { "d[].id": { mask: HMAC, reveal: true }, x: { mask: HMAC, key: "x" } } } },
    { 1: "linking", 2: "primary" } as never,
  );
  const { values, links, originals } = stored(mask({ context: { d: [{ id: "a b 1" }, { id: "c d 2" }], x: "y z 3" } }));
  const tokens = String(values[0]).match(/h2_[\w-]{43}/g) ?? [];
  expect(links.map(({ column, newToken }) => [column, newToken])).toEqual([
    ["context.d[].id", tokens[0]],
    ["context.d[].id", tokens[1]],
    ["x", tokens[2]],
  ]);
  expect(originals.map(({ column, token, sealed }) => [column, token, String(sealed)])).toEqual([
    ["context.d[].id", tokens[0], "vault/context.d[].id: a b 1"],
    ["context.d[].id", tokens[1], "vault/context.d[].id: c d 2"],
  ]);
});

test("numbers and booleans are masked as their text, and generalized values stay readable", () => {
  const mask = pipelineOf({
    n: { type: "integer", mask: HMAC, key: "n" },
    c: {
      type: "json",
      masks: {
        n: { type: "integer", mask: HMAC, key: "n" },
        b: { type: "boolean", mask: HMAC },
        at: { type: "timestamp", mask: "generalize" },
        ip: { type: "ip", mask: "generalize" },
      },
    },
  });
  const [n, c] = stored(
    mask('{"n":4711,"c":{"n":4711.0,"b":true,"at":"2026-03-04T05:06:07+02:00","ip":"192.0.2.77","m":1.0}}'),
  ).values;
  expect(String(c)).toMatch(
    /^\{"n":"h1_[\w-]{43}","b":"h1_[\w-]{43}","at":"2026-03-04T00:00:00\.000000Z","ip":"192\.0\.2\.0\/24","m":1\.0\}$/,
  );
  expect((JSON.parse(String(c)) as { n: string }).n).toBe(n);
});

describe("refused, naming the column and the path of the configuration", () => {
  const mask = pipelineOf({
    ctx: {
      from: "context",
      type: "json",
      masks: {
        ip: { type: "ip", mask: HMAC },
        "list[].n": { type: "integer", mask: HMAC },
        d: { type: "number", mask: HMAC },
        t: HMAC,
        at: "redact",
      },
    },
  });
  test.each([
    [
      '{"ip":"no ip"}',
      { code: "field.format", path: "context.ip", detail: "expected an IP address, found other text" },
    ],
    ['{"ip":7}', { code: "field.type", path: "context.ip", detail: "expected an IP address, found a whole number" }],
    ['{"list":[{"n":1.5}]}', { code: "field.type", path: "context.list[].n" }],
    ['{"d":9007199254740993}', { code: "field.range", path: "context.d" }],
    ['{"list":{"n":1}}', { code: "field.type", path: "context.list[].n" }],
    ['{"list":[7]}', { code: "field.type", path: "context.list[].n" }],
    ['{"t":["x"]}', { code: "field.type", path: "context.t", detail: "expected text, found an array" }],
    ['{"t":"{\\"first_name\\":\\"J\\"}"}', { code: "field.json-text", path: "context.t" }],
    ['"jane"', { code: "field.type", path: "context.ip" }],
    [`{"list":[${'{"n":1},'.repeat(4_097)}{}]}`, { code: "body.too-many-keys" }],
    ['{"t":"secret 1","x":"the secret 1"}', { code: "leak.echo", path: "context", detail: "the value of ctx.t" }],
    ['{"t":"secret 1","x":{"secret 1":0}}', { code: "leak.echo", path: "context", detail: "the value of ctx.t" }],
  ])("%s", (context, error) => {
    expect(mask(`{"context":${context}}`)).toMatchObject({ ok: false, error });
  });

  test("and no more values than can be masked", () => {
    const tags = pipelineOf({ c: { type: "json", masks: { "tags[]": HMAC } } });
    const of = (count: number) => tags(`{"c":{"tags":[${Array.from({ length: count }, () => '"a"').join()}]}}`);
    expect(of(4_096).ok).toBe(true);
    expect(of(4_097)).toEqual({ ok: false, error: { code: "body.too-costly", path: null } });
  });
});

describe("the leak guard looks at what is left", () => {
  test("detectors do, and are not told of tokens", () => {
    const mask = pipelineOf({
      c: { type: "json", masks: { ip: { type: "ip", mask: "generalize" }, "to[]": { mask: HMAC, echo: "allow" } } },
    });
    const of = (context: object) => stored(mask({ c: context })).suspicions;
    expect(of({ ip: "192.0.2.7", to: ["a@b.example"] })).toEqual([]);
    expect(of({ ip: "192.0.2.7", from: "a@b.example" })).toEqual([{ column: "c", detector: "email" }]);
  });

  test("a value that is masked inside must not stand in other columns, unless its mask says so", () => {
    const columns = (echo: "allow" | "refuse") =>
      pipelineOf({
        c: { type: "json", masks: { id: { mask: HMAC, echo } } },
        note: { type: "text" },
        n: { type: "integer", nullable: true },
      });
    const event = { c: { id: "4711-0815" }, note: "id 4711 0815" };
    expect(columns("refuse")(event)).toMatchObject({ ok: false, error: { code: "leak.echo", path: "note" } });
    expect(columns("allow")(event).ok).toBe(true);
    const number = { c: { id: "47110815" }, note: "", n: 47_110_815 };
    expect(columns("refuse")(number)).toMatchObject({ ok: false, error: { code: "leak.echo", path: "n" } });
  });

  test("also of very many values that begin alike", () => {
    const mask = pipelineOf({
      c: { type: "json", piiDetection: "off", masks: { "v[]": HMAC } },
      text: { type: "text", piiDetection: "off" },
    });
    const values = Array.from({ length: 4_000 }, (_, index) => `\u4e00${String.fromCharCode(0x4e01 + index)} \u4e02-x`);
    expect(mask({ c: { v: values }, text: "\u4e00\u9fff".repeat(30_000) }).ok).toBe(true);
  });
});
