import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { type TokenScenario, tokenScenario } from "../support/token-scenario.ts";

interface Finding {
  readonly subject: string;
  readonly level: string;
  readonly text: string;
  readonly hint: string | null;
}

const COLUMNS = `
  user_id: { type: text }
  device_type: { type: text, mask: redact }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
  masked_device_id: { from: device_id, type: text, mask: hmac-over-sha256 }
  locale: { type: text, nullable: true }
  app_version: { type: version }
  create_date: { from: "@sent_at", type: date }
`;
const CANARY = "jane.canary@example.org";

const sqs = testSqs();
let pipeline: LoginPipeline;
let scenario: TokenScenario;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs, { columns: COLUMNS });
  scenario = tokenScenario(pipeline, sqs);
  // Beside the keyring it is worth a warning.
  await rm(join(pipeline.folder, "piipe.private.json"));
});
afterAll(async () => {
  await pipeline.remove();
});

async function warnings(subject: string): Promise<readonly Finding[]> {
  const { code, stdout } = await runCli(["check", "--json"], pipeline);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  expect({ code, errors: findings.filter(({ level }) => level === "error") }).toEqual({ code: 0, errors: [] });
  return findings.filter((finding) => finding.level === "warning" && finding.subject === subject);
}

async function rewriteConfig(change: (text: string) => string): Promise<void> {
  const file = join(pipeline.folder, "piipe.yaml");
  await writeFile(file, change(await readFile(file, "utf8")));
}

describe("piipe check on stored values of masked columns", () => {
  it("is content with what the masks make", async () => {
    await scenario.land({ user: "u1", ip: "203.0.113.7" }, { user: "u2", ip: "203.0.113.8" });
    expect(await warnings("columns")).toEqual([]);
  });

  it("counts what is no token, says what to do, and shows no value", async () => {
    const bare = createHash("sha256").update("593-47-5928").digest("hex");
    await query(
      pipeline.databaseUrl,
      `INSERT INTO user_logins (user_id, device_type, masked_ip, masked_device_id)
       VALUES ('u3', $1, $1, $2), ('u4', '[redacted]', $1, $2), ('u5', '[redacted]', NULL, $1)`,
      [CANARY, bare],
    );
    const found = await warnings("columns");
    expect(found.map(({ text }) => text)).toEqual([
      "column device_type: 1 of 5 sampled values are no tokens of redact",
      "column masked_ip: 2 of 4 sampled values are no tokens of hmac-sha256",
      "column masked_device_id: 3 of 5 sampled values are no tokens of hmac-over-sha256 (2 bare SHA-256)",
    ]);
    expect(found[1]?.hint).toContain("update or delete them");
    expect(found[1]?.hint).not.toContain("takeover");
    expect(found[2]?.hint).toMatch(/piipe keys takeover.*update or delete them/);
    const { stdout } = await runCli(["check"], pipeline);
    expect(stdout).toMatch(/! columns +column masked_ip: 2 of 4/);
    for (const text of ["canary", bare]) expect(stdout + JSON.stringify(found)).not.toContain(text);
    await query(pipeline.databaseUrl, "DELETE FROM user_logins WHERE user_id IN ('u3', 'u4', 'u5')");
  });

  it("says of which columns a key version makes the values", async () => {
    const { stdout } = await runCli(["check"], pipeline);
    expect(stdout).toMatch(/✓ keys +key version 1; columns masked with a key: masked_ip, masked_device_id\n/);
  });
});

describe("piipe check with a pending key version", () => {
  it("warns of what would stop the start after the promotion, and of nothing more once that is mended", async () => {
    await scenario.must("migrate", "--token-checks");
    await scenario.must("keys", "add");
    expect(await warnings("table")).toEqual([
      expect.objectContaining({
        text:
          "once key version 2 is primary, no worker starts: public.user_logins has token checks that refuse its tokens: " +
          "piipe_token_masked_ip on column masked_ip, piipe_token_masked_device_id on column masked_device_id",
        hint: expect.stringContaining("piipe migrate --token-checks") as string,
      }),
    ]);
    await scenario.must("migrate", "--token-checks");
    expect(await warnings("table")).toEqual([]);

    await rewriteConfig((text) =>
      text
        .replace("device_type: { type: text, mask: redact }", "device_type: { type: text, mask: fpe-ff1, digits: 9 }")
        .replace("locale: { type: text,", "locale: { type: text, mask: fpe-ff1, digits: 9,"),
    );
    await query(pipeline.databaseUrl, "ALTER TABLE user_logins DROP CONSTRAINT piipe_token_device_type");
    expect(await warnings("keys")).toEqual([
      expect.objectContaining({
        text: expect.stringMatching(
          /^once key version 2 is primary, no worker starts: the columns device_type, locale do not say which/,
        ) as string,
        hint: expect.stringContaining("`keyVersion: 1`") as string,
      }),
    ]);
    const refused = await runCli(["keys", "promote", "2"], pipeline);
    expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 3, stdout: "" });
    expect(refused.stderr).toContain("by piipe.yaml, once key version 2 is primary, no worker starts");
    expect(refused.stderr).toContain("`keyVersion: 1`. Nothing was changed.");
    await rewriteConfig((text) => text.replaceAll("digits: 9", "digits: 9, keyVersion: 1"));
    expect(await warnings("keys")).toEqual([]);
    await scenario.must("keys", "promote", "2");
    expect(await warnings("keys")).toEqual([]);
  });
});

it("aligns all problems of a configuration", async () => {
  await rewriteConfig((text) => text.replaceAll("digits: 9", "digits: 99").replaceAll("type: version", "type: vrsion"));
  const { stdout } = await runCli(["check"], pipeline);
  const lines = stdout.split("\n").filter((line) => line.includes("piipe.yaml:"));
  expect(lines.length).toBeGreaterThan(1);
  expect(new Set(lines.map((line) => line.search(/\S*piipe\.yaml:/)))).toEqual(new Set([16]));
});
