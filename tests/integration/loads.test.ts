import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { inTransaction } from "../../src/postgres/transaction.ts";
import { CLAIMS, sourceIdOf } from "../../src/storage/ledger/claim.ts";
import { beginLoad, noteLines } from "../../src/storage/loads.ts";
import { runCli } from "../support/cli.ts";
import { createOrderPipeline, itemsUpTo, orderEvents } from "../support/order-pipeline.ts";
import { migratedDatabase, query, withClient } from "../support/postgres.ts";
import { testSqs } from "../support/sqs.ts";
import { until } from "../support/until.ts";

const NEVER = new AbortController().signal;

const sqs = testSqs();
const database = migratedDatabase(3);

async function newLoad(): Promise<string> {
  const source = `load:logins:${randomUUID()}`;
  const digests = { noted: [source], known: [source] };
  await beginLoad(database.pool, { pipeline: "logins", source, digests }, NEVER);
  return source;
}

/** The lines of them that were got. */
const claim = (source: string, lines: readonly number[]): Promise<readonly number[]> =>
  inTransaction(database.pool, { doing: "claiming" }, async (run) => {
    const days = `{${lines.map(() => "2026-01-31").join(",")}}`;
    const { rows } = await run(`WITH claimed AS (${CLAIMS.load.sql}) SELECT message_id FROM claimed ORDER BY 1`, [
      days,
      `{${lines.join(",")}}`,
      sourceIdOf(source),
    ]);
    return rows.map((row) => Number(row["message_id"]));
  });

it("a claim that met the noting of its lines does not get them again, though their rows are gone", async () => {
  const source = await newLoad();
  expect(await claim(source, [1, 2, 3, 5])).toEqual([1, 2, 3, 5]);
  const again = await withClient(database.url, async (client) => {
    await client.query("BEGIN");
    await client.query(`UPDATE piipe.loads SET lines_done = 3 WHERE load_id = ${sourceIdOf(source)}`);
    await client.query("DELETE FROM piipe.load_lines WHERE line <= 3");
    const claiming = claim(source, [2, 3, 4, 5]);
    await until("a claim that waits", async () => {
      const waiting = await query(
        database.url,
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return waiting.length > 0;
    });
    await client.query("COMMIT");
    return claiming;
  });
  expect(again).toEqual([4]);
});

it("what is noted waits for the claims under way, and never goes back", async () => {
  const source = await newLoad();
  const noting = await withClient(database.url, async (client) => {
    await client.query("BEGIN");
    await client.query(`WITH claimed AS (${CLAIMS.load.sql}) SELECT FROM claimed`, [
      "{2026-01-31}",
      "{7}",
      sourceIdOf(source),
    ]);
    const work = noteLines(database.pool, source, { linesDone: 7, isComplete: false }, NEVER);
    await until("a note that waits", async () => {
      const waiting = await query(
        database.url,
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return waiting.length > 0;
    });
    await client.query("COMMIT");
    return work;
  });
  expect(noting).toBeUndefined();
  await noteLines(database.pool, source, { linesDone: 3, isComplete: false }, NEVER);
  expect(await claim(source, [3, 7, 8])).toEqual([8]);
  expect(await query(database.url, `SELECT line FROM piipe.load_lines WHERE load_id = ${sourceIdOf(source)}`)).toEqual([
    { line: "8" },
  ]);
});

it("orders of a file get their items, all of an order or nothing", async () => {
  const pipeline = await createOrderPipeline(sqs);
  onTestFinished(() => pipeline.remove());
  await writeFile(join(pipeline.folder, "orders"), orderEvents(0, 40).join("\n"));
  for (const stored of [40, 0]) {
    const result = await runCli(["load", "--json", "orders"], pipeline);
    expect(JSON.parse(result.stdout)).toMatchObject({ stored, quarantined: 0 });
    expect(await pipeline.count()).toEqual({ orders: 40, items: itemsUpTo(40), torn: 0 });
  }
});
