import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PiipeError } from "../errors.ts";
import { columnsOf } from "./config.ts";
import { loadConfig } from "./load-config.ts";

const ENV = {
  DATABASE_URL: "postgres://postgres:geheim@localhost/postgres",
  ROWS: "7",
  SHARE: "0.25",
  YES: "true",
  DIGITS: "123456",
  WORD: "geheim",
  INJECTION: "x\nallowUnkeyed: true #",
};

const VALID = `source:
  sqs:
    queue: q
sink:
  postgres:
    url: \${DATABASE_URL}
    table: t
columns:
  a: { type: text }
`;

/** The example that the documentation has used from the beginning: it must parse as it is. */
const SAMPLE = `# yaml-language-server: $schema=./node_modules/piipe/piipe.schema.json
source:
  sqs:
    queue: login-queue                  # a name, a URL or an ARN
    # region, endpoint: from the AWS config when left out
sink:
  postgres:
    url: \${DATABASE_URL}
    table: user_logins
keys:
  file: ./piipe.keys.json               # made by \`piipe keys new\`; or env PIIPE_KEYS
columns:                                # what the table gets, and where each value comes from
  user_id:          { type: text }      # \`from\` defaults to the column's own name
  device_type:      { type: text }
  masked_ip:        { from: ip, type: ip, mask: hmac-sha256 }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256 }
  locale:           { type: text, nullable: true }
  app_version:      { type: version }
  create_date:      { from: "@sent_at", type: date }
unknownFields: ignore                   # the default: ignore (never stored, counted, warned once) | quarantine
`;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "piipe-config-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

let files = 0;
async function write(content: string | Uint8Array): Promise<string> {
  const file = join(folder, `piipe-${(files += 1)}.yaml`);
  await writeFile(file, content);
  return file;
}

async function load(content: string | Uint8Array) {
  return loadConfig(await write(content), ENV);
}

