import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

interface Finding {
  readonly subject: string;
  readonly level: string;
  readonly text: string;
  readonly hint: string | null;
}

const COLUMNS = `
  user_id: { type: text }
  device_type: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256 }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256 }
  locale: { type: text, nullable: true }
  app_version: { type: version }
  create_date: { from: "@sent_at", type: date }
  client_ip: { type: ip, nullable: true }
  source: { from: net.userAgent, type: text, nullable: true }
  peer: { type: ip, nullable: true }
  birth: { type: integer, nullable: true }
  zip: { type: text, nullable: true }
  note: { type: text, nullable: true }
  extra: { type: json, nullable: true }
`;
const CANARY = "jane.canary@example.org";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs, { columns: COLUMNS });
  await query(
    pipeline.databaseUrl,
    `ALTER TABLE user_logins ADD client_ip inet, ADD source text, ADD peer inet, ADD birth integer, ADD zip text,
       ADD note text, ADD extra jsonb`,
  );
});
afterAll(async () => {
  await pipeline.remove();
});

async function check(args: readonly string[] = ["--json"]) {
  const result = await runCli(["check", ...args], pipeline);
  expect(result.stderr).toBe("");
  return result;
}

async function columnFindings(): Promise<Finding[]> {
  const { stdout } = await check();
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return findings.filter(({ subject }) => subject === "columns");
}

const warnings = async (): Promise<string[]> =>
  (await columnFindings()).filter(({ level }) => level === "warning").map(({ text }) => text);

const BY_NAME = [
  "client_ip is stored as it is: its name looks personal (ip)",
  "source is stored as it is: it comes from a field whose name looks personal (user_agent)",
  "peer is stored as it is: it holds IP addresses (type ip)",
  "birth is stored as it is: its name looks personal (birth)",
];

describe("piipe check on columns without a mask", () => {
  it("warns by name and type while the table is empty, and exits with 0", async () => {
    expect(await warnings()).toEqual(BY_NAME);
    expect((await check()).code).toBe(0);
    const findings = await columnFindings();
    expect(findings[0]?.hint).toContain("piiDetection: off");
    expect(findings.at(-1)).toMatchObject({ level: "ok", text: expect.stringContaining("a sample of values") });
  });

  it("warns by the stored values, with counts and never a value", async () => {
    await query(
      pipeline.databaseUrl,
      `INSERT INTO user_logins (user_id, note, extra)
       SELECT 'u' || n, CASE WHEN n % 4 = 0 THEN $1 WHEN n % 8 = 1 THEN '192.0.2.' || n % 200 END,
              CASE WHEN n <= 100 THEN jsonb_build_object('a', jsonb_build_array('x', '+1 415 555 0132')) END
       FROM generate_series(1, 2000) n`,
      [CANARY],
    );
    const texts = await warnings();
    expect(texts).toEqual([
      ...BY_NAME,
      "note is stored as it is: 375 of 375 sampled values look personal (email 250, ipv4 125)",
      "extra is stored as it is: 100 of 100 sampled values look personal (phone 100)",
    ]);
    const { stdout } = await check([]);
    expect(stdout).toMatch(/! columns +note is stored as it is: 375 of 375/);
    expect(stdout).not.toContain("canary");
    expect(stdout).not.toContain("192.0.2.");
  });

  it("samples the whole of a large table", async () => {
    // All that stands at its beginning is harmless.
    await query(pipeline.databaseUrl, "TRUNCATE user_logins");
    await query(
      pipeline.databaseUrl,
      `INSERT INTO user_logins (user_id, note)
       SELECT 'u', CASE WHEN n > 20000 THEN $1 ELSE 'harmless' END FROM generate_series(1, 150000) n`,
      [CANARY],
    );
    await query(pipeline.databaseUrl, "ANALYZE user_logins");
    expect(await warnings()).toContainEqual(
      expect.stringMatching(/^note is stored as it is: \d+ of \d+ sampled values look personal \(email \d+\)$/),
    );
  });

  it("says so when it may not read the table", async () => {
    const role = `reader_${process.pid}`;
    await query(pipeline.databaseUrl, `CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
    await query(
      pipeline.databaseUrl,
      `GRANT INSERT ON user_logins TO ${role}; GRANT USAGE ON SCHEMA piipe TO ${role};
       GRANT SELECT ON ALL TABLES IN SCHEMA piipe TO ${role}`,
    );
    const url = new URL(pipeline.databaseUrl);
    url.username = role;
    url.password = role;
    const { stdout } = await runCli(["check", "--json"], {
      folder: pipeline.folder,
      environment: { ...pipeline.environment, DATABASE_URL: url.href },
    });
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    expect(findings.findLast(({ subject }) => subject === "columns")).toMatchObject({
      level: "skipped",
      text: expect.stringContaining("could not be read"),
    });
    expect(findings.filter(({ text }) => text.startsWith("note "))).toEqual([]);
    await query(pipeline.databaseUrl, `DROP OWNED BY ${role}`);
    await query(pipeline.databaseUrl, `DROP ROLE ${role}`);
  });

  it("is silenced by piiDetection: off", async () => {
    const file = join(pipeline.folder, "piipe.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(
      file,
      text.replace(/^ {2}(client_ip|source|peer|birth|note|extra): \{/gm, "  $1: { piiDetection: off,"),
    );
    const findings = await columnFindings();
    await writeFile(file, text);
    expect(findings).toEqual([
      expect.objectContaining({ level: "ok", text: expect.stringMatching(/^no column without a mask looks personal/) }),
    ]);
  });
});
