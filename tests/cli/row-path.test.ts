import { afterAll, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { loginEvents } from "../support/login-events.ts";
import { createLoginPipeline, type LoginPipeline } from "../support/login-pipeline.ts";
import { query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
const pipelines: LoginPipeline[] = [];
afterAll(async () => {
  for (const pipeline of pipelines) await pipeline.remove();
});

async function pipelineWith(ddl: string): Promise<LoginPipeline> {
  const pipeline = await createLoginPipeline(sqs);
  pipelines.push(pipeline);
  await query(pipeline.databaseUrl, ddl);
  return pipeline;
}

it("counts what a trigger keeps out as skipped, everywhere, and check names it", async () => {
  const pipeline = await pipelineWith(`
    CREATE FUNCTION keeps_out() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.user_id IN ('user-3', 'user-4') THEN RETURN NULL; END IF; RETURN NEW; END $$;
    CREATE TRIGGER keeps_out_tests BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE PROCEDURE keeps_out()`);
  const check = await runCli(["check"], pipeline);
  expect(check.code).toBe(0);
  expect(check.stdout + check.stderr).toContain("the trigger keeps_out_tests of public.user_logins (BEFORE)");

  await sqs.send(pipeline.queue.url, loginEvents(5));
  const run = await runCli(["run", "--until-empty"], pipeline);
  expect(run.code).toBe(0);
  expect(run.stderr).toContain("received 5, stored 3, skipped by the table's triggers or rules 2, already there 0");
  expect(run.stderr).toContain("kept 2 rows out; their messages are deleted");
  expect(await pipeline.rows()).toBe(3);
  const [worker] = await query<{ figures: unknown }>(pipeline.databaseUrl, "SELECT figures FROM piipe.workers");
  expect(worker?.figures).toMatchObject({ stored: 3, skipped: 2, deleted: 5, concerns: ["rows-skipped"] });
});

it("names a rule when it starts, and stores through it", async () => {
  const pipeline = await pipelineWith(`
    CREATE TABLE seen (user_id text);
    CREATE RULE notes AS ON INSERT TO user_logins DO ALSO INSERT INTO seen VALUES (NEW.user_id)`);
  await sqs.send(pipeline.queue.url, loginEvents(3));
  const run = await runCli(["run", "--until-empty"], pipeline);
  expect(run.code).toBe(0);
  expect(run.stderr).toContain("the rule notes of public.user_logins (DO ALSO)");
  expect(run.stderr).toContain("stored 3, already there 0");
  expect(await query(pipeline.databaseUrl, "SELECT count(*)::integer AS n FROM seen")).toEqual([{ n: 3 }]);
});

it("refuses a foreign table below the target, at the start and in check", async () => {
  const pipeline = await pipelineWith(`
    CREATE FOREIGN DATA WRAPPER dummy; CREATE SERVER elsewhere FOREIGN DATA WRAPPER dummy;
    CREATE FOREIGN TABLE user_logins_far () INHERITS (user_logins) SERVER elsewhere`);
  await sqs.send(pipeline.queue.url, loginEvents(1));
  for (const args of [["run", "--until-empty"], ["check"]]) {
    const { code, stdout, stderr } = await runCli(args, pipeline);
    expect(code).toBe(4);
    expect(stdout + stderr).toContain("the foreign table public.user_logins_far");
    expect(stdout + stderr).toContain("Exactly once needs one transaction on one server");
  }
  expect((await sqs.count(pipeline.queue.url)).total).toBe(1);
});