/** The lines of the error, without the file's name; nothing of it may be a secret. */
async function problems(content: string | Uint8Array): Promise<readonly string[]> {
  const file = await write(content);
  const error: unknown = await loadConfig(file, ENV).then(
    () => null,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(PiipeError);
  expect(error).toMatchObject({ code: "config.invalid", retryable: false });
  expect(inspect(error, { depth: null })).not.toContain("geheim");
  return (error as PiipeError).message.split("\n").map((line) => line.replace(`${file}:`, ""));
}

test("a byte order mark at the file's beginning is none of its text", async () => {
  expect(await load(`\ufeff${VALID}`)).toEqual(await load(VALID));
});

test("the sample", async () => {
  const config = await load(SAMPLE);
  expect(config.sink.postgres.url.reveal()).toBe(ENV.DATABASE_URL);
  expect(config.keys).toStrictEqual({ file: join(folder, "piipe.keys.json"), secret: null, domain: "user_logins" });
  expect(
    columnsOf(config).map(({ name, from, type, mask, nullable }) => [name, from, type, mask, nullable]),
  ).toStrictEqual([
    ["user_id", "user_id", "text", null, false],
    ["device_type", "device_type", "text", null, false],
    ["masked_ip", "ip", "ip", "hmac-sha256", false],
    ["masked_device_id", "device_id", "text", "hmac-sha256", false],
    ["locale", "locale", "text", null, true],
    ["app_version", "app_version", "version", null, false],
    ["create_date", "@sent_at", "date", null, false],
  ]);
  expect(inspect(config, { depth: null, showHidden: true })).not.toContain("geheim");
});

test.each([
  ["Windows line ends", VALID.replaceAll("\n", "\r\n")],
  ["a byte order mark", `\uFEFF${VALID}`],
  ["columns of digits", VALID.replace("a:", "2024:")],
])("%s", async (_, content) => {
  expect(columnsOf(await load(content))).toHaveLength(1);
});

describe("environment references", () => {
  test("become a number or true/false where the setting asks for one", async () => {
    const config = await load(
      VALID.replace("table: t", "table: t\n    createTable: ${YES}\n    maxConnections: ${NONE:-9}") +
        'batch: { rows: "${ROWS}" }\nquarantine:\n  haltAboveShare: ${SHARE}\n',
    );
    expect(config).toMatchObject({
      sink: { postgres: { createTable: true, maxConnections: 9 } },
      batch: { rows: 7 },
      quarantine: { haltAboveShare: 0.25 },
    });
  });

  test("stay text where the setting asks for text, digits or not", async () => {
    const config = await load(
      `${VALID.replace("${DATABASE_URL}", "postgres://u:${DIGITS}@h/db")}name: \${DIGITS}\nkeys:\n  domain: "\${YES}"\n`,
    );
    expect(config).toMatchObject({ name: "123456", keys: { domain: "true" } });
    expect(config.sink.postgres.url.reveal()).toBe("postgres://u:123456@h/db");
  });

  test("cannot bring in keys", async () => {
    expect(await problems(VALID.replace("queue: q", "queue: ${INJECTION}"))).toStrictEqual([
      "3:12: source.sqs.queue is wrong; it must be a queue's name, URL or ARN",
    ]);
  });

  test("are not read in keys", async () => {
    expect(columnsOf(await load(VALID.replace("  a:", "  ${WORD}:")))[0]?.name).toBe("${WORD}");
  });

  test("are bounded like any value", async () => {
    expect(
      await problems(`${VALID}batch:\n  rows: \${DIGITS}\n  bytes: \${WORD}\n  lingerMs: "\${YES}"\n`),
    ).toStrictEqual([
      "11:9: batch.rows is too large; it must be a whole number of rows from 1 to 10000",
      "12:10: batch.bytes is text; it must be a whole number of bytes from 1048576 to 67108864",
      "13:13: batch.lingerMs is text; it must be a whole number of milliseconds from 0 to 60000",
    ]);
  });

  test("that are wrong are found where they stand, once each", async () => {
    const name = String.raw`name: "\u0041 ${"${YES} ${NONE} ${MISSING} ${"}"`;
    expect(await problems(`${VALID}${name}\nkeys:\n  domain: >\n    a\n    \${LATER}\n`)).toStrictEqual([
      "10:22: the environment variable NONE is not set; set it, or give a default: ${NONE:-default}",
      "10:30: the environment variable MISSING is not set; set it, or give a default: ${MISSING:-default}",
      "10:41: ${ begins no environment reference; write ${NAME} or ${NAME:-default}, or $${ for ${ itself",
      "14:5: the environment variable LATER is not set; set it, or give a default: ${LATER:-default}",
    ]);
  });

  test("an unset variable is one problem, next to all others", async () => {
    expect(await problems(VALID.replace("${DATABASE_URL}", "${NONE}").replace("text", "txt"))).toStrictEqual([
      "6:10: the environment variable NONE is not set; set it, or give a default: ${NONE:-default}",
      "9:14: columns.a.type is none of the known; did you mean text? It must be one of text, integer, number, decimal, boolean, timestamp, date, uuid, ip, version, phone, mac, json, text[], integer[], number[], decimal[], boolean[], uuid[], timestamp[], date[]",
    ]);
  });
});

describe("what is wrong, and where", () => {
  const TOP_KEYS =
    "the keys here are name, source, sink, keys, columns, tables, unmatched, unknownFields, dedupeBy, allowUnkeyed, batch, quarantine";
  const EMPTY = "1:1: the file is empty; it must have the keys source, sink and columns";
  const PLAIN = "anchors, tags and directives are not supported; write the plain value";

  test.each<readonly [string, string, ...string[]]>([
    ["an empty file", "", EMPTY],
    ["only a comment", "# nothing\n", EMPTY],
    ["only a document start", "---\n", EMPTY],
    [
      "a list",
      "- geheim\n",
      "1:1: the configuration is a list; it must be a mapping with the keys source, sink and columns",
    ],
    [
      "a text",
      "geheim\n",
      "1:1: the configuration is text; it must be a mapping with the keys source, sink and columns",
    ],
    [
      "a missing key: at the mapping that lacks it",
      VALID.replace("    queue: q\n", "    region: eu-west-1\n"),
      "2:3: source.sqs.queue is missing; give a queue's name, URL or ARN",
    ],
    [
      "missing keys at the top: at the beginning",
      "# a comment\nbatch: {}\n",
      "2:1: source is missing; give a mapping with the key sqs",
      "2:1: sink is missing; give a mapping with the key postgres",
      "2:1: columns is missing; give a mapping with a key for each column",
    ],
    [
      "an empty key",
      `${VALID}keys:\n`,
      "10:6: keys is empty; give a mapping with the keys file, secret and domain, or remove the key where it is optional",
    ],
    [
      "an empty key in brackets",
      VALID.replace("{ type: text }", "{ type }"),
      "9:8: columns.a.type is empty; give one of text, integer, number, decimal, boolean, timestamp, date, uuid, ip, version, phone, mac, json, text[], integer[], number[], decimal[], boolean[], uuid[], timestamp[], date[], or remove the key where it is optional",
    ],
    [
      "unknown keys: at the key",
      VALID.replace("table: t", "tabel: t"),
      "5:3: sink.postgres.table is missing; give table or schema.table, each part at most 63 bytes",
      "7:5: unknown key tabel in sink.postgres; did you mean table?",
    ],
    ["a key that may be a secret", `${VALID}geheim=x:\n`, `10:1: unknown key at the top; ${TOP_KEYS}`],
    ["__proto__", `${VALID}__proto__: 1\n`, `10:1: unknown key __proto__ at the top; ${TOP_KEYS}`],
    [
      "the column __proto__",
      `${VALID}  __proto__: { type: text }\n`,
      "10:3: columns.__proto__ is no possible column; give the column another name",
    ],
    [
      "a column without a name: at the key",
      VALID.replace("  a:", '  "":'),
      "9:3: a column's name is wrong; it must be 1 to 63 bytes long, without a zero byte",
    ],
    [
      "several problems, in the file's order",
      VALID.replace("queue: q", "queue: geheim!").replace("table: t", "table: 5").replace("text", "ip, mask: sha256"),
      "3:12: source.sqs.queue is wrong; it must be a queue's name, URL or ARN",
      "7:12: sink.postgres.table is a whole number; put it in quotes; it must be table or schema.table, each part at most 63 bytes",
      "9:24: columns.a.mask is sha256, which has no key: every IPv4 address was recovered from its bare SHA-256 in 162 s on one core; use hmac-sha256, or accept that with allowUnkeyed: true at the top",
    ],
    [
      "a key twice, next to other problems",
      VALID.replace("table: t", "table: t\n    table: geheim\n    maxConnections: 0"),
      "8:5: the key is there twice; keep one of them",
      "9:21: sink.postgres.maxConnections is too small; it must be a whole number of connections from 1 to 100",
    ],
    [
      "two documents",
      `${VALID}---\na: 1\n`,
      "10:1: the file holds several YAML documents; keep one pipeline in a file, without a second ---",
    ],
    [
      "@ without quotes",
      VALID.replace("text }", "text, from: @sent_at }"),
      '9:26: a text begins with a character that YAML keeps for itself; put it in quotes, as in from: "@sent_at"',
    ],
    [
      "a reference in brackets without quotes",
      `${VALID}batch: { rows: \${ROWS} }\n`,
      '10:17: an environment reference stands within { } or [ ] without quotes; put it in quotes: "${NAME}"',
    ],
    ["a tab", `${VALID}batch:\n\trows: 5\n`, "11:1: a tab indents the line; use spaces"],
    [
      "bad indentation",
      VALID.replace("  postgres:", "   postgres:").replace("    table", "  table"),
      "7:1: the indentation does not fit, or a bracket above is not closed; begin the keys of one mapping at the same column, with spaces, and close each [ and {",
    ],
    ["an open quote", `${VALID}name: 'geheim\n`, "11:1: a quote, bracket, comma or colon is missing; add it"],
    [
      "two keys on a line",
      `${VALID}name: geheim: x\n`,
      "10:7: a second `key:` stands on the line; put it on its own line, or the text in quotes",
    ],
    [
      "an unknown escape",
      String.raw`name: "\q geheim"`,
      "1:8: an escape in a double-quoted text is unknown; double the backslash, or put the text in single quotes",
    ],
    ["a key that is no text", "? [geheim]\n: 1\n", "1:3: a key is not text; write a plain name before the colon"],
    ["an unknown tag", `${VALID}name: !geheim x\n`, `10:7: ${PLAIN}`],
    ["a directive", `%GEHEIM geheim\n---\n${VALID}`, `1:1: ${PLAIN}`],
    ["an alias", `${VALID.replace("{ type", "&a { type")}  b: *a\n`, `10:6: ${PLAIN}`],
    [
      "an alias to itself",
      `${VALID}name: &a [*a]\n`,
      "10:10: name is a list; it must be 1 to 128 characters, without / and control characters",
      `10:11: ${PLAIN}`,
    ],
  ])("%s", async (_, content, ...lines) => {
    expect(await problems(content)).toStrictEqual(lines);
  });

  test("bytes that are not UTF-8", async () => {
    expect(await problems(Uint8Array.of(0x6e, 0xff, 0xfe))).toStrictEqual([
      "1:1: the file is not UTF-8 text; save it as UTF-8",
    ]);
  });
});

describe("a file that cannot be read", () => {
  test("is not there", async () => {
    const file = join(folder, "none.yaml");
    await expect(loadConfig(file, ENV)).rejects.toMatchObject({
      code: "config.not-found",
      message: `${file} does not exist`,
      hint: "Name the configuration with --config, or put a piipe.yaml into the current folder.",
    });
  });

  test("is a folder", async () => {
    const file = join(folder, "folder.yaml");
    await mkdir(file);
    await expect(loadConfig(file, ENV)).rejects.toMatchObject({
      code: "config.not-found",
      message: `${file} is a folder`,
      hint: "Name the YAML file in it with --config.",
    });
  });
});
