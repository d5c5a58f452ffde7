import { expect, it, onTestFinished } from "vitest";
import { runCli } from "./cli.ts";
import { createDeadLetters, type DeadLetters, type DeadLettersOptions } from "./dead-letters.ts";
import { type KillPoint, startWorker } from "./doomed-worker.ts";
import { loginEvents } from "./login-events.ts";
import { query } from "./postgres.ts";
import { testSqs } from "./sqs.ts";

/** Gone with the test. */
export async function lettersOfTest(options: DeadLettersOptions = {}): Promise<DeadLetters> {
  const letters = await createDeadLetters(testSqs(), options);
  onTestFinished(() => letters.remove());
  return letters;
}

export const usersOf = async ({ pipeline }: DeadLetters): Promise<string[]> =>
  (await query<{ user_id: string }>(pipeline.databaseUrl, "SELECT user_id FROM user_logins ORDER BY user_id")).map(
    ({ user_id: user }) => user,
  );

/** Of the first login events. */
export const users = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `user-${index}`).toSorted();

/** The test of a redrive killed at a point. */
export function testKilledRedrive(point: KillPoint): void {
  it(`a redrive killed with SIGKILL at “${point}” and repeated stores each message once`, async () => {
    const letters = await lettersOfTest({ visibilitySeconds: 3, settings: "batch: { rows: 50 }" });
    await testSqs().send(letters.pipeline.queue.url, loginEvents(300));
    await letters.move(letters.pipeline.queue.url);
    const doomed = startWorker(["redrive", "--yes"], letters.pipeline);
    await doomed.killAt(point);
    // Waits for what the killed one held.
    const result = await runCli(["redrive", "--yes", "--json"], letters.pipeline);
    expect(result.code).toBe(0);
    expect(await usersOf(letters)).toEqual(users(300));
    expect(await letters.count()).toMatchObject({ total: 0 });
  });
}
