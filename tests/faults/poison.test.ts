import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/failure.ts";
import type { PiipeError } from "../../src/errors.ts";
import { type InnerPipeline, createInnerPipeline } from "../support/inner-pipeline.ts";
import { type TestDatabase, createTestDatabase, query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";

const sqs = testSqs();
let template: TestDatabase;
let pipeline: InnerPipeline;
beforeAll(async () => {
  template = await createTestDatabase("migrated");
  await query(template.url, "CREATE TABLE events (n integer, CHECK (n >= 0))");
});
afterAll(async () => {
  await template.drop();
});
beforeEach(async () => {
  pipeline = await createInnerPipeline(sqs, { template, columns: { n: { type: "integer" } } });
});
afterEach(() => pipeline.remove());

const good = (n: number): string => `{"n":${n}}`;
/** By turns what does not fit the columns, and what only PostgreSQL refuses. */
const bad = (n: number): string => (n % 2 === 0 ? `{"n":"${n}"}` : `{"n":-${n}}`);

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

async function stored(): Promise<number[]> {
  const rows = await query<{ n: number }>(pipeline.databaseUrl, "SELECT n FROM events ORDER BY n");
  return rows.map(({ n }) => n);
}

describe("poison among good messages", () => {
  it.each([
    ["0.1%", 3_000, 1_000],
    ["10%", 2_000, 10],
  ])("%s, to three workers: exactly those are quarantined, all others stored", async (_, count, every) => {
    // Odd, so that both kinds of poison are among them.
    const isBad = (n: number): boolean => (n + Math.floor(n / every)) % every === every - 1;
    await sqs.send(
      pipeline.queue.url,
      numbers(count).map((n) => (isBad(n) ? bad(n) : good(n))),
    );
    const totals = await Promise.all([1, 2, 3].map(() => pipeline.start().ended));
    const poison = numbers(count).filter(isBad);
    expect((await pipeline.quarantined()).toSorted()).toEqual(poison.map(bad).toSorted());
    expect(await stored()).toEqual(numbers(count).filter((n) => !isBad(n)));
    expect(totals.reduce((sum, { quarantined }) => sum + quarantined, 0)).toBe(poison.length);
    expect(totals.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(count);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(0);
  });
});

/** Each worker halts, says why, and has quarantined nothing. */
async function runUntilHalted(workers: number): Promise<PiipeError[]> {
  const runs = Array.from({ length: workers }, () => pipeline.start());
  return Promise.all(
    runs.map(async ({ ended, events }) => {
      const error: unknown = await ended.then(
        () => "ended well",
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: "data.beyond-limit", retryable: false });
      expect(exitCodeOf(error)).toBe(5);
      expect((error as PiipeError).hint).toContain("haltAboveShare");
      expect(events.at(-1)?.type).not.toBe("pipeline.stopped");
      return error as PiipeError;
    }),
  );
}

describe("nothing but poison", () => {
  const MESSAGES = 1_200;
  it.each([
    ["that does not fit the columns", 0, "events were refused"],
    ["that only PostgreSQL refuses", 1, "PostgreSQL refused"],
  ])("%s: workers halt and say why, also when they are restarted; nothing is quarantined", async (_, kind, says) => {
    await sqs.send(
      pipeline.queue.url,
      numbers(MESSAGES).map((n) => bad(2 * n + kind)),
    );
    for (const workers of [3, 1]) {
      for (const { message } of await runUntilHalted(workers)) expect(message).toContain(says);
    }
    expect(await pipeline.quarantined()).toEqual([]);
    expect(await stored()).toEqual([]);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(MESSAGES);
  });

  it("from one message on: no more than the window lets through, and restarts add nothing", async () => {
    await sqs.send(pipeline.queue.url, [...numbers(1_000).map(good), ...numbers(2_000).map((n) => bad(2 * n))]);
    await runUntilHalted(1);
    const letThrough = (await pipeline.quarantined()).length;
    // More than half of the last 1,000 events halts.
    expect(letThrough).toBeLessThanOrEqual(500);
    expect(await stored()).toEqual(numbers(1_000));
    for (let restart = 0; restart < 3; restart += 1) await runUntilHalted(1);
    expect(await pipeline.quarantined()).toHaveLength(letThrough);
    expect((await sqs.count(pipeline.queue.url)).total).toBe(2_000 - letThrough);
  });

  it("but too little of it to judge a queue by: quarantined, and the run ends well", async () => {
    await sqs.send(pipeline.queue.url, numbers(5).map(bad));
    expect(await pipeline.start().ended).toMatchObject({ stored: 0, quarantined: 5, deleted: 5 });
    expect((await pipeline.quarantined()).toSorted()).toEqual(numbers(5).map(bad).toSorted());
  });
});
