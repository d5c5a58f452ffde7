import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type CliResult, runCli } from "../support/cli.ts";
import { createDeadLetters } from "../support/dead-letters.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, LOGIN_COLUMNS, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { grantsTo, REFUSED_USERS, REFUSING_TABLES, type RefusingTable } from "../support/refusing-logins.ts";
import { createTestRole } from "../support/roles.ts";
import { testSqs } from "../support/sqs.ts";

/*
 * Rows that PostgreSQL refuses under codes that look like faults of the table, where no good row need be beside them: in the
 * quarantine, whose events were all refused before, and in a dead-letter queue.
 */

/** Refuses every login event: no app_version is a whole number. */
const BROKEN_COLUMNS = LOGIN_COLUMNS.replace("app_version: { type: version }", "app_version: { type: integer }");
const GOOD_USERS = ["user-2", "user-3"];
const [FIRST = "", SECOND = "", THIRD = "", FOURTH = ""] = loginEvents(4);
const UNDECODABLE = FIRST.replace(/"ip":"[^"]*"/, '"ip":"999.1.1.1"').replace("user-0", "user-9");
const PAGE_ROWS = 3;

const sqs = testSqs();

const jsonOf = ({ stdout }: CliResult): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;

const userIds = async ({ databaseUrl }: LoginPipeline): Promise<readonly string[]> =>
  (await query<{ user_id: string }>(databaseUrl, "SELECT user_id FROM user_logins ORDER BY user_id")).map(
    (row) => row.user_id,
  );

const reasons = ({ databaseUrl }: LoginPipeline) =>
  query<{ state: string; reason: string; id: string }>(
    databaseUrl,
    "SELECT state, reason, message_id AS id FROM piipe.quarantine ORDER BY state, reason",
  );

/** Makes the table refuse two users; the environment of who writes to it then. */
async function refuse({ databaseUrl, environment }: LoginPipeline, { ddl, asRole }: RefusingTable) {
  await query(databaseUrl, ddl);
  if (asRole === undefined) return environment;
  const role = await createTestRole(databaseUrl);
  onTestFinished(() => role.drop());
  await query(databaseUrl, grantsTo(role.name));
  return { ...environment, DATABASE_URL: role.url };
}

/** Rows, claims and refused events are as they were. */
async function unchanging<T>({ databaseUrl }: LoginPipeline, work: () => Promise<T>): Promise<T> {
  const snapshot = () =>
    Promise.all(
      ["user_logins", "piipe.ledger", "piipe.quarantine", "piipe.business_ids", "piipe.key_checks"].map((table) =>
        query(databaseUrl, `SELECT to_jsonb(each)::text AS row FROM ${table} AS each ORDER BY 1`),
      ),
    );
  const before = await snapshot();
  const result = await work();
  expect(await snapshot()).toEqual(before);
  return result;
}

/** One page of the quarantine that PostgreSQL takes nothing of, and a second one that is good. */
async function twoPages(): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs, {
    columns: BROKEN_COLUMNS,
    settings: `quarantine: { haltAboveShare: 1 }\nbatch: { rows: ${PAGE_ROWS} }`,
  });
  onTestFinished(() => pipeline.remove());
  // A page is read in the order of sending.
  for (const bodies of [
    [UNDECODABLE, FIRST, SECOND],
    [THIRD, FOURTH],
  ]) {
    await sqs.send(pipeline.queue.url, bodies);
    const { code, stderr } = await runCli(["run", "--until-empty"], pipeline);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  }
  const file = join(pipeline.folder, "piipe.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("app_version: { type: integer }", "app_version: { type: version }"));
  return pipeline;
}

