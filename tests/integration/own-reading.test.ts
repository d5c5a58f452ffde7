import { beforeAll, expect, test } from "vitest";
import { compareReadings, READING_TYPES, READINGS } from "../support/own-reading.ts";
import { migratedDatabase, query } from "../support/postgres.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const VALUES = 300;
const SEED = Date.now() % 1_000_000;

const database = migratedDatabase();
beforeAll(() => query(database.url, READING_TYPES));

test.each(READINGS)("$what is what PostgreSQL itself makes of the text", async (reading) => {
  const { differing, refused, stored } = await compareReadings(database, reading, new SeededRandom(SEED), VALUES);
  expect({ differing, refused }, `seed ${SEED}`).toEqual({ differing: [], refused: [] });
  expect(stored).toBeGreaterThan(VALUES / 20);
});
