import { beforeAll, expect, test } from "vitest";
import { compareReadings, READING_TYPES, READINGS } from "../support/own-reading.ts";
import { migratedDatabase, query } from "../support/postgres.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const VALUES = 10_000;
/** What money and ids are made of. */
const EXACT_VALUES = 100_000;
const EXACT: ReadonlySet<string> = new Set(["a decimal in numeric", "an integer in bigint"]);
const SEED = Date.now() % 1_000_000;

const database = migratedDatabase();
beforeAll(() => query(database.url, READING_TYPES));

test.each(READINGS)("$what is what PostgreSQL itself makes of the text", { timeout: 600_000 }, async (reading) => {
  const count = EXACT.has(reading.what) ? EXACT_VALUES : VALUES;
  const { differing, refused, stored } = await compareReadings(database, reading, new SeededRandom(SEED), count);
  expect({ differing, refused }, `seed ${SEED}`).toEqual({ differing: [], refused: [] });
  expect(stored).toBeGreaterThan(count / 20);
});
