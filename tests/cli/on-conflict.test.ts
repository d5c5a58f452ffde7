import { afterAll, beforeAll, expect, it } from "vitest";
import { runCli } from "../support/cli.ts";
import { createTestDatabase, query } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { createTestPipeline, type TestPipeline } from "../support/test-pipeline.ts";

const sqs = testSqs();
let pipeline: TestPipeline;

const CONFIG = `
unmatched: drop
tables:
  orders:
    when: { type: order }
    onConflict: { key: order_id, do: update, newest: changed }
    columns:
      order_id: { type: text }
      changed: { type: integer }
`;

beforeAll(async () => {
  const database = await createTestDatabase("migrated");
  pipeline = await createTestPipeline(sqs, { database, config: CONFIG, migrates: true });
});
afterAll(() => pipeline.remove());

it("a table that migrate made takes onConflict; run and status count its rows, and what no table takes", async () => {
  const order = (changed: number): string => JSON.stringify({ type: "order", order_id: "a", changed });
  await sqs.send(pipeline.queue.url, [order(2), order(1), JSON.stringify({ type: "other" })]);
  const { code, stdout } = await runCli(["run", "--until-empty", "--json"], pipeline);
  expect(code).toBe(0);
  const {
    stored,
    dropped,
    duplicate,
    inserted = 0,
    updated = 0,
    ignored = 0,
  } = JSON.parse(stdout) as Record<string, number>;
  expect({ dropped, all: inserted + updated + ignored, done: (stored ?? 0) + (duplicate ?? 0) }).toEqual({
    dropped: 1,
    all: 2,
    done: 2,
  });
  expect(inserted).toBe(1);
  expect(await query(pipeline.databaseUrl, "SELECT order_id, changed::integer FROM orders")).toEqual([
    { order_id: "a", changed: 2 },
  ]);
  await sqs.send(pipeline.queue.url, [order(3)]);
  const second = await runCli(["run", "--until-empty"], pipeline);
  expect(second.stderr).toContain(
    "received 1, stored 1 (rows by onConflict: inserted 0, updated 1, ignored 0), already there 0",
  );
  const status = JSON.parse((await runCli(["status", "--json"], pipeline)).stdout) as {
    workers: { value: ReadonlyArray<{ figures: object }> };
  };
  expect(status.workers.value.map(({ figures }) => figures)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ dropped: 1, inserted: 1 }),
      expect.objectContaining({ updated: 1 }),
    ]),
  );
});

it("check says which statement makes the index that is missing, and a run does not start", async () => {
  await query(pipeline.databaseUrl, "ALTER TABLE orders DROP CONSTRAINT orders_order_id_key");
  for (const command of [["check"], ["run", "--until-empty"]]) {
    const { code, stdout, stderr } = await runCli(command, pipeline);
    expect(code).not.toBe(0);
    expect(`${stdout}${stderr}`).toContain('CREATE UNIQUE INDEX ON "public"."orders" ("order_id");');
  }
});
