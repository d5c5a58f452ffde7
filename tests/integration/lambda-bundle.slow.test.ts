import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { unzipSync } from "fflate";
import { expect, it, onTestFinished } from "vitest";
import type { LambdaResponse } from "../../src/lambda.ts";
import { type LambdaEvent, madeUpRecord } from "../support/event-source-mapping.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createTestBucket } from "../support/s3.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
const run = promisify(execFile);
const PACKAGE_TOOL = fileURLToPath(new URL("../../tools/package-lambda.mjs", import.meta.url));

/** AWS Lambda's side, as short as can be: invokes with one event after the other, and tells of each on stderr. */
const RUNTIME = `
const [file, events] = process.argv.slice(1);
const { handler } = await import(file);
for (const event of JSON.parse(events)) {
  const told = await handler(event, { getRemainingTimeInMillis: () => 60_000 }).catch(({ message }) => ({ message }));
  console.error(JSON.stringify(told));
}
process.exit(0);`;

const PHONES = `
  user_id: { type: text }
  phone: { type: phone, region: DE }
`;

it("the zip works in a folder of its own: with migrations, phone numbers and S3, and no raw value in what it prints", async () => {
  const bucket = await createTestBucket(sqs.endpoint);
  const pipeline = await createLoginPipeline(sqs, {
    columns: PHONES,
    unwrap: `s3, s3: { endpoint: "${sqs.endpoint}" }`,
    isMigrated: false,
  });
  const folder = await mkdtemp(join(tmpdir(), "piipe-lambda-"));
  onTestFinished(async () => {
    await pipeline.remove();
    await rm(folder, { recursive: true });
  });
  const config = (await readFile(join(pipeline.folder, "piipe.yaml"), "utf8"))
    .replace(/^keys: .*$/m, "")
    .replace("table: user_logins", "table: calls, createTable: true");
  await writeFile(join(folder, "source.yaml"), config);
  const zip = join(folder, "function.zip");
  const { stdout: told } = await run(process.execPath, [PACKAGE_TOOL, "--out", zip, join(folder, "source.yaml")]);
  expect(told).toMatch(/function\.zip: 0\.\d\d MB/);
  const empty = join(folder, "task");
  await mkdir(empty);
  for (const [name, bytes] of Object.entries(unzipSync(await readFile(zip)))) await writeFile(join(empty, name), bytes);

  const arn = `arn:aws:sqs:${sqs.region}:000000000000:${pipeline.queue.name}`;
  const bodyOf = (user: string): string => JSON.stringify({ user_id: user, phone: "030 1234567" });
  await bucket.put("far", bodyOf("u2"));
  const bodies = [bodyOf("u1"), bucket.pointerTo("far"), JSON.stringify({ user_id: 7, phone: "canary" })];
  const event: LambdaEvent = { Records: bodies.map((body) => madeUpRecord(arn, body, "g")) };
  const keysJson = await readFile(join(pipeline.folder, "piipe.keys.json"), "utf8");
  const { stdout, stderr } = await run(
    process.execPath,
    [
      "--input-type=module",
      "--eval",
      RUNTIME,
      pathToFileURL(join(empty, "index.mjs")).href,
      JSON.stringify([event, {}]),
    ],
    { cwd: empty, env: { ...pipeline.environment, PIIPE_KEYS: keysJson } },
  );
  const answers = stderr
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as LambdaResponse | { readonly message: string });
  expect(answers).toEqual([{ batchItemFailures: [] }, { message: expect.stringContaining("[lambda.event]") }]);
  expect(await query(pipeline.databaseUrl, "SELECT user_id, phone FROM calls ORDER BY user_id")).toEqual([
    { user_id: "u1", phone: "+49301234567" },
    { user_id: "u2", phone: "+49301234567" },
  ]);
  expect(await pipeline.quarantined()).toEqual([{ reason: "field.type", path: "user_id" }]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly type?: string });
  expect(lines.map(({ type }) => type)).toContain("batch.written");
  for (const raw of ["canary", "1234567"]) expect(stdout + stderr).not.toContain(raw);
});
