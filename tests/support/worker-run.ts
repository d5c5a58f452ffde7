import type { Totals } from "../../src/pipeline/totals.ts";
import type { CliResult, RunningCli } from "./cli.ts";
import { createLoginPipeline, type LoginPipeline } from "./login-pipeline.ts";
import { query } from "./postgres.ts";
import { callSqs, type TestSqs } from "./sqs.ts";
import { until } from "./until.ts";

interface LogLine {
  readonly type?: string;
  readonly worker?: number;
  readonly pid?: number;
  readonly connections?: number;
  readonly code?: string;
}

/** The lines so far: each is a JSON object, but for the error and the summary at the end. */
export function linesOf(stderr: string): readonly LogLine[] {
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as LogLine);
}

export const linesWith = (run: RunningCli, type: string): readonly LogLine[] =>
  linesOf(run.stderr()).filter((line) => line.type === type);

/** Of the workers that were started so far, in the order of their starts. */
export const pidsOf = (run: RunningCli): readonly number[] =>
  linesWith(run, "worker.launched").flatMap(({ pid }) => (pid === undefined ? [] : [pid]));

export const haveStarted = (run: RunningCli, workers: number): Promise<void> =>
  until(`${workers} workers have started`, () => linesWith(run, "pipeline.started").length >= workers);

/** Of a run of several workers, with --json. */
export const outcomeOf = ({ stdout }: CliResult) =>
  JSON.parse(stdout) as Totals & {
    readonly elapsedMs: number;
    readonly workers?: number;
    readonly restarts?: number;
    readonly error?: { readonly code: string };
  };

/** Small batches, slowly written: two workers take seconds for what a test sends, and none can hold all of it. */
export async function createSlowPipeline(sqs: TestSqs): Promise<LoginPipeline> {
  const slow = await createLoginPipeline(sqs, { settings: "batch: { rows: 50 }" });
  await query(
    slow.databaseUrl,
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
     CREATE TRIGGER slow BEFORE INSERT ON user_logins FOR EACH STATEMENT EXECUTE PROCEDURE slow()`,
  );
  return slow;
}

/** A new queue of the same name, also without the messages that are in flight, and empty tables. */
export async function emptyPipeline(
  sqs: TestSqs,
  { queue, databaseUrl }: LoginPipeline,
  visibilitySeconds: number,
): Promise<void> {
  await callSqs(sqs.endpoint, "DeleteQueue", { QueueUrl: queue.url });
  await sqs.createQueue(queue.name, { VisibilityTimeout: String(visibilitySeconds) });
  await query(databaseUrl, "TRUNCATE user_logins, piipe.quarantine");
}

export async function distinctUsers({ databaseUrl }: LoginPipeline): Promise<number> {
  const [row] = await query<{ users: number }>(
    databaseUrl,
    "SELECT count(DISTINCT user_id)::int AS users FROM user_logins",
  );
  return row?.users ?? 0;
}
