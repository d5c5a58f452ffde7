import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Secret } from "../../src/config/secret.ts";
import type { MaskedRecord } from "../../src/pipeline/contracts.ts";
import { type PostgresPool, openPool } from "../../src/postgres/connection.ts";
import { migrate } from "../../src/storage/schema/migrations.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { runCli, startCommand } from "../support/cli.ts";
import { type DsqlStandIn, startDsql } from "../support/dsql.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline } from "../support/login-pipeline.ts";
import { batchOf, column, record } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import { type TestDatabase, createTestDatabase, directUrl, postgresMajor, query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const MESSAGES = 400;
const SEED = 7;

/** The long form is dsql.slow.test.ts. The service is PostgreSQL 16 to its clients. */
it.skipIf(postgresMajor() < 15)(
  `Aurora DSQL's stand-in answers COMMITs with 40001 and ends connections (seed ${SEED}): each message is stored once`,
  async () => {
    const sqs = testSqs();
    const database = await createTestDatabase();
    const dsql = await startDsql(directUrl(database.url));
    const pipeline = await createLoginPipeline(sqs, {
      database: { url: dsql.url, drop: () => database.drop() },
      isMigrated: false,
      settings: "batch: { rows: 20 }",
    });
    onTestFinished(async () => {
      await dsql.close();
      await pipeline.remove();
    });
    const migrated = await runCli(["migrate"], pipeline);
    expect(migrated.code, migrated.stderr).toBe(0);
    await sqs.send(pipeline.queue.url, loginEvents(MESSAGES));
    const run = startCommand(["run", "--until-empty", "--json"], pipeline);
    await run.printed('"pipeline.started"');
    dsql.disturb({ seed: SEED, conflictShare: 0.2, statementsMax: 7 });
    const { code, stderr } = await run.ended;
    expect(code, stderr).toBe(0);
    expect(dsql.counts.conflicts).toBeGreaterThan(0);
    expect(dsql.counts.ended).toBeGreaterThan(0);
    expect(
      await query(
        database.url,
        `SELECT count(*)::integer AS stored, count(DISTINCT user_id)::integer AS users,
           (SELECT count(*) FROM piipe.ledger)::integer AS claimed, (SELECT count(*) FROM piipe.quarantine)::integer AS quarantined
         FROM user_logins`,
      ),
    ).toEqual([{ stored: MESSAGES, users: MESSAGES, claimed: MESSAGES, quarantined: 0 }]);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  },
);

/** Each with an original for the vault. */
const withOriginals = (amount: number): readonly MaskedRecord[] =>
  Array.from({ length: amount }, (_, n) => {
    const original = { column: "n", token: `t${n}`, sealed: Uint8Array.of(n % 256), domain: "d" };
    return { ...record([n]), originals: [original] };
  });

describe.skipIf(postgresMajor() < 15)("a database that was migrated over the stand-in", () => {
  let database: TestDatabase;
  let dsql: DsqlStandIn;
  let pool: PostgresPool;
  beforeAll(async () => {
    database = await createTestDatabase();
    dsql = await startDsql(directUrl(database.url));
    pool = openPool({ url: new Secret(dsql.url), connectionsMax: 1 });
    await migrate(pool);
  });
  afterAll(async () => {
    await pool.close();
    await dsql.close();
    await database.drop();
  });

  it("has the tables and columns of every other, but for what DSQL has not", async () => {
    const other = await createTestDatabase("migrated");
    onTestFinished(() => other.drop());
    const expected = (await columnsIn(other.url))
      // Of files, which are not loaded there.
      .filter((shown) => !/^load(?:s|_lines)\./.test(shown))
      .map((shown) => (shown === "audit.id bigint NO" ? "audit.id uuid NO" : shown.replace(" jsonb ", " json ")));
    expect((await columnsIn(database.url)).filter((shown) => !shown.startsWith("locks."))).toEqual(expected);
  });

  it("a batch that changes more rows than a transaction may is halved until it fits", async () => {
    await query(database.url, "CREATE TABLE events (n integer)");
    const table = await readTargetTable(pool, { schema: null, name: "events" });
    const written = writtenOne(table, [column("n", "integer")]);
    const sink = new PostgresSink({ pool, written, sourceName: "arn:aws:sqs:x:0:events", claim: "ledger" });
    // 2,800 are too many before the vault is written, 1,400 with it, and 700 are not.
    const { records } = await sink.write(batchOf(withOriginals(2_800)), new AbortController().signal);
    expect(records.every(({ kind }) => kind === "stored")).toBe(true);
    expect(dsql.counts).toMatchObject({ tooMany: 3, commits: 4 + 1 });
    expect(dsql.rowsMax()).toBe(2_100);
    const [row] = await query(
      database.url,
      "SELECT (SELECT count(*) FROM events)::integer AS rows, (SELECT count(*) FROM piipe.vault)::integer AS vault",
    );
    expect(row).toEqual({ rows: 2_800, vault: 2_800 });
  });
});

/** Of piipe's own tables, as `ledger.sent_day date NO`. */
async function columnsIn(url: string): Promise<readonly string[]> {
  const rows = await query<{ shown: string }>(
    url,
    `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS shown
     FROM information_schema.columns
     WHERE table_schema = 'piipe' AND table_name !~ '^ledger_' ORDER BY 1`,
  );
  return rows.map(({ shown }) => shown);
}
