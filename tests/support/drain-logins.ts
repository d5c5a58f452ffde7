import { expect } from "vitest";
import { startCommand } from "./cli.ts";
import { loginEvents } from "./login-events.ts";
import type { LoginPipeline } from "./login-pipeline.ts";
import { query } from "./postgres.ts";
import { testSqs } from "./sqs.ts";

/**
 * Sends so many events, and runs until the queue is empty: each is stored once, none refused, none left.
 * @param databaseUrl where the run finds the database @returns the totals that the run printed
 */
export async function drainLogins(
  pipeline: LoginPipeline,
  messages: number,
  databaseUrl: string,
  onStarted = () => {},
): Promise<Readonly<Record<string, number>>> {
  const sqs = testSqs();
  await sqs.send(pipeline.queue.url, loginEvents(messages));
  const environment = { ...pipeline.environment, DATABASE_URL: databaseUrl };
  const worker = startCommand(["run", "--until-empty", "--json"], { ...pipeline, environment });
  await worker.printed("pipeline.started");
  onStarted();
  const { code, stdout, stderr } = await worker.ended;
  expect(code, stderr).toBe(0);
  const counts = "SELECT count(*)::integer AS rows, count(DISTINCT user_id)::integer AS users FROM user_logins";
  expect(await query(pipeline.databaseUrl, counts)).toEqual([{ rows: messages, users: messages }]);
  expect(await pipeline.quarantined()).toEqual([]);
  expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  return JSON.parse(stdout) as Record<string, number>;
}
