import { expect, test } from "vitest";
import { utcDay } from "./utc-day.ts";

const NEW_YEAR_MS = Date.UTC(2026, 0, 1);

test("days change at midnight UTC, in whatever order they are asked for", () => {
  const times = [NEW_YEAR_MS, NEW_YEAR_MS - 1, NEW_YEAR_MS + 1, NEW_YEAR_MS + 86_400_000, NEW_YEAR_MS - 1, 0, -1];
  expect(times.map(utcDay)).toEqual([
    "2026-01-01",
    "2025-12-31",
    "2026-01-01",
    "2026-01-02",
    "2025-12-31",
    "1970-01-01",
    "1969-12-31",
  ]);
});
