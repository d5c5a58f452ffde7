import { expect, it, onTestFinished } from "vitest";
import { type RunningCli, runCli, startCli } from "../support/cli.ts";
import { startDsql } from "../support/dsql.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { createTestDatabase, directUrl, postgresMajor, query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const MESSAGES = 20_000;
/** One in two hundred is no JSON. */
const POISON_EVERY = 200;
const POISON = MESSAGES / POISON_EVERY;
const SEED = 41;
/** What a transaction of the service may change. */
const ROWS_MAX = 3_000;
/** Short, so that what the killed worker held comes back soon. */
const VISIBILITY_SECONDS = 5;

/** Against a hang: of four processes, each does much. */
const TIMEOUT_MS = 600_000;

/** A vault, of which a row for each value comes with a batch's rows, so that `batch.rows` alone would break the limit. */
const COLUMNS = `
  user_id: { type: text }
  device_type: { type: text }
  masked_ip: { from: ip, type: ip, mask: hmac-sha256, reveal: true }
  masked_device_id: { from: device_id, type: text, mask: hmac-sha256 }
  locale: { type: text, nullable: true }
  app_version: { type: version }
  create_date: { from: "@sent_at", type: date }
`;

it.skipIf(postgresMajor() < 15)(
  `over Aurora DSQL's stand-in (seed ${SEED}), three workers, one of them killed, store ${MESSAGES} messages once`,
  async () => {
    const sqs = testSqs();
    const database = await createTestDatabase();
    const dsql = await startDsql(directUrl(database.url));
    const pipeline = await createLoginPipeline(sqs, {
      database: { url: dsql.url, drop: () => database.drop() },
      isMigrated: false,
      queueAttributes: { VisibilityTimeout: String(VISIBILITY_SECONDS) },
      columns: COLUMNS,
      settings: "batch: { rows: 1000 }\ndedupeBy: user_id",
    });
    onTestFinished(async () => {
      await dsql.close();
      await pipeline.remove();
    });
    expect((await runCli(["migrate"], pipeline)).code).toBe(0);
    const events = loginEvents(MESSAGES).map((event, index) => (index % POISON_EVERY === 0 ? `{${index}` : event));
    await sqs.send(pipeline.queue.url, events);
    const stored = async (): Promise<number> => {
      const [row] = await query<{ count: number }>(database.url, "SELECT count(*)::integer AS count FROM user_logins");
      return row?.count ?? 0;
    };
    const workers: RunningCli[] = [1, 2, 3].map(() => startCli(["run", "--until-empty", "--json"], pipeline));
    onTestFinished(() => workers.forEach((worker) => worker.process.kill("SIGKILL")));
    await Promise.all(workers.map(({ printed }) => printed('"pipeline.started"')));
    dsql.disturb({ seed: SEED, conflictShare: 0.2, statementsMax: 25 });
    await until("some rows are stored", async () => (await stored()) >= MESSAGES / 5, 120_000);
    workers[0]?.process.kill("SIGKILL");
    expect(await stored()).toBeLessThan(MESSAGES - POISON);
    const results = await Promise.all(workers.map(({ ended }) => ended));
    expect(results.map(({ code, signal }) => signal ?? code)).toEqual(["SIGKILL", 0, 0]);
    expect(
      await query(
        database.url,
        `SELECT count(*)::integer AS stored, count(DISTINCT user_id)::integer AS users,
           (SELECT count(*) FROM piipe.ledger)::integer AS claimed,
           (SELECT count(*) FROM piipe.quarantine WHERE reason = 'body.not-json')::integer AS quarantined
         FROM user_logins`,
      ),
    ).toEqual([{ stored: MESSAGES - POISON, users: MESSAGES - POISON, claimed: MESSAGES, quarantined: POISON }]);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
    expect(dsql.counts.conflicts).toBeGreaterThan(10);
    expect(dsql.counts.ended).toBeGreaterThan(0);
    expect(dsql.counts).toMatchObject({ refused: 0, tooMany: 0 });
    expect(dsql.rowsMax()).toBeLessThanOrEqual(ROWS_MAX);
  },
  TIMEOUT_MS,
);
