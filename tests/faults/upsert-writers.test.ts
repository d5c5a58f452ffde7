import { beforeAll, expect, it } from "vitest";
import { parseConfig } from "../../src/config/load-config.ts";
import { migratedDatabase, query } from "../support/postgres.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { openStore, sent } from "../support/store-events.ts";

const WRITERS = 8;
const ROUNDS = 6;
const KEYS = 150;
const ROWS = 120;

const database = migratedDatabase(WRITERS);
beforeAll(async () => {
  await query(database.url, "CREATE TABLE states (key integer PRIMARY KEY, changed integer NOT NULL)");
});

// A write that met a deadlock would throw: 40P01 is retried a layer above.
it("eight writers over the same keys in orders of chance: no deadlock, and the newest row of each key", async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  console.info(`seed ${seed}`);
  const random = new SeededRandom(seed);
  const config = parseConfig(
    {
      source: { sqs: { queue: "states" } },
      sink: { postgres: { url: "postgres://localhost/db", table: "states" } },
      onConflict: { key: "key", do: "update", newest: "changed" },
      columns: { key: { type: "integer" }, changed: { type: "integer" } },
    },
    { baseFolder: "/" },
  );
  const store = await openStore(config, database.pool);
  const newest = new Map<number, number>();
  let inserted = 0;
  const writer = async (): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const events = Array.from({ length: ROWS }, () => ({ key: random.below(KEYS), changed: random.below(1_000) }));
      for (const { key, changed } of events) newest.set(key, Math.max(changed, newest.get(key) ?? -1));
      const outcome = await store.store(events.map(sent));
      inserted += outcome.inserted ?? 0;
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  const rows = await query<{ key: number; changed: number }>(database.url, "SELECT key, changed FROM states");
  expect(new Map(rows.map(({ key, changed }) => [key, changed]))).toEqual(newest);
  expect(inserted).toBe(newest.size);
  // The statistics of a session are complete once it has ended.
  await database.pool.close();
  const deadlocks = "SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()";
  expect(await query(database.url, deadlocks)).toEqual([{ deadlocks: 0 }]);
});