describe("piipe quarantine replay", () => {
  it.each(REFUSING_TABLES)(
    "of a page that the table takes nothing of, by $what: notes it, and stores the next",
    async (cause) => {
      const pipeline = await twoPages();
      const environment = await refuse(pipeline, cause);
      const replay = (args: readonly string[]) =>
        runCli(["quarantine", "replay", "--all", "--json", ...args], { folder: pipeline.folder, environment });
      const dry = await unchanging(pipeline, () => replay(["--dry-run"]));
      const result = await replay([]);
      const { wouldStore, wouldSkip, ...asInEarnest } = jsonOf(dry);
      expect({ code: dry.code, ...asInEarnest, stored: wouldStore, skipped: wouldSkip }).toEqual({
        code: result.code,
        ...jsonOf(result),
        dryRun: true,
      });
      expect({ code: result.code, ...jsonOf(result) }).toMatchObject({
        code: 5,
        events: 5,
        stored: 2,
        refused: 3,
        refusals: [
          { code: "field.format", path: "ip", detail: "expected an IP address, found other text", count: 1 },
          { code: cause.reason, path: null, count: 2 },
        ],
      });
      expect(result.stderr).not.toContain("no row passed");
      expect(await userIds(pipeline)).toEqual(GOOD_USERS);
      expect((await reasons(pipeline)).map(({ state, reason }) => `${state} ${reason}`).toSorted()).toEqual(
        [
          `pending ${cause.reason}`,
          `pending ${cause.reason}`,
          "pending field.format",
          "replayed field.type",
          "replayed field.type",
        ].toSorted(),
      );
    },
  );

  it("of one event that the table refuses says so, and that no row passed", async () => {
    const [cause] = REFUSING_TABLES;
    const pipeline = await twoPages();
    if (cause) await refuse(pipeline, cause);
    await runCli(["quarantine", "replay", "--all"], pipeline);
    const { id = "" } = (await reasons(pipeline)).find(({ reason }) => reason === "database.trigger") ?? {};
    const result = await runCli(["quarantine", "replay", id], pipeline);
    expect(result.code).toBe(5);
    expect(result.stderr).toContain("1 event: stored 0, refused again 1\n  1 × database.trigger\n");
    expect(result.stderr).toContain("no row passed");
  });

  it("finds the good ones among many that the table refuses, though none is beside them in the batch's first rows", async () => {
    const pipeline = await createLoginPipeline(sqs, {
      columns: BROKEN_COLUMNS,
      settings: "quarantine: { haltAboveShare: 1 }",
    });
    onTestFinished(() => pipeline.remove());
    await sqs.send(pipeline.queue.url, loginEvents(200));
    expect(await runCli(["run", "--until-empty"], pipeline)).toMatchObject({ code: 0 });
    const file = join(pipeline.folder, "piipe.yaml");
    await writeFile(file, (await readFile(file, "utf8")).replace("{ type: integer }", "{ type: version }"));
    await refuse(pipeline, {
      what: "",
      reason: "",
      ddl: `
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.user_id NOT IN ('user-2', 'user-3') THEN RAISE 'no'; END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE PROCEDURE refuse()`,
    });
    const result = await runCli(["quarantine", "replay", "--all", "--json"], pipeline);
    expect({ code: result.code, ...jsonOf(result) }).toMatchObject({ code: 5, events: 200, stored: 2, refused: 198 });
    expect(await userIds(pipeline)).toEqual(GOOD_USERS);
  });
});

describe("piipe redrive", () => {
  it.each(REFUSING_TABLES)("of rows refused by $what: they are quarantined, the others stored", async (cause) => {
    const letters = await createDeadLetters(sqs);
    onTestFinished(() => letters.remove());
    const { pipeline } = letters;
    await sqs.send(pipeline.queue.url, [FIRST, SECOND, THIRD, FOURTH]);
    await letters.move(pipeline.queue.url);
    const environment = await refuse(pipeline, cause);
    const redrive = (args: readonly string[]) =>
      runCli(["redrive", "--json", ...args], { folder: pipeline.folder, environment });
    const dry = await unchanging(pipeline, () => redrive(["--dry-run"]));
    const result = await redrive(["--yes"]);
    expect({ code: dry.code, ...jsonOf(dry) }).toMatchObject({
      code: 0,
      wouldStore: 2,
      wouldQuarantine: 2,
      refusals: jsonOf(result)["refusals"],
    });
    expect({ code: result.code, ...jsonOf(result) }).toMatchObject({ code: 0, stored: 2, quarantined: 2, deleted: 4 });
    expect(await userIds(pipeline)).toEqual(GOOD_USERS);
    expect((await reasons(pipeline)).map(({ reason }) => reason)).toEqual(REFUSED_USERS.map(() => cause.reason));
    expect(await letters.count()).toMatchObject({ total: 0 });
  });
});
