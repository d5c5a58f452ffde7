import { createHash } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { type CliResult, type RunningCli, startCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { startQueryFront } from "../support/query-front.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

/** Short, so that what the killed worker held comes back soon. */
const VISIBILITY_SECONDS = 5;

/** What the table must hold. */
function expectedRow(events: readonly string[]) {
  const logins = events.map((event) => JSON.parse(event) as Record<string, string | null>);
  const rows = logins.map((login) => {
    const [major = 0, minor = 0, patch = 0] = String(login["app_version"]).split(".").map(Number);
    const version = major * 1_000_000 + minor * 1_000 + patch;
    // concat_ws leaves NULL out.
    const parts = [login["user_id"], login["device_type"], login["locale"], version].filter((part) => part !== null);
    return { user: login["user_id"] ?? "", text: parts.join("|") };
  });
  const sorted = rows.toSorted((a, b) => (a.user < b.user ? -1 : 1)).map(({ text }) => text);
  return {
    rows: String(events.length),
    addresses: String(new Set(logins.map(({ ip }) => ip)).size),
    devices: String(new Set(logins.map(({ device_id: device }) => device)).size),
    digest: createHash("md5").update(sorted.join(",")).digest("hex"),
  };
}

/** Three workers on one queue, one of them killed while it works, when a fifth is stored. */
async function runKilled(endpoint: string, events: readonly string[]) {
  const sqs = testSqs();
  const pipeline = await createLoginPipeline(sqs, {
    queueAttributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) },
    settings: `batch: { rows: ${Math.min(1_000, events.length / 20)} }`,
  });
  onTestFinished(() => pipeline.remove());
  await sqs.send(pipeline.queue.url, events);
  const workers: RunningCli[] = [1, 2, 3].map(() =>
    startCli(["run", "--until-empty", "--json"], {
      folder: pipeline.folder,
      environment: { ...pipeline.environment, AWS_ENDPOINT_URL_SQS: endpoint },
    }),
  );
  onTestFinished(() => workers.forEach((worker) => worker.process.kill("SIGKILL")));
  await until("some rows are stored", async () => (await pipeline.rows()) >= events.length / 5, 60_000);
  const rowsAtKill = await pipeline.rows();
  workers[0]?.process.kill("SIGKILL");
  const results: CliResult[] = await Promise.all(workers.map(({ ended }) => ended));
  const [row] = await query<{ rows: string; addresses: string; devices: string; digest: string }>(
    pipeline.databaseUrl,
    `SELECT count(*) AS rows, count(DISTINCT masked_ip) AS addresses, count(DISTINCT masked_device_id) AS devices,
            md5(string_agg(concat_ws('|', user_id, device_type, locale, app_version), ',' ORDER BY user_id COLLATE "C"))
              AS digest
     FROM user_logins`,
  );
  const remaining = await sqs.count(pipeline.queue.url);
  const quarantined = await pipeline.quarantined();
  return { results, rowsAtKill, row, remaining, quarantined };
}

const MESSAGES = 20_000;

it(`three workers, one of them killed with SIGKILL midway, store exactly ${MESSAGES} rows over the Query protocol`, async () => {
  const events = loginEvents(MESSAGES);
  const front = await startQueryFront(testSqs().endpoint);
  onTestFinished(() => front.stop());
  const { results, rowsAtKill, row, remaining, quarantined } = await runKilled(front.endpoint, events);
  expect(rowsAtKill).toBeLessThan(MESSAGES);
  expect(results.map(({ code, signal }) => signal ?? code)).toEqual(["SIGKILL", 0, 0]);
  expect(row).toEqual(expectedRow(events));
  expect(remaining).toMatchObject({ total: 0 });
  expect(quarantined).toEqual([]);
  expect(front.counts.query).toBeGreaterThan(MESSAGES / 10);
});
