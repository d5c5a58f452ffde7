import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPrivateKey } from "../../src/keys/keyring-file.ts";
import { openSealed } from "../../src/keys/seal.ts";
import { bodyContext } from "../../src/pipeline/sealed-delivery.ts";
import { type CliResult, runCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { LOGIN_COLUMNS, type LoginPipeline, createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const CANARY = "canary-7f3a9";
const good = {
  user_id: "u",
  app_version: "1.2.3",
  device_type: "ios",
  ip: "203.0.113.9",
  locale: "US",
  device_id: "d1",
};

function event(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...good, marker: CANARY, ...changes });
}

/** JSON that JSON.stringify would not write. */
function raw(field: string, json: string): string {
  return event({ [field]: "PLACE" }).replace('"PLACE"', json);
}

const BAD: ReadonlyArray<readonly [what: string, body: string, reason: string, path: string | null]> = [
  ["an empty body", " ", "body.empty", null],
  ["not JSON", `{"user_id": "${CANARY}"`, "body.not-json", null],
  ["JSON that is no object", `["${CANARY}"]`, "body.not-object", null],
  ["the wrong type of event", '{"foo": "oops_wrong_msg_type", "bar": "123"}', "field.missing", "user_id"],
  ["a missing field", event({ device_type: undefined }), "field.missing", "device_type"],
  ["a null where none may be", event({ ip: null }), "field.null", "ip"],
  ["a number where text is declared", event({ user_id: 12_345 }), "field.type", "user_id"],
  ["a value too long for its column", event({ device_type: CANARY.repeat(9) }), "field.too-long", "device_type"],
  ["an address that is none", event({ ip: "999.1.1.1" }), "field.format", "ip"],
  ["an address with a leading zero", event({ ip: "010.8.8.8" }), "field.format", "ip"],
  ["an emoji for an address", event({ ip: "😀" }).replace("😀", "\\ud83d\\ude00"), "field.format", "ip"],
  ["a version out of range", event({ app_version: "1.1000.0" }), "field.range", "app_version"],
  ["U+0000", event({ locale: `${CANARY}\u0000` }), "field.nul-character", "locale"],
  ["a lone surrogate", raw("locale", `"${CANARY}\\ud800"`), "field.lone-surrogate", "locale"],
  ["1e400", raw("score", "1e400"), "field.range", "score"],
  ["an integer above 2^53", raw("score", "9007199254740993"), "field.range", "score"],
  ["100,000 nested arrays", raw("extra", "[".repeat(100_000) + "]".repeat(100_000)), "body.too-deep", null],
  ["a duplicate key", raw("locale", `"US","locale":"${CANARY}"`), "body.duplicate-key", "locale"],
  ["__proto__", raw("locale", `"US","__proto__":{"x":"${CANARY}"}`), "body.forbidden-key", null],
];

const sqs = testSqs();
let pipeline: LoginPipeline;
let result: CliResult;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs, {
    columns: `${LOGIN_COLUMNS}  score: { type: number, nullable: true }\n`,
    settings: "quarantine: { haltAboveShare: 1 }",
  });
  await query(pipeline.databaseUrl, "ALTER TABLE user_logins ADD COLUMN score double precision");
  const bodies = BAD.map(([, body]) => body);
  await sqs.send(pipeline.queue.url, [
    ...loginEvents(50),
    ...bodies,
    // Valid, though it may not look so.
    event({ user_id: "emoji", locale: "E" }).replace('"E"', '"\\ud83d\\ude00"'),
    event({ user_id: "''; DROP TABLE user_logins; --", locale: '{"NULL",\\}' }),
    // As large as SQS lets a message be.
    event({}).replace("{", `{"extra":"${"x".repeat(1_048_576 - event({}).length - 11)}",`),
  ]);
  result = await runCli(["run", "--until-empty", "--json", "--log-level", "debug"], pipeline);
});
afterAll(async () => {
  await pipeline.remove();
});

describe("bad input", () => {
  it("is quarantined; the rest of the batch is stored; nothing stays in the queue", async () => {
    expect(result.code).toBe(0);
    expect(JSON.parse(result.stdout)).toMatchObject({ stored: 53, quarantined: BAD.length, deleted: 53 + BAD.length });
    expect(await pipeline.rows()).toBe(53);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });

  it.each(BAD)("%s: a reason code and path, the body sealed", async (_, body, reason, path) => {
    const rows = await query<{
      source: string;
      message_id: string;
      reason: string;
      path: string | null;
      sealed_body: Buffer;
    }>(pipeline.databaseUrl, "SELECT source, message_id, reason, path, sealed_body FROM piipe.quarantine");
    const privateKey = await loadPrivateKey(join(pipeline.folder, "piipe.private.json"));
    const found = rows.find(
      (row) => openSealed(privateKey, row.sealed_body, bodyContext(row.message_id), row.source) === body,
    );
    expect(found).toMatchObject({ reason, path });
  });

  it("stores what only looks bad exactly as it is", async () => {
    const rows = await query(
      pipeline.databaseUrl,
      "SELECT user_id, locale FROM user_logins WHERE user_id LIKE 'emoji' OR user_id LIKE '%DROP%' ORDER BY user_id",
    );
    expect(rows).toEqual([
      { user_id: "''; DROP TABLE user_logins; --", locale: '{"NULL",\\}' },
      { user_id: "emoji", locale: "😀" },
    ]);
  });

  it("shows no value of any event in log or output", () => {
    for (const text of [result.stdout, result.stderr]) {
      expect(text).not.toContain(CANARY);
      expect(text).not.toContain(Buffer.from(CANARY).toString("base64").slice(0, -4));
      expect(text).not.toContain("oops_wrong_msg_type");
      for (const [, body] of BAD) if (body.trim() !== "") expect(text).not.toContain(body.slice(0, 100));
    }
    // The log did speak of the refusals.
    expect(result.stderr).toContain("field.lone-surrogate");
  });
});
