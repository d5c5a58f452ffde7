import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startCommand } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { createRotatingRole, type RotatingRole } from "../support/rotating-role.ts";
import { hasMoto, startMotoSecrets } from "../support/secrets-manager.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const SECONDS = 20;
const MESSAGES_PER_SECOND = 1_000;
const MESSAGES = SECONDS * MESSAGES_PER_SECOND;
const ROTATION_PAUSE_MS = 2_000;
const ALL = [{ rows: MESSAGES, users: MESSAGES }];

if (!hasMoto) {
  console.info(
    "skipped: moto_server cannot be run. pip install 'moto[server,secretsmanager]', or name it in PIIPE_MOTO_SERVER",
  );
}

describe(`${MESSAGES} messages, while for ${SECONDS} s the password changes and connections are ended`, () => {
  const sqs = testSqs();
  let folder: string;
  let pipeline: LoginPipeline;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "piipe-test-"));
    pipeline = await createLoginPipeline(sqs, { settings: "batch: { rows: 100 }" });
  });
  afterEach(async () => {
    await pipeline.remove();
    await rm(folder, { recursive: true });
  });

  /** Sends so many each second to a worker that runs meanwhile, and gives what is in the table in the end. */
  async function runWhileRotating(role: RotatingRole, password: string, more: Readonly<Record<string, string>> = {}) {
    const file = join(pipeline.folder, "piipe.yaml");
    const sink = `sink: { postgres: { url: "\${DATABASE_URL}", table: user_logins, password: ${password} } }`;
    await writeFile(file, (await readFile(file, "utf8")).replace(/sink: .*/, sink));
    const environment = { ...pipeline.environment, DATABASE_URL: role.url, ...more };
    const worker = startCommand(["run", "--json"], { ...pipeline, environment });
    await worker.printed("pipeline.started");
    const endRotating = role.keepRotating(ROTATION_PAUSE_MS);
    const events = loginEvents(MESSAGES);
    for (let second = 0; second < SECONDS; second += 1) {
      const next = sleep(1_000);
      await sqs.send(
        pipeline.queue.url,
        events.slice(second * MESSAGES_PER_SECOND, (second + 1) * MESSAGES_PER_SECOND),
      );
      await next;
    }
    expect(await endRotating()).toBeGreaterThan(SECONDS / 4);
    await until("all is stored and deleted", async () => (await sqs.count(pipeline.queue.url)).total === 0);
    worker.signal("SIGTERM");
    const { code, stderr } = await worker.ended;
    expect(code, stderr).toBe(0);
    expect(await pipeline.quarantined()).toEqual([]);
    // Connections were lost, and passwords refused: else nothing was tried.
    expect(stderr).toContain("batch.retried");
    const counts = "SELECT count(*)::integer AS rows, count(DISTINCT user_id)::integer AS users FROM user_logins";
    return query(pipeline.databaseUrl, counts);
  }

  it("from a file", async () => {
    const file = join(folder, "password");
    const role = await createRotatingRole(pipeline.databaseUrl, ({ password }) => writeFile(file, password));
    expect(await runWhileRotating(role, `{ file: ${file} }`)).toEqual(ALL);
    await role.drop();
  });

  it.skipIf(!hasMoto)("from AWS Secrets Manager (needs moto_server)", async () => {
    const secrets = await startMotoSecrets();
    const role = await createRotatingRole(pipeline.databaseUrl, ({ name, password }) =>
      secrets.put(JSON.stringify({ username: name, password })),
    );
    expect(await runWhileRotating(role, `{ secret: "${secrets.arn}" }`, secrets.environment)).toEqual(ALL);
    await role.drop();
    await secrets.stop();
  });
});
