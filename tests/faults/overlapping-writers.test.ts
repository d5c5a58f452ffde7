import { beforeAll, expect, it } from "vitest";
import type { BatchOutcome } from "../../src/pipeline/contracts.ts";
import { checkTable } from "../../src/write/check-table.ts";
import { PostgresSink } from "../../src/write/postgres-sink.ts";
import { readTargetTable } from "../../src/write/target-table.ts";
import { batchOf, column, record, refusedEvent, SENT_AT_MS } from "../support/masked-records.ts";
import { writtenOne } from "../support/one-table.ts";
import { migratedDatabase, query } from "../support/postgres.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const WRITERS = 8;
const ROUNDS = 40;
const RECORDS = 1_000;
const REFUSED = 40;
const NEVER = new AbortController().signal;
const MS_PER_DAY = 86_400_000;

const database = migratedDatabase(WRITERS);
beforeAll(async () => {
  await query(database.url, "CREATE TABLE events (n integer)");
});

// A write that met a deadlock would throw: 40P01 is retried a layer above.
it("eight writers with overlapping batches in orders of chance: every id once, no deadlock, nothing blamed", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.info(`seed ${seed}`);
  const random = new SeededRandom(seed);
  const columns = [column("n", "integer")];
  const table = await readTargetTable(database.pool, { schema: null, name: "events" });
  checkTable(table, columns, new Map());
  const sink = new PostgresSink({
    pool: database.pool,
    written: writtenOne(table, columns),
    sourceName: "events",
    claim: "ledger",
  });
  // Of two days: two partitions of the ledger.
  const records = Array.from({ length: RECORDS }, (_, n) => record([n], undefined, SENT_AT_MS + (n % 2) * MS_PER_DAY));
  const refused = Array.from({ length: REFUSED }, () => refusedEvent());
  const some = <T>(items: readonly T[], size: number): T[] => random.shuffle(items).slice(0, size);
  const writer = async (): Promise<BatchOutcome[]> => {
    const outcomes: BatchOutcome[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      outcomes.push(await sink.write(batchOf(some(records, 150), some(refused, 10)), NEVER));
    }
    return outcomes;
  };
  const outcomes = (await Promise.all(Array.from({ length: WRITERS }, writer))).flat();
  outcomes.push(await sink.write(batchOf(records, refused), NEVER));

  const kindsOf = (of: "records" | "refused"): ReadonlyMap<string, number> => {
    const counts = new Map<string, number>();
    for (const { kind } of outcomes.flatMap((outcome) => outcome[of])) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  };
  const offered = WRITERS * ROUNDS;
  expect(kindsOf("records")).toEqual(
    new Map([
      ["stored", RECORDS],
      ["duplicate", offered * 150],
    ]),
  );
  expect(kindsOf("refused")).toEqual(
    new Map([
      ["quarantined", REFUSED],
      ["duplicate", offered * 10],
    ]),
  );
  const rows = "SELECT count(*)::integer AS rows, count(DISTINCT n)::integer AS ids FROM events";
  expect(await query(database.url, rows)).toEqual([{ rows: RECORDS, ids: RECORDS }]);
  // The statistics of a session are complete once it has ended.
  await database.pool.close();
  const deadlocks = "SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()";
  expect(await query(database.url, deadlocks)).toEqual([{ deadlocks: 0 }]);
});
