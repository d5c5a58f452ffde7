import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let pipeline: LoginPipeline;

beforeAll(async () => {
  pipeline = await createLoginPipeline(sqs);
});
afterAll(async () => {
  await pipeline.remove();
});

it("warns of a table that does not fit the columns, as check does, and leaves the view of duplicates whole", async () => {
  const file = join(pipeline.folder, "piipe.yaml");
  await writeFile(
    file,
    (await readFile(file, "utf8")).replace(
      LOGIN_COLUMNS,
      `${LOGIN_COLUMNS}  masked_mail: { from: mail, type: text, mask: hmac-sha256, nullable: true }\n`,
    ),
  );
  const { code, stdout, stderr } = await runCli(["migrate", "--json"], pipeline);
  expect(code).toBe(0);
  const { warnings } = JSON.parse(stdout) as { warnings: string[] };
  const text = "the table public.user_logins does not fit the configured columns: there is no column masked_mail";
  expect(warnings).toEqual([expect.stringContaining(text)]);
  expect(warnings[0]).toMatch(/ADD COLUMN "?masked_mail"?/);
  expect(stderr).toContain(`warning: ${text}`);
  expect((await runCli(["check"], pipeline)).stdout).toContain(text);
  expect(await query(pipeline.databaseUrl, "SELECT * FROM piipe.user_logins_duplicates")).toEqual([]);

  await query(pipeline.databaseUrl, "ALTER TABLE user_logins ADD masked_mail text");
  const mended = await runCli(["migrate", "--json"], pipeline);
  expect(JSON.parse(mended.stdout)).toMatchObject({
    warnings: [],
    tables: [{ viewChanged: "piipe.user_logins_duplicates" }],
  });
});

it("fails by a user who may not create, in a database of a newer piipe, and with a key that is not there", async () => {
  const fresh = await createLoginPipeline(sqs, { isMigrated: false });
  const role = await createTestRole(fresh.databaseUrl);
  const migrate = (environment: Readonly<Record<string, string>>, ...args: readonly string[]) =>
    runCli(["migrate", "--json", ...args], {
      folder: fresh.folder,
      environment: { ...fresh.environment, ...environment },
    });
  try {
    const denied = await migrate({ DATABASE_URL: role.url });
    expect(denied.code).toBe(4);
    expect(JSON.parse(denied.stdout)).toMatchObject({ error: { code: "database.denied", hint: expect.any(String) } });
    expect(await query(fresh.databaseUrl, "SELECT to_regnamespace('piipe') AS schema")).toEqual([{ schema: null }]);

    expect((await migrate({})).code).toBe(0);
    await query(fresh.databaseUrl, "INSERT INTO piipe.migrations VALUES (9999, 'later', 'checksum')");
    const newer = await migrate({});
    expect(newer.code).toBe(4);
    expect(JSON.parse(newer.stdout)).toMatchObject({ error: { code: "database.not-migrated" } });

    const withoutKey = await migrate({ PIIPE_KEYS: "{}" }, "--token-checks");
    expect(withoutKey.code).toBe(3);
    expect(JSON.parse(withoutKey.stdout)).toMatchObject({ error: { code: expect.stringMatching(/^keys\./) } });
  } finally {
    await role.drop();
    await fresh.remove();
  }
});
