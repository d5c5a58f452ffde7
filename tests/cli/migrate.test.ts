import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { startTestSqs, type TestSqs } from "../support/sqs.ts";

let sqs: TestSqs;
let pipeline: LoginPipeline;

beforeAll(async () => {
  sqs = await startTestSqs();
  pipeline = await createLoginPipeline(sqs);
});
afterAll(async () => {
  await pipeline.remove();
  await sqs.stop();
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
  expect(JSON.parse(mended.stdout)).toMatchObject({ warnings: [], viewChanged: "piipe.user_logins_duplicates" });
});
