import { expect, it } from "vitest";
import { rareJson, rareText } from "./output.ts";

it("says nothing of what did not happen", () => {
  expect(rareText({})).toBe("");
  expect(rareJson({ dropped: 0 }, true)).toEqual({});
});

it("counts events without a table, and rows with onConflict", () => {
  const counts = { stored: 9, dropped: 2, inserted: 4, ignored: 1 };
  expect(rareText(counts)).toBe(
    ", dropped 2 that no table takes (rows by onConflict: inserted 4, updated 0, ignored 1)",
  );
  expect(rareJson(counts, false)).toEqual({ dropped: 2, inserted: 4, ignored: 1 });
  expect(rareJson({ ...counts, updated: 3 }, true)).toEqual({
    wouldDrop: 2,
    wouldInsert: 4,
    wouldUpdate: 3,
    wouldIgnore: 1,
  });
});
